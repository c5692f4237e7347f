"""Reading and setting devices that are claimed: describe, list, events, state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.claims.answers import answer_once
from orchestrator.claims.context import Context, Plan
from orchestrator.claims.owned import owned_device
from orchestrator.claims.pages import page_size, read_token, write_token
from orchestrator.claims.views import DeviceView, EventView, Page, view_device, view_event
from orchestrator.domain.devices import CLAIMED
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.events import LISTED
from orchestrator.domain.ids import Caller
from orchestrator.units import EventQuery, SwapDevice


async def describe(context: Context, caller: Caller, device_id: str) -> DeviceView:
    """A device of the caller's."""
    return view_device(await owned_device(context, caller, device_id), context.settings.region)


async def list_devices(
    context: Context,
    caller: Caller,
    device_type: str | None,
    max_results: int | None,
    next_token: str | None,
) -> Page[DeviceView]:
    """The caller's devices, in order of device id."""
    size = page_size(max_results)
    listing = ("ListDevices", device_type)
    after: str | None = await read_token(context, caller, listing, next_token)
    found = await context.store.devices(
        caller.namespace,
        owner=caller.account,
        state=CLAIMED,
        kind=device_type,
        after=after or "",
        limit=size + 1,
    )
    shown = found[:size]
    more = len(found) > size
    return Page(
        items=tuple(view_device(device, context.settings.region) for device in shown),
        next_token=await write_token(context, caller, listing, shown[-1].device_id)
        if more
        else None,
    )


async def list_events(
    context: Context,
    caller: Caller,
    device_id: str,
    from_ms: int,
    to_ms: int,
    max_results: int | None,
    next_token: str | None,
) -> Page[EventView]:
    """Clicks since the initiate that led to the caller's claim, oldest first."""
    size = page_size(max_results)
    if from_ms > to_ms:
        raise InvalidRequestError("fromTimeStamp is later than toTimeStamp. Swap them.")
    device = await owned_device(context, caller, device_id)
    listing: tuple[Any, ...] = (
        "ListDeviceEvents",
        device_id,
        device.claim.epoch,
        from_ms,
        to_ms,
    )
    after: int | None = await read_token(context, caller, listing, next_token)
    found = await context.store.events(
        EventQuery(
            namespace=caller.namespace,
            device_id=device_id,
            dispositions=LISTED,
            epoch=device.claim.epoch,
            from_ms=from_ms,
            to_ms=to_ms,
            after_seq=after or 0,
            limit=size + 1,
        )
    )
    shown = found[:size]
    more = len(found) > size
    return Page(
        items=tuple(view_event(event, device) for event in shown),
        next_token=await write_token(context, caller, listing, shown[-1].seq) if more else None,
    )


async def update_state(
    context: Context, caller: Caller, device_id: str, enabled: bool, invocation: str | None
) -> None:
    """Enable or disable a device; callbacks fire only while it is enabled."""

    async def decide() -> Plan[None]:
        device = await owned_device(context, caller, device_id)
        return Plan(None, [SwapDevice(device, replace(device, enabled=enabled))])

    operation = f"UpdateDeviceState {device_id}"
    await answer_once(context, caller, operation, invocation, type(None), decide)
