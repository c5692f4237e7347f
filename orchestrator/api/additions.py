"""What the service answers beyond the published API: records, facts, frames, health."""

from __future__ import annotations

from typing import Final

from orchestrator.api.development import DEVELOPMENT
from orchestrator.api.errors import INTERNAL_FAILURE, INVALID_REQUEST, NOT_FOUND, NOT_SATISFIABLE
from orchestrator.api.members import (
    DEVICE_ID,
    INVOCATION,
    MAX_RESULTS_MEMBER,
    NEXT_TOKEN,
    NEXT_TOKEN_OUT,
)
from orchestrator.api.operations import Operation
from orchestrator.api.shapes import (
    Anything,
    Flag,
    Integer,
    ListOf,
    MapOf,
    Member,
    Record,
    Text,
)
from orchestrator.domain.attempts import OUTCOMES

# A station sends what it heard in the last moment; one body holds at most 64 KiB anyway.
MOST_FRAMES: Final = 256
# The largest whole number that every JSON reader keeps exact.
_MOST_MS: Final = 2**53 - 1


def _text(name: str, doc: str, *, nullable: bool = False, required: bool = False) -> Member:
    return Member(name=name, kind=Text(), doc=doc, nullable=nullable, required=required)


def _ms(name: str, doc: str, *, nullable: bool = False, required: bool = False) -> Member:
    kind = Integer(minimum=0, maximum=_MOST_MS)
    return Member(name=name, kind=kind, doc=doc, nullable=nullable, required=required)


def _flag(name: str, doc: str) -> Member:
    return Member(name=name, kind=Flag(), doc=doc)


ATTEMPT: Final = Record(
    "Attempt",
    (
        _text("attemptId", "Id of the attempt."),
        _text("namespace", "Namespace of device and account."),
        _text("deviceId", "Which device was to be claimed."),
        _text("account", "Who tried."),
        Member(name="epoch", kind=Integer(), doc="Number of the claim on this device."),
        Member(
            name="via", kind=Text(one_of=("click", "claim-code")), doc="What was to vouch for it."
        ),
        _text("invocation", "Invocation id of the initiate.", nullable=True),
        Member(
            name="outcome",
            kind=Text(one_of=OUTCOMES),
            doc="How it ended; null while it is open.",
            nullable=True,
        ),
        _text("reason", "A sentence, when there is more to say."),
        _flag("simulated", "The click that counted was simulated."),
        _ms("openedMs", "When it began, UTC milliseconds."),
        _ms("deadlineMs", "When its window ends, exclusive."),
        _ms("endedMs", "When it got its outcome.", nullable=True),
        _ms("releasedMs", "When the claimed device was given up again.", nullable=True),
        _text("opened", "The same as ISO 8601 text."),
        _text("ended", "The same as ISO 8601 text.", nullable=True),
        Member(name="latenciesMs", kind=MapOf(Integer()), doc="From the beginning to each mark."),
        Member(
            name="timeline",
            kind=ListOf(
                Record(
                    "Mark",
                    (
                        _text("what", "What happened."),
                        _ms("atMs", "When, UTC milliseconds."),
                        _text("at", "The same as ISO 8601 text."),
                    ),
                )
            ),
            doc="The moments of the attempt, each with its details, in order.",
        ),
    ),
)

_FRAME: Final = Record(
    "Frame",
    (
        Member(
            name="transport",
            kind=Text(one_of=("mqtt", "serial", "ble-advertisement", "ble-notify")),
            doc="What carried it.",
            required=True,
        ),
        _text("source", "Spec string of the source that heard it.", required=True),
        _ms("heardMs", "When its bytes were read, UTC milliseconds.", required=True),
        _text("payload", "The bytes in base64.", required=True),
        _text("address", "Who sent it, as the link says.", nullable=True),
        _text("channel", "MQTT topic, or UUID of the service or characteristic.", nullable=True),
        _text("name", "Name in the advertisement.", nullable=True),
        Member(
            # One signed byte in Bluetooth's advertising report.
            name="rssiDbm",
            kind=Integer(minimum=-128, maximum=127),
            doc="Signal strength.",
            nullable=True,
        ),
        Member(name="serviceUuids", kind=ListOf(Text()), doc="What else the peer advertises."),
        Member(
            name="manufacturerData",
            kind=ListOf(
                Record(
                    "ManufacturerData",
                    (
                        Member(
                            name="companyId",
                            kind=Integer(minimum=0, maximum=0xFFFF),
                            doc="Bluetooth company id.",
                            required=True,
                        ),
                        _text("data", "The bytes in base64.", required=True),
                    ),
                )
            ),
            doc="Manufacturer data of the same advertisement.",
        ),
        _flag("retained", "The broker kept this copy."),
        _flag("queued", "The broker may have held it."),
        _ms("lastHeardBeforeMs", "When the previous connection last heard.", nullable=True),
        _flag("direct", "Heard by the station's own driver."),
        _flag("linkLost", "No message: the connection to the address ended."),
        _flag("simulated", "From a replay or a simulated button."),
    ),
)

ADDITIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="SendFrames",
        method="POST",
        path="/v1/frames",
        doc="Takes raw frames that a station heard, and decodes them with the service's keys.",
        members=(
            Member(
                name="frames",
                kind=ListOf(_FRAME, max_items=MOST_FRAMES),
                doc="The frames, oldest first.",
                required=True,
            ),
            _ms(
                "sentMs",
                "The station's own clock when it sent this. The frames' times are moved by the"
                " difference to the service's clock, so that only that one decides.",
            ),
            INVOCATION,
        ),
        output=(
            Member(
                name="receipts",
                kind=ListOf(
                    Record(
                        "FrameReceipt",
                        (
                            _text("disposition", "What became of the click.", nullable=True),
                            _text("deviceId", "Whose click it was.", nullable=True),
                            _text("reason", "A sentence for a person."),
                        ),
                    )
                ),
                doc="One for each frame, in order; what it says is durable.",
            ),
        ),
        errors=(INVALID_REQUEST, INTERNAL_FAILURE),
    ),
    Operation(
        name="StreamFacts",
        method="GET",
        path="/v1/stream",
        doc="Facts of the caller's account as server-sent events, each once and in order.",
        members=(
            Member(
                name="last-event-id",
                kind=Text(max_length=64),
                doc="Goes on after this event; an event `reset` says that some were missed.",
                where="header",
                ours=True,
            ),
        ),
        errors=(INVALID_REQUEST, INTERNAL_FAILURE),
        content_type="text/event-stream",
    ),
    Operation(
        name="ListRecords",
        method="GET",
        path="/v1/records",
        doc="Attempts of the caller's account with outcome and timeline, newest first.",
        members=(
            Member(name="device", kind=DEVICE_ID.kind, doc="Only of this device.", where="query"),
            Member(
                name="outcome",
                kind=Text(one_of=OUTCOMES),
                doc="Only those that ended so.",
                where="query",
            ),
            Member(
                name="invocation",
                kind=Text(min_length=1, max_length=128),
                doc="Only the one whose initiate had this id.",
                where="query",
            ),
            Member(name="open", kind=Flag(), doc="Only those that have no outcome.", where="query"),
            Member(
                name="before",
                kind=Text(max_length=160),
                doc="Only older ones than this: openedMs,attemptId.",
                where="query",
            ),
            MAX_RESULTS_MEMBER,
            NEXT_TOKEN,
        ),
        output=(
            Member(name="records", kind=ListOf(ATTEMPT), doc="A page of attempts."),
            NEXT_TOKEN_OUT,
        ),
        errors=(INVALID_REQUEST, NOT_SATISFIABLE, INTERNAL_FAILURE),
    ),
    Operation(
        name="GetRecord",
        method="GET",
        path="/v1/records/{attemptId}",
        doc="One attempt of the caller's account.",
        members=(
            Member(
                name="attemptId",
                kind=Text(min_length=1, max_length=128),
                doc="Id of the attempt.",
                where="path",
                required=True,
            ),
        ),
        output=ATTEMPT.members,
        errors=(INVALID_REQUEST, NOT_FOUND, INTERNAL_FAILURE),
    ),
    Operation(
        name="CheckHealth",
        method="GET",
        path="/healthz",
        doc="Whether the service answers, and how its sources are.",
        output=(
            Member(name="status", kind=Text(one_of=("ok",)), doc="It answers."),
            _text("version", "Version of clickclaim."),
            _text("profile", "dev, demo or production."),
            Member(name="sources", kind=ListOf(Anything()), doc="Each source with its state."),
        ),
        errors=(INTERNAL_FAILURE,),
        signed=False,
    ),
    Operation(
        name="GetOpenApi",
        method="GET",
        path="/openapi.json",
        doc="This document.",
        output=(),
        errors=(INTERNAL_FAILURE,),
        signed=False,
    ),
    *DEVELOPMENT,
)
