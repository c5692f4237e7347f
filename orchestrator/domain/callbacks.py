"""What a click and a health callback say, in the published form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def click_payload(device: Device, event: DeviceEvent) -> dict[str, Any]:
    """The body of a click callback. ``reportedTime`` is when the click was received.

    ``placementInfo`` is left out, as the published service did for a device in no placement.
    """
    return {
        "deviceEvent": {
            "buttonClicked": {
                "clickType": event.click_type,
                "reportedTime": _utc_text(event.received_ms),
            }
        },
        "deviceInfo": _device_info(device, event.remaining_life),
    }


def health_payload(device: Device, threshold: float) -> dict[str, Any]:
    """The body of a health callback: the remaining life fell below ``threshold`` (0..100)."""
    return {
        "deviceEvent": {
            "deviceHealthMonitor": {"condition": {"remainingLifeLowerThan": _number(threshold)}}
        },
        "deviceInfo": _device_info(device, device.remaining_life),
    }


def _device_info(device: Device, remaining_life: float) -> dict[str, Any]:
    return {
        "attributes": dict(device.attributes),
        "type": device.kind,
        "deviceId": device.device_id,
        "remainingLife": _number(remaining_life),
    }


def _number(value: float) -> float | int:
    """Ten as ``10``, not ``10.0``: so the published examples write it."""
    return int(value) if value == int(value) else value


def _utc_text(at_ms: int) -> str:
    """``2019-07-18T23:47:55.015Z``: always three digits of a second."""
    # A sum of integers: a float of seconds would round some milliseconds away.
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
