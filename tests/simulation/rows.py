"""One attempt at one button, and the click that it counts: what checks are tried on."""

from __future__ import annotations

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.events import DeviceEvent, Evidence

MINE = "111122223333"

CLICK = DeviceEvent(
    event_id="e1",
    namespace="default",
    device_id="B1",
    click_type="SINGLE",
    received_ms=5_000,
    disposition="MATCHED",
    reason="",
    evidence=Evidence(heard_by="broker", authenticated=True),
    source="mqtt:",
    family="native",
    press_id="1.1",
    epoch=1,
    attempt_id="a1",
)
OPENED = Attempt(
    attempt_id="a1",
    namespace="default",
    device_id="B1",
    account=MINE,
    epoch=1,
    opened_ms=1_000,
    deadline_ms=121_000,
)
