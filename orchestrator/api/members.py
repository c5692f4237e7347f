"""Members that several operations share: device ids, tags, pages, states."""

from __future__ import annotations

from typing import Final

from orchestrator.api.shapes import Flag, Integer, MapOf, Member, Number, Record, Text

MAX_RESULTS: Final = 250
DEFAULT_RESULTS: Final = 100

DEVICE_ID: Final = Member(
    name="deviceId",
    kind=Text(min_length=1, max_length=32, pattern="^[A-Za-z0-9_-]{1,32}$"),
    doc="The id printed on the button. Case matters.",
    where="path",
    required=True,
)
RESOURCE_ARN: Final = Member(
    name="resource-arn",
    kind=Text(min_length=1),
    doc="ARN of a claimed device, percent-encoded into one path segment.",
    where="path",
    required=True,
)
TAGS: Final = Member(
    name="tags",
    kind=MapOf(Text()),
    doc="Up to 50 names with values; a name has at most 127 characters, a value at most 255,"
    " and neither begins with aws:.",
)
MAX_RESULTS_MEMBER: Final = Member(
    name="maxResults",
    kind=Integer(minimum=1, maximum=MAX_RESULTS),
    doc=f"How many items a page may hold; {DEFAULT_RESULTS} when it is not said.",
    where="query",
)
NEXT_TOKEN: Final = Member(
    name="nextToken",
    kind=Text(),
    doc="Where the last page ended; absent on the first.",
    where="query",
)
NEXT_TOKEN_OUT: Final = Member(
    name="nextToken", kind=Text(), doc="Asks for the page after this one; absent on the last."
)
STATE: Final = Member(
    name="state",
    kind=Text(one_of=("UNCLAIMED", "CLAIM_INITIATED", "CLAIMED")),
    doc="State of the claim after this call.",
)
_ATTRIBUTES: Final = Member(
    name="attributes", kind=MapOf(Text()), doc="Where the button hangs, once it has been placed."
)
_TYPE: Final = Member(name="type", kind=Text(), doc="What it is: button.")
_DEVICE_ID_OUT: Final = Member(name="deviceId", kind=Text(), doc="The id printed on the button.")
DEVICE_DESCRIPTION: Final = Record(
    "DeviceDescription",
    (
        Member(name="arn", kind=Text(), doc="Name of the device among all accounts."),
        _ATTRIBUTES,
        _DEVICE_ID_OUT,
        Member(name="enabled", kind=Flag(), doc="Whether clicks are passed to the callback."),
        Member(
            name="remainingLife",
            kind=Number(minimum=0, maximum=100),
            doc="Percentage of the battery that is left, 0 to 100.",
        ),
        _TYPE,
        Member(name="tags", kind=MapOf(Text()), doc="The owner's tags."),
    ),
)
DEVICE_EVENT: Final = Record(
    "DeviceEvent",
    (
        Member(
            name="device",
            kind=Record("Device", (_ATTRIBUTES, _DEVICE_ID_OUT, _TYPE)),
            doc="Which device clicked.",
        ),
        Member(
            name="stdEvent",
            kind=Text(),
            doc="JSON text: clickType, reportedTime, certificateId, remainingLife, testMode.",
        ),
    ),
)
_NAME: Final = Member(name="methodName", kind=Text(), doc="Name of the method.")
# GetDeviceMethods gives names only; what type to invoke each with is in the docs.
METHOD_NAME: Final = Record("DeviceMethodName", (_NAME,))
DEVICE_METHOD: Final = Record(
    "DeviceMethod",
    (Member(name="deviceType", kind=Text(), doc="Whose method it is: device or button."), _NAME),
)
IF_EPOCH: Final = Member(
    name="x-clickclaim-if-epoch",
    kind=Integer(minimum=0),
    doc="Go on only if the claim is still at this epoch; else 412.",
    where="header",
    ours=True,
)
INVOCATION: Final = Member(
    name="amz-sdk-invocation-id",
    kind=Text(min_length=1, max_length=128),
    doc="Id of this call. The same id within 10 minutes gets the stored answer.",
    where="header",
    ours=True,
)
