"""What a click and a health callback say, in the published form."""

from __future__ import annotations

from typing import Any

from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.domain.times import utc_text


def click_payload(device: Device, event: DeviceEvent) -> dict[str, Any]:
    """The body of a click callback. ``reportedTime`` is when the click was received.

    ``placementInfo`` is left out, as the published service did for a device in no placement.
    """
    return {
        "deviceEvent": {
            "buttonClicked": {
                "clickType": event.click_type,
                "reportedTime": utc_text(event.received_ms),
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
