"""The 13 operations of the claim API, in one table: everything else is derived from it.

Routes, error statuses, request decoding, the OpenAPI document and the botocore model read this
table, and nothing of them is written a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.api.errors import (
    CONFLICT,
    FORBIDDEN,
    INTERNAL_FAILURE,
    INVALID_REQUEST,
    NOT_FOUND,
    NOT_SATISFIABLE,
    PRECONDITION_FAILED,
)
from orchestrator.api.members import (
    DEVICE_DESCRIPTION,
    DEVICE_EVENT,
    DEVICE_ID,
    DEVICE_METHOD,
    IF_EPOCH,
    INVOCATION,
    MAX_RESULTS_MEMBER,
    METHOD_NAME,
    NEXT_TOKEN,
    NEXT_TOKEN_OUT,
    RESOURCE_ARN,
    STATE,
    TAGS,
)
from orchestrator.api.shapes import Flag, Integer, ListOf, MapOf, Member, Moment, Text

Method = Literal["GET", "PUT", "POST", "DELETE"]

API_VERSION: Final = "2018-05-14"
SIGNING_NAME: Final = "iot1click"
ENDPOINT_PREFIX: Final = "devices.iot1click"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row: what is asked, where, and everything it may answer."""

    name: str
    method: Method
    path: str
    doc: str
    members: tuple[Member, ...] = ()
    success: int = 200
    output: tuple[Member, ...] = ()
    output_headers: tuple[Member, ...] = ()
    errors: tuple[str, ...] = ()
    """Names of the exceptions that the published model lists."""
    our_errors: tuple[str, ...] = ()
    """Those that only callers who use our own headers can meet."""
    paged: str | None = None
    """The member of the answer that holds a page's items."""
    content_type: str = "application/json"
    signed: bool = True
    strict: bool = False
    """Whether a member of the body that nobody knows is refused, or ignored as AWS ignores it."""

    def taken_from(self, where: str) -> tuple[Member, ...]:
        """The members of the request that stand there."""
        return tuple(member for member in self.members if member.where == where)


def _op(
    name: str,
    route: str,
    doc: str,
    *members: Member,
    output: tuple[Member, ...] = (),
    errors: tuple[str, ...],
    success: int = 200,
    paged: str | None = None,
    our_errors: tuple[str, ...] = (),
    output_headers: tuple[Member, ...] = (),
) -> Operation:
    method, path = route.split(" ")
    if method != "GET":
        members = (*members, INVOCATION)
    return Operation(
        name=name,
        method=_METHODS[method],
        path=path,
        doc=doc,
        members=members,
        output=output,
        errors=(*errors, INTERNAL_FAILURE),
        success=success,
        paged=paged,
        our_errors=our_errors,
        output_headers=output_headers,
    )


_METHODS: Final[Mapping[str, Method]] = {
    "GET": "GET",
    "PUT": "PUT",
    "POST": "POST",
    "DELETE": "DELETE",
}

OPERATIONS: Final[tuple[Operation, ...]] = (
    _op(
        "ClaimDevicesByClaimCode",
        "PUT /claims/{claimCode}",
        "Claims every device of a box at once, without a press.",
        Member(
            name="claimCode",
            kind=Text(min_length=12, max_length=40, pattern="^C-[A-Z0-9]{10,38}$"),
            doc="The code on the box.",
            where="path",
            required=True,
        ),
        output=(
            Member(name="claimCode", kind=Text(min_length=12, max_length=40), doc="The code used."),
            Member(name="total", kind=Integer(), doc="How many devices the code claimed."),
        ),
        errors=(INVALID_REQUEST, FORBIDDEN),
    ),
    _op(
        "DescribeDevice",
        "GET /devices/{deviceId}",
        "Shows one device that the caller has claimed.",
        DEVICE_ID,
        output=(
            Member(name="deviceDescription", kind=DEVICE_DESCRIPTION, doc="What is known of it."),
        ),
        errors=(NOT_FOUND, INVALID_REQUEST),
    ),
    _op(
        "FinalizeDeviceClaim",
        "PUT /devices/{deviceId}/finalize-claim",
        "Takes the device over after its button was pressed inside the claim's window.",
        DEVICE_ID,
        TAGS,
        IF_EPOCH,
        output=(STATE,),
        errors=(NOT_FOUND, INVALID_REQUEST, PRECONDITION_FAILED, CONFLICT),
    ),
    _op(
        "GetDeviceMethods",
        "GET /devices/{deviceId}/methods",
        "Names the methods that InvokeDeviceMethod understands for this device.",
        DEVICE_ID,
        output=(
            Member(name="deviceMethods", kind=ListOf(METHOD_NAME), doc="The methods, names only."),
        ),
        errors=(NOT_FOUND, INVALID_REQUEST),
    ),
    _op(
        "InitiateDeviceClaim",
        "PUT /devices/{deviceId}/initiate-claim",
        "Opens the claim's window: the next step is to press the button.",
        DEVICE_ID,
        output=(STATE,),
        errors=(NOT_FOUND, INVALID_REQUEST, CONFLICT),
        output_headers=(
            Member(
                name="x-clickclaim-epoch",
                kind=Integer(),
                doc="Number of this claim, for x-clickclaim-if-epoch.",
                ours=True,
            ),
            Member(
                name="x-clickclaim-attempt",
                kind=Text(),
                doc="Id of the attempt that this began, for /v1/records.",
                ours=True,
            ),
            Member(
                name="x-clickclaim-deadline-ms",
                kind=Integer(),
                doc="When the window ends, UTC milliseconds, exclusive.",
                ours=True,
            ),
            Member(
                name="x-clickclaim-window-ms",
                kind=Integer(),
                doc="How long the window is open, in milliseconds.",
                ours=True,
            ),
        ),
    ),
    _op(
        "InvokeDeviceMethod",
        "POST /devices/{deviceId}/methods",
        "Asks the device's health, or sets and reads the callbacks of its owner.",
        DEVICE_ID,
        Member(name="deviceMethod", kind=DEVICE_METHOD, doc="Which method, and whose it is."),
        Member(
            name="deviceMethodParameters",
            kind=Text(),
            doc="JSON text with the method's parameters; absent for methods that read.",
        ),
        output=(
            Member(name="deviceMethodResponse", kind=Text(), doc="JSON text with the answer."),
        ),
        errors=(INVALID_REQUEST, PRECONDITION_FAILED, NOT_FOUND, NOT_SATISFIABLE, CONFLICT),
    ),
    _op(
        "ListDeviceEvents",
        "GET /devices/{deviceId}/events",
        "Lists the clicks of a claimed device, oldest first, by the time they were received.",
        DEVICE_ID,
        Member(
            name="fromTimeStamp",
            kind=Moment(),
            doc="Earliest time, inclusive.",
            where="query",
            required=True,
        ),
        MAX_RESULTS_MEMBER,
        NEXT_TOKEN,
        Member(
            name="toTimeStamp",
            kind=Moment(),
            doc="Latest time, exclusive.",
            where="query",
            required=True,
        ),
        output=(
            Member(name="events", kind=ListOf(DEVICE_EVENT), doc="A page of clicks."),
            NEXT_TOKEN_OUT,
        ),
        errors=(NOT_FOUND, NOT_SATISFIABLE, INVALID_REQUEST),
        paged="events",
    ),
    _op(
        "ListDevices",
        "GET /devices",
        "Lists the devices that the caller has claimed.",
        Member(
            name="deviceType", kind=Text(), doc="Only devices of this type: button.", where="query"
        ),
        MAX_RESULTS_MEMBER,
        NEXT_TOKEN,
        output=(
            Member(name="devices", kind=ListOf(DEVICE_DESCRIPTION), doc="A page of devices."),
            NEXT_TOKEN_OUT,
        ),
        errors=(NOT_SATISFIABLE, INVALID_REQUEST),
        paged="devices",
    ),
    _op(
        "ListTagsForResource",
        "GET /tags/{resource-arn}",
        "Shows the tags of a claimed device.",
        RESOURCE_ARN,
        output=(Member(name="tags", kind=MapOf(Text()), doc="The device's tags."),),
        errors=(NOT_FOUND,),
    ),
    _op(
        "TagResource",
        "POST /tags/{resource-arn}",
        "Adds tags to a claimed device; a name that is there already gets the new value.",
        RESOURCE_ARN,
        Member(name="tags", kind=TAGS.kind, doc=TAGS.doc, required=True),
        success=204,
        errors=(NOT_FOUND, INVALID_REQUEST),
    ),
    _op(
        "UnclaimDevice",
        "PUT /devices/{deviceId}/unclaim",
        "Gives a device up: a claimed one, or the caller's own claim in progress.",
        DEVICE_ID,
        IF_EPOCH,
        Member(
            name="x-clickclaim-if-state",
            kind=Text(one_of=("CLAIM_INITIATED", "CLAIMED")),
            doc="Go on only if the claim is in this state; else 412.",
            where="header",
            ours=True,
        ),
        Member(
            name="x-clickclaim-reason",
            kind=Text(max_length=2048),
            doc="Why, percent-encoded; kept in the record.",
            where="header",
            ours=True,
        ),
        output=(STATE,),
        errors=(NOT_FOUND, INVALID_REQUEST),
        our_errors=(PRECONDITION_FAILED,),
    ),
    _op(
        "UntagResource",
        "DELETE /tags/{resource-arn}",
        "Takes tags off a claimed device; names that it does not have are passed over.",
        RESOURCE_ARN,
        Member(
            name="tagKeys",
            kind=ListOf(Text()),
            doc="Names of the tags, the parameter repeated for each.",
            where="query",
            required=True,
        ),
        success=204,
        errors=(NOT_FOUND, INVALID_REQUEST),
    ),
    _op(
        "UpdateDeviceState",
        "PUT /devices/{deviceId}/state",
        "Turns the passing of clicks to the callback on or off.",
        DEVICE_ID,
        Member(name="enabled", kind=Flag(), doc="True turns it on, false off."),
        errors=(NOT_FOUND, INVALID_REQUEST),
    ),
)
