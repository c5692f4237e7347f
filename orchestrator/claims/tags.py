"""Tags of a claimed device: what may be one, and the three operations on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from orchestrator.claims.answers import answer_once
from orchestrator.claims.context import Context, Plan
from orchestrator.claims.owned import owned_device
from orchestrator.domain.errors import InvalidRequestError, UnknownDeviceError
from orchestrator.domain.ids import Caller, parse_arn
from orchestrator.units import SwapDevice

# The published service's limits.
MOST_TAGS: Final = 50
KEY_MAX_CHARS: Final = 127
VALUE_MAX_CHARS: Final = 255
RESERVED_PREFIX: Final = "aws:"


def check_tags(present: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """``present`` with ``added`` laid over it, or InvalidRequestError naming what is wrong."""
    for key, value in added.items():
        if not 1 <= len(key) <= KEY_MAX_CHARS:
            raise InvalidRequestError(
                f"Tag key {key[:40]!r} has {len(key)} characters; 1 to {KEY_MAX_CHARS} are allowed."
            )
        if len(value) > VALUE_MAX_CHARS:
            raise InvalidRequestError(
                f"The value of tag {key!r} has {len(value)} characters;"
                f" at most {VALUE_MAX_CHARS} are allowed."
            )
        if key.lower().startswith(RESERVED_PREFIX) or value.lower().startswith(RESERVED_PREFIX):
            raise InvalidRequestError(
                f"Tag {key!r}: keys and values that begin with 'aws:' are reserved. Rename it."
            )
    together = {**present, **added}
    if len(together) > MOST_TAGS:
        raise InvalidRequestError(
            f"A device holds at most {MOST_TAGS} tags; this would make {len(together)}."
            " Remove some first."
        )
    return together


async def tag(
    context: Context, caller: Caller, arn: str, tags: Mapping[str, str], invocation: str | None
) -> None:
    """Add tags; the same key overwrites."""
    device_id = _device_of(context, caller, arn)
    check_tags({}, tags)

    async def decide() -> Plan[None]:
        device = await owned_device(context, caller, device_id)
        after = replace(device, tags=check_tags(device.tags, tags))
        return Plan(None, [SwapDevice(device, after)])

    await answer_once(context, caller, f"TagResource {device_id}", invocation, type(None), decide)


async def untag(
    context: Context, caller: Caller, arn: str, keys: Sequence[str], invocation: str | None
) -> None:
    """Remove tags; a key that is not there is no error."""
    device_id = _device_of(context, caller, arn)
    if not keys:
        raise InvalidRequestError("tagKeys is missing. Name each key to remove: ?tagKeys=KEY.")

    async def decide() -> Plan[None]:
        device = await owned_device(context, caller, device_id)
        left = {key: value for key, value in device.tags.items() if key not in keys}
        if left == device.tags:
            return Plan(None)
        return Plan(None, [SwapDevice(device, replace(device, tags=left))])

    await answer_once(context, caller, f"UntagResource {device_id}", invocation, type(None), decide)


async def list_tags(context: Context, caller: Caller, arn: str) -> dict[str, str]:
    """The tags of a device of the caller's."""
    device = await owned_device(context, caller, _device_of(context, caller, arn))
    return dict(device.tags)


def _device_of(context: Context, caller: Caller, arn: str) -> str:
    """The device id of an ARN of this region and account; a foreign one is not found."""
    region, account, device_id = parse_arn(arn)
    if account != caller.account or region != context.settings.region:
        raise UnknownDeviceError
    return device_id
