"""Finding a device that is CLAIMED by the caller; for everybody else it does not exist."""

from __future__ import annotations

from orchestrator.claims.context import Context
from orchestrator.domain.devices import CLAIMED, Device
from orchestrator.domain.errors import UnknownDeviceError
from orchestrator.domain.ids import Caller, parse_device_id


async def owned_device(context: Context, caller: Caller, device_id: str) -> Device:
    """The caller's device, or UnknownDeviceError, whether it is another's or nobody's."""
    device = await context.store.device(caller.namespace, parse_device_id(device_id))
    if device is None or device.claim.state != CLAIMED or device.claim.owner != caller.account:
        raise UnknownDeviceError
    return device
