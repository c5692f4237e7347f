"""What each operation asks of the claim service, and how its answer looks on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from orchestrator.claims.service import ClaimService
from orchestrator.claims.views import DeviceView, EventView
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import Caller

Headers = tuple[tuple[bytes, bytes], ...]

JSON_HEADERS: Final[Headers] = ((b"content-type", b"application/json"),)
_INVOCATION: Final = "amz-sdk-invocation-id"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, ready to be sent."""

    status: int
    body: bytes
    headers: Headers = JSON_HEADERS


def json_answer(value: Any, headers: Headers = ()) -> Answer:
    """200 with this value."""
    return Answer(200, msgspec.json.encode(value), JSON_HEADERS + headers)


Values = Mapping[str, Any]
Handler = Callable[[ClaimService, Caller, Values], Awaitable[Answer]]

NO_CONTENT: Final = Answer(204, b"", ())


async def _claim_by_code(service: ClaimService, caller: Caller, values: Values) -> Answer:
    claimed = await service.claim_by_code(
        caller, values["claimCode"], invocation=values[_INVOCATION]
    )
    return json_answer({"claimCode": claimed.claim_code, "total": claimed.total})


async def _describe(service: ClaimService, caller: Caller, values: Values) -> Answer:
    view = await service.describe(caller, values["deviceId"])
    return json_answer({"deviceDescription": _device_json(view)})


async def _finalize(service: ClaimService, caller: Caller, values: Values) -> Answer:
    state = await service.finalize(
        caller,
        values["deviceId"],
        tags=values["tags"],
        if_epoch=values["x-clickclaim-if-epoch"],
        invocation=values[_INVOCATION],
    )
    return json_answer({"state": state})


async def _methods(service: ClaimService, caller: Caller, values: Values) -> Answer:
    methods = await service.methods(caller, values["deviceId"])
    # The published service named the methods and kept to itself what type each is invoked with.
    return json_answer({"deviceMethods": [{"methodName": name} for _, name in methods]})


async def _initiate(service: ClaimService, caller: Caller, values: Values) -> Answer:
    initiated = await service.initiate(caller, values["deviceId"], invocation=values[_INVOCATION])
    return json_answer(
        {"state": initiated.state},
        (
            (b"x-clickclaim-epoch", b"%d" % initiated.epoch),
            (b"x-clickclaim-attempt", initiated.attempt_id.encode()),
            (b"x-clickclaim-deadline-ms", b"%d" % initiated.deadline_ms),
            (b"x-clickclaim-window-ms", b"%d" % initiated.window_ms),
        ),
    )


async def _invoke(service: ClaimService, caller: Caller, values: Values) -> Answer:
    method = values["deviceMethod"]
    if method is None:
        raise InvalidRequestError(
            "deviceMethod is missing in the body. GetDeviceMethods names the methods."
        )
    response = await service.invoke(
        caller,
        values["deviceId"],
        device_type=method.deviceType or "",
        method_name=method.methodName or "",
        parameters=values["deviceMethodParameters"],
        invocation=values[_INVOCATION],
    )
    return json_answer({"deviceMethodResponse": response})


async def _list_events(service: ClaimService, caller: Caller, values: Values) -> Answer:
    page = await service.list_events(
        caller,
        values["deviceId"],
        from_ms=values["fromTimeStamp"],
        to_ms=values["toTimeStamp"],
        max_results=values["maxResults"],
        next_token=values["nextToken"],
    )
    return page_answer("events", [_event_json(view) for view in page.items], page.next_token)


async def _list_devices(service: ClaimService, caller: Caller, values: Values) -> Answer:
    page = await service.list_devices(
        caller,
        device_type=values["deviceType"],
        max_results=values["maxResults"],
        next_token=values["nextToken"],
    )
    return page_answer("devices", [_device_json(view) for view in page.items], page.next_token)


async def _list_tags(service: ClaimService, caller: Caller, values: Values) -> Answer:
    return json_answer({"tags": await service.list_tags(caller, values["resource-arn"])})


async def _tag(service: ClaimService, caller: Caller, values: Values) -> Answer:
    await service.tag(
        caller, values["resource-arn"], values["tags"], invocation=values[_INVOCATION]
    )
    return NO_CONTENT


async def _unclaim(service: ClaimService, caller: Caller, values: Values) -> Answer:
    state = await service.unclaim(
        caller,
        values["deviceId"],
        if_epoch=values["x-clickclaim-if-epoch"],
        if_state=values["x-clickclaim-if-state"],
        reason=unquote(values["x-clickclaim-reason"] or ""),
        invocation=values[_INVOCATION],
    )
    return json_answer({"state": state})


async def _untag(service: ClaimService, caller: Caller, values: Values) -> Answer:
    await service.untag(
        caller, values["resource-arn"], values["tagKeys"], invocation=values[_INVOCATION]
    )
    return NO_CONTENT


async def _update_state(service: ClaimService, caller: Caller, values: Values) -> Answer:
    if values["enabled"] is None:
        raise InvalidRequestError("enabled is missing in the body. Send true or false.")
    await service.update_state(
        caller, values["deviceId"], enabled=values["enabled"], invocation=values[_INVOCATION]
    )
    return json_answer({})


HANDLERS: Final[Mapping[str, Handler]] = {
    "ClaimDevicesByClaimCode": _claim_by_code,
    "DescribeDevice": _describe,
    "FinalizeDeviceClaim": _finalize,
    "GetDeviceMethods": _methods,
    "InitiateDeviceClaim": _initiate,
    "InvokeDeviceMethod": _invoke,
    "ListDeviceEvents": _list_events,
    "ListDevices": _list_devices,
    "ListTagsForResource": _list_tags,
    "TagResource": _tag,
    "UnclaimDevice": _unclaim,
    "UntagResource": _untag,
    "UpdateDeviceState": _update_state,
}


def page_answer(name: str, items: list[Any], next_token: str | None) -> Answer:
    """A page: clients go on while there is a token, so the last one has none."""
    page: dict[str, Any] = {name: items}
    if next_token is not None:
        page["nextToken"] = next_token
    return json_answer(page)


def _device_json(view: DeviceView) -> dict[str, Any]:
    return {
        "arn": view.arn,
        "attributes": view.attributes,
        "deviceId": view.device_id,
        "enabled": view.enabled,
        "remainingLife": view.remaining_life,
        "type": view.type,
        "tags": view.tags,
    }


def _event_json(view: EventView) -> dict[str, Any]:
    return {
        "device": {
            "attributes": view.attributes,
            "deviceId": view.device_id,
            "type": view.type,
        },
        "stdEvent": view.std_event,
    }
