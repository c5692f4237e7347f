"""Which callbacks a delivered click calls for: into the same unit as the click."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from orchestrator.claims.context import Context
from orchestrator.domain.callbacks import click_payload, health_payload
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.units import Delivery, Op, PutDelivery


def callback_deliveries(
    context: Context, before: Device, after: Device, event: DeviceEvent
) -> list[Op]:
    """Deliveries of one click: to the click callback, and to the health callback when the
    remaining life has just fallen below its threshold. Only while the device is enabled.
    """
    if not after.enabled:
        return []
    ops: list[Op] = []
    on_click = after.callbacks.get("onClick")
    if url := _url(context, on_click):
        ops.append(_put(context, event, url, click_payload(after, event), "click"))
    health: dict[str, Any] = after.callbacks.get("healthMonitor") or {}
    if url := _url(context, health):
        threshold = health["condition"]["remainingLifeLowerThan"]
        if after.remaining_life < threshold <= before.remaining_life:
            ops.append(_put(context, event, url, health_payload(after, threshold), "health"))
    return ops


def is_allowed(url: str, allowed_hosts: tuple[str, ...]) -> bool:
    """Whether callbacks may be posted to this URL: http or https, and a host that was allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and host is not None and host in allowed_hosts


def _url(context: Context, setting: object) -> str | None:
    """The URL of a callback setting, if there is one and its host is still allowed."""
    if not isinstance(setting, dict):
        return None
    url = setting.get("callback", {}).get("url")
    if isinstance(url, str) and is_allowed(url, context.settings.callback_hosts):
        return url
    return None


def _put(context: Context, event: DeviceEvent, url: str, payload: object, kind: str) -> Op:
    now_ms = context.clock.now_ms()
    return PutDelivery(
        Delivery(
            delivery_id=f"{event.event_id}-{kind}",
            namespace=event.namespace,
            device_id=event.device_id,
            url=url,
            payload=msgspec.json.encode(payload),
            created_ms=now_ms,
            due_ms=now_ms,
        )
    )
