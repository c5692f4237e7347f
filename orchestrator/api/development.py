"""What the service answers in profile dev alone: keys, time and faults of one's own, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from orchestrator.api.errors import (
    CONFLICT,
    FORBIDDEN,
    INTERNAL_FAILURE,
    INVALID_REQUEST,
    NOT_FOUND,
    STATUS,
)
from orchestrator.api.members import DEVICE_ID
from orchestrator.api.operations import Operation
from orchestrator.api.shapes import Anything, Flag, Integer, ListOf, Member, Number, Record, Text
from orchestrator.faults import FAULT_KINDS

# Four hundred days: longer than anything is kept by default.
MOST_ADVANCE_MS: Final = 400 * 24 * 3600 * 1000
# Longer than any client waits for an answer.
MOST_LATENCY_MS: Final = 60_000
MOST_FAULTS: Final = 100
# What every reader of JSON keeps exact.
MOST_SEED: Final = 2**53 - 1
# A box that one code claims in a test.
MOST_IN_A_BOX: Final = 1_000
_DEV_ERRORS: Final = (INVALID_REQUEST, FORBIDDEN, INTERNAL_FAILURE)


def _text(name: str, doc: str, *, nullable: bool = False) -> Member:
    return Member(name=name, kind=Text(), doc=doc, nullable=nullable)


_CLOCK: Final = (
    Member(name="nowMs", kind=Integer(), doc="What time it is in the caller's namespace."),
    Member(name="virtual", kind=Flag(), doc="Whether it stands still until it is advanced."),
    _text("now", "The same as ISO 8601 text."),
)

_FAULT: Final = (
    Member(name="kind", kind=Text(one_of=FAULT_KINDS), doc="What goes wrong.", required=True),
    Member(
        name="operation",
        kind=Text(min_length=1, max_length=64),
        doc="Which operation it strikes, such as FinalizeDeviceClaim; * for each.",
        nullable=True,
    ),
    Member(
        name="link",
        kind=Text(min_length=1, max_length=256),
        doc="Instead: how the spec of the source begins whose frames it strikes, such as mqtt:"
        " or sim:; * for each. Frames are late (latency), lost (drop) or heard twice (duplicate).",
        nullable=True,
    ),
    Member(
        name="latencyMs",
        kind=Integer(minimum=1, maximum=MOST_LATENCY_MS),
        doc="For latency: how much later, in real time.",
        nullable=True,
    ),
    Member(
        name="error",
        kind=Text(one_of=tuple(sorted(STATUS))),
        doc="For error: the exception that is answered; nothing is done.",
        nullable=True,
    ),
    Member(
        name="status",
        kind=Integer(minimum=500, maximum=599),
        doc="For error, instead: answered as by a gateway in front, with no exception's name.",
        nullable=True,
    ),
    Member(
        name="probability",
        kind=Number(minimum=0, maximum=1),
        doc="How likely each time; 1 when absent.",
    ),
    Member(
        name="count",
        kind=Integer(minimum=1, maximum=1_000_000),
        doc="How often at most; no limit when absent.",
        nullable=True,
    ),
)

_ASKED: Final = (
    Member(
        name="faults",
        kind=ListOf(Record("Fault", _FAULT), max_items=MOST_FAULTS),
        doc="The plan; each fault strikes by itself.",
        required=True,
    ),
    Member(
        name="seed",
        kind=Integer(minimum=0, maximum=MOST_SEED),
        doc="Where probabilities begin: the same seed strikes the same requests.",
    ),
)

_PLAN: Final = (
    Member(
        name="faults",
        kind=ListOf(
            Record(
                "PlannedFault",
                (*_FAULT, Member(name="struck", kind=Integer(), doc="How often it did so far.")),
            )
        ),
        doc="The plan of the caller's namespace.",
    ),
)

_ROWS: Final[tuple[Operation, ...]] = (
    Operation(
        name="CreateKey",
        method="POST",
        path="/v1/keys",
        doc="An access key of a new account, in a namespace of its own. Profile dev only.",
        members=(
            Member(
                name="namespace",
                kind=Text(max_length=63),
                doc="Which namespace; a new one when absent.",
            ),
            Member(name="label", kind=Text(max_length=256), doc="What it is for."),
        ),
        output=(
            _text("accessKeyId", "The key's name."),
            _text("secretAccessKey", "What requests are signed with."),
            _text("namespace", "Where its account lives."),
            _text("account", "Its account, twelve digits."),
        ),
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="CreateClaimCode",
        method="POST",
        path="/v1/claim-codes",
        doc="A claim code for a box of devices in the caller's namespace; those that are not"
        " registered are from then on. Profile dev only.",
        members=(
            Member(
                name="deviceIds",
                kind=ListOf(Text(), max_items=MOST_IN_A_BOX),
                doc="What is in the box.",
                required=True,
            ),
        ),
        output=(_text("claimCode", "What claims them all, without a click."),),
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="GetClock",
        method="GET",
        path="/v1/clock",
        doc="What time it is in the caller's namespace. Profile dev only.",
        output=_CLOCK,
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="AdvanceClock",
        method="POST",
        path="/v1/clock/advance",
        doc="Lets virtual time pass in the caller's namespace and in no other. Answers when all"
        " that became due on the way is committed. Profile dev with `serve --clock virtual` only.",
        members=(
            Member(
                name="ms",
                kind=Integer(minimum=0, maximum=MOST_ADVANCE_MS),
                doc="How much of it, in milliseconds.",
                required=True,
            ),
        ),
        output=_CLOCK,
        errors=(INVALID_REQUEST, FORBIDDEN, CONFLICT, INTERNAL_FAILURE),
    ),
    Operation(
        name="PutFaults",
        method="PUT",
        path="/v1/faults",
        doc="Plans what goes wrong in the caller's namespace, in place of the plan before. A drop"
        " is a request that never arrives and is never answered; a crash cuts the connection after"
        " the commit and before the answer; of a duplicate the second answer arrives."
        " Profile dev only.",
        members=_ASKED,
        output=_PLAN,
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="AddFaults",
        method="POST",
        path="/v1/faults",
        doc="Plans more that goes wrong in the caller's namespace; what is planned already goes on"
        " where it is. Profile dev only.",
        members=_ASKED,
        output=_PLAN,
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="GetFaults",
        method="GET",
        path="/v1/faults",
        doc="The plan of the caller's namespace, and how often each struck. Profile dev only.",
        output=_PLAN,
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="DeleteFaults",
        method="DELETE",
        path="/v1/faults",
        doc="Lets nothing go wrong any more in the caller's namespace. Profile dev only.",
        success=204,
        errors=_DEV_ERRORS,
    ),
    Operation(
        name="ExplainDevice",
        method="GET",
        path="/v1/why/{deviceId}",
        doc="Everything on record of a device of the caller's namespace: its claim, attempts and"
        " clicks, those that did not count too. Profile dev only.",
        members=(DEVICE_ID,),
        output=(
            _text("deviceId", "Which device."),
            _text("state", "UNCLAIMED, CLAIM_INITIATED or CLAIMED."),
            _text("owner", "Account that claims or owns it.", nullable=True),
            Member(name="nowMs", kind=Integer(), doc="What time it is in the namespace."),
            Member(
                name="attempts",
                kind=ListOf(Anything()),
                doc="The latest attempts as /v1/records gives them, oldest first.",
            ),
            Member(
                name="clicks",
                kind=ListOf(
                    Record(
                        "JudgedClick",
                        (
                            Member(name="atMs", kind=Integer(), doc="When it was received."),
                            _text("clickType", "SINGLE, DOUBLE or LONG."),
                            _text("disposition", "What became of it."),
                            _text("reason", "A sentence for a person."),
                            _text("source", "Spec string of the source that heard it."),
                            Member(
                                name="epoch",
                                kind=Integer(),
                                doc="Number of the claim that it met; 0 before the first.",
                            ),
                            Member(name="repeats", kind=Integer(), doc="Heard again so often."),
                        ),
                    )
                ),
                doc="The latest clicks, oldest first.",
            ),
        ),
        errors=(INVALID_REQUEST, FORBIDDEN, NOT_FOUND, INTERNAL_FAILURE),
    ),
)

# A test whose fault has a misspelt member would go well for the wrong reason.
DEVELOPMENT: Final = tuple(replace(row, strict=True) for row in _ROWS)
