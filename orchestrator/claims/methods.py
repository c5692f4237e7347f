"""The methods of a button: health, and the callbacks of its owner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from orchestrator.claims.answers import answer_once
from orchestrator.claims.context import Context, Plan
from orchestrator.claims.deliveries import is_allowed
from orchestrator.claims.owned import owned_device
from orchestrator.domain.devices import Device
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import Caller
from orchestrator.units import SwapDevice

# (device type to invoke it with, method name), in the published order.
METHODS: Final = (
    ("device", "getDeviceHealthParameters"),
    ("device", "setDeviceHealthMonitorCallback"),
    ("device", "getDeviceHealthMonitorCallback"),
    ("button", "setOnClickCallback"),
    ("button", "getOnClickCallback"),
)

# Which setting a method reads or writes.
_SETTING: Final[Mapping[str, str]] = {
    "setDeviceHealthMonitorCallback": "healthMonitor",
    "getDeviceHealthMonitorCallback": "healthMonitor",
    "setOnClickCallback": "onClick",
    "getOnClickCallback": "onClick",
}

# What the published health callback shows; used when the owner names no threshold.
LIFE_THRESHOLD: Final = 10

_INVALID: Final = "A request parameter was invalid."


async def methods(context: Context, caller: Caller, device_id: str) -> tuple[tuple[str, str], ...]:
    """(device type, method name) of each method of a device of the caller's."""
    await owned_device(context, caller, device_id)
    return METHODS


async def invoke(
    context: Context,
    caller: Caller,
    device_id: str,
    device_type: str,
    method_name: str,
    parameters: str | None,
    invocation: str | None,
) -> str:
    """The method's answer as a JSON string."""
    if (device_type, method_name) in METHODS and method_name.startswith("set"):
        return await _set(context, caller, device_id, method_name, parameters, invocation)
    device = await owned_device(context, caller, device_id)
    if (device_type, method_name) not in METHODS:
        names = ", ".join(f"{kind}.{name}" for kind, name in METHODS)
        raise InvalidRequestError(
            f"There is no method {method_name!r} for device type {device_type!r}."
            f" There are: {names}."
        )
    _check_no_parameters(parameters)
    if method_name == "getDeviceHealthParameters":
        return json.dumps({"remainingLife": device.remaining_life})
    return json.dumps(device.callbacks.get(_SETTING[method_name], {}))


async def _set(
    context: Context,
    caller: Caller,
    device_id: str,
    method_name: str,
    parameters: str | None,
    invocation: str | None,
) -> str:
    # All that may refuse stands inside: an answer that is stored goes before what is true now.
    async def decide() -> Plan[str]:
        device = await owned_device(context, caller, device_id)
        setting = _parse_callback(context, method_name, parameters)
        return Plan("{}", [SwapDevice(device, _with_callback(device, method_name, setting))])

    operation = f"InvokeDeviceMethod {device_id} {method_name}"
    return await answer_once(context, caller, operation, invocation, str, decide)


def _check_no_parameters(parameters: str | None) -> None:
    """A ``get…`` method takes none; an empty string is refused, as the published service did."""
    if parameters is None:
        return
    if _parse_object(parameters):
        raise InvalidRequestError(_INVALID)


def _parse_callback(
    context: Context, method_name: str, parameters: str | None
) -> dict[str, Any] | None:
    """The setting to store: ``{"callback": {...}}``, with a condition for health; None clears."""
    given = _parse_object(parameters or "")
    callback = given.get("callback")
    if callback is None or callback == {}:
        return None
    if not isinstance(callback, dict) or not _is_target(context, callback):
        raise InvalidRequestError(
            f"{_INVALID} The callback is"
            ' {"callback": {"url": "https://…"}} or {"callback": {"awsLambdaArn": "…"}}.'
        )
    if method_name == "setOnClickCallback":
        return {"callback": callback}
    condition = given.get("condition", {"remainingLifeLowerThan": LIFE_THRESHOLD})
    threshold = condition.get("remainingLifeLowerThan") if isinstance(condition, dict) else None
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise InvalidRequestError(f"{_INVALID} condition.remainingLifeLowerThan is a number.")
    if not 0 <= threshold <= 100:
        raise InvalidRequestError(f"{_INVALID} condition.remainingLifeLowerThan is 0 to 100.")
    return {"callback": callback, "condition": {"remainingLifeLowerThan": threshold}}


def _is_target(context: Context, callback: dict[str, Any]) -> bool:
    """Whether this is one target: a Lambda ARN, which is kept, or a URL that may be posted to."""
    if len(callback) != 1:
        return False
    arn, url = callback.get("awsLambdaArn"), callback.get("url")
    if isinstance(arn, str):
        return bool(arn)
    if not isinstance(url, str):
        return False
    if not is_allowed(url, context.settings.callback_hosts):
        raise InvalidRequestError(
            f"{_INVALID} Callbacks may not be posted to {url[:200]!r}:"
            " start the service with --callback-host HOST to allow its host."
        )
    return True


def _with_callback(device: Device, method_name: str, setting: dict[str, Any] | None) -> Device:
    callbacks = dict(device.callbacks)
    if setting is None:
        callbacks.pop(_SETTING[method_name], None)
    else:
        callbacks[_SETTING[method_name]] = setting
    return replace(device, callbacks=callbacks)


def _parse_object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise InvalidRequestError(_INVALID) from None
