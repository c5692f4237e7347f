"""What the service shows: devices and events as the published API does, attempts as records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from orchestrator.domain.attempts import Attempt, Mark
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.domain.ids import format_arn
from orchestrator.domain.times import utc_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """A device as its owner sees it."""

    arn: str
    device_id: str
    type: str
    enabled: bool
    remaining_life: float
    attributes: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """A device event as its owner sees it."""

    device_id: str
    type: str
    attributes: Mapping[str, str]
    std_event: str
    """JSON as a string, in the published form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some items, and the token for the next ones; None when there are no more."""

    items: tuple[T, ...]
    next_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeClaimed:
    """A claim code was used."""

    claim_code: str
    total: int


def view_device(device: Device, region: str) -> DeviceView:
    """A claimed device as its owner sees it."""
    return DeviceView(
        arn=format_arn(region, device.claim.owner or "", device.device_id),
        device_id=device.device_id,
        type=device.kind,
        enabled=device.enabled,
        remaining_life=device.remaining_life,
        attributes=device.attributes,
        tags=device.tags,
    )


def view_event(event: DeviceEvent, device: Device) -> EventView:
    """An event in the published form; ``reportedTime`` is when the service received it."""
    std_event = {
        "clickType": event.click_type,
        "reportedTime": utc_text(event.received_ms),
        "certificateId": event.certificate_id or _certificate_id(event),
        "remainingLife": event.remaining_life,
        "testMode": event.test_mode,
    }
    return EventView(
        device_id=event.device_id,
        type=device.kind,
        attributes=device.attributes,
        std_event=json.dumps(std_event),
    )


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """An attempt as ``/v1/records`` and ``clickclaim records`` give it."""
    return {
        "attemptId": attempt.attempt_id,
        "namespace": attempt.namespace,
        "deviceId": attempt.device_id,
        "account": attempt.account,
        "epoch": attempt.epoch,
        "via": attempt.via,
        "invocation": attempt.invocation,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "simulated": attempt.simulated,
        "openedMs": attempt.opened_ms,
        "deadlineMs": attempt.deadline_ms,
        "endedMs": attempt.ended_ms,
        "releasedMs": attempt.released_ms,
        "opened": utc_text(attempt.opened_ms),
        "ended": None if attempt.ended_ms is None else utc_text(attempt.ended_ms),
        "latenciesMs": attempt.latencies_ms,
        "timeline": [
            {"what": mark.what, "atMs": mark.at_ms, "at": utc_text(mark.at_ms), **mark.detail}
            for mark in attempt.timeline
        ],
    }


def attempt_from_json(record: Mapping[str, Any]) -> Attempt:
    """The attempt that ``attempt_json`` wrote."""
    timeline = tuple(
        Mark(
            what=mark["what"],
            at_ms=mark["atMs"],
            detail={key: mark[key] for key in mark if key not in {"what", "atMs", "at"}},
        )
        for mark in record["timeline"]
    )
    return Attempt(
        attempt_id=record["attemptId"],
        namespace=record["namespace"],
        device_id=record["deviceId"],
        account=record["account"],
        epoch=record["epoch"],
        via=record["via"],
        invocation=record["invocation"],
        outcome=record["outcome"],
        reason=record["reason"],
        simulated=record["simulated"],
        opened_ms=record["openedMs"],
        deadline_ms=record["deadlineMs"],
        ended_ms=record["endedMs"],
        released_ms=record["releasedMs"],
        timeline=timeline,
    )


def _certificate_id(event: DeviceEvent) -> str:
    """64 hex digits that are this device's own, for a button that has no certificate."""
    return hashlib.sha256(f"{event.namespace}/{event.device_id}".encode()).hexdigest()
