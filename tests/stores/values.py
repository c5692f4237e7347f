"""Values to keep: plain ones to vary, and one of each kind with every field set."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.attempts import Attempt, Mark, with_mark
from orchestrator.domain.devices import Claim, Device, Initiates
from orchestrator.domain.events import DeviceEvent, Evidence, UnknownDevice
from orchestrator.units import AccessKey, ClaimCode, Delivery, StoredAnswer, StoredKey

NOW_MS = 1_750_000_000_000
ACCOUNT = "123456789012"


def device(device_id: str = "D1", namespace: str = "default", **fields) -> Device:
    return Device(namespace=namespace, device_id=device_id, registered_ms=NOW_MS, **fields)


def stored(value: Device, version: int = 1) -> Device:
    """The device as the store gives it back."""
    return replace(value, version=version)


def attempt(attempt_id: str = "a1", **fields) -> Attempt:
    plain = {
        "namespace": "default",
        "device_id": "D1",
        "account": ACCOUNT,
        "epoch": 1,
        "opened_ms": NOW_MS,
        "deadline_ms": NOW_MS + 120_000,
    }
    return Attempt(attempt_id=attempt_id, **(plain | fields))


def event(event_id: str = "e1", **fields) -> DeviceEvent:
    plain = {
        "namespace": "default",
        "device_id": "D1",
        "click_type": "SINGLE",
        "received_ms": NOW_MS,
        "disposition": "NO_CLAIM",
        "reason": "nobody was claiming the device",
        "evidence": Evidence(heard_by="station"),
        "source": "memory:",
        "family": "native",
    }
    return DeviceEvent(event_id=event_id, **(plain | fields))


def unknown(address: str = "A1", heard_ms: int = NOW_MS, **fields) -> UnknownDevice:
    plain = {
        "namespace": "default",
        "family": "bthome",
        "click_type": "SINGLE",
        "source": "ble:",
        "first_heard_ms": heard_ms,
        "last_heard_ms": heard_ms,
    }
    return UnknownDevice(address=address, **(plain | fields))


def answer(invocation: str = "i1", **fields) -> StoredAnswer:
    plain = {
        "access_key": "AKIA1",
        "operation": "InitiateDeviceClaim",
        "answered_ms": NOW_MS,
        "body": b'{"state":"CLAIM_INITIATED"}',
    }
    return StoredAnswer(invocation=invocation, **(plain | fields))


def access_key(name: str = "AKIA1", **fields) -> AccessKey:
    plain = {
        "namespace": "default",
        "account": ACCOUNT,
        "created_ms": NOW_MS,
        "secret": "not a real secret",
    }
    return AccessKey(access_key=name, **(plain | fields))


def claim_code(code: str = "C-ABCDEFGHIJ", **fields) -> ClaimCode:
    plain = {"namespace": "default", "created_ms": NOW_MS, "device_ids": ("D1", "D2")}
    return ClaimCode(code=code, **(plain | fields))


def key(device_id: str = "D1", kind: str = "hmac", **fields) -> StoredKey:
    plain = {"namespace": "default", "secret": b"\x00\xffkey"}
    return StoredKey(device_id=device_id, kind=kind, **(plain | fields))


def delivery(delivery_id: str = "d1", due_ms: int = NOW_MS, **fields) -> Delivery:
    plain = {
        "namespace": "default",
        "device_id": "D1",
        "url": "https://example.com/clicks",
        "payload": b'{"clickType":"SINGLE"}',
        "created_ms": NOW_MS,
    }
    return Delivery(delivery_id=delivery_id, due_ms=due_ms, **(plain | fields))


FULL_DEVICE = Device(
    namespace="factory",
    device_id="G030PM0123456789",
    version=7,
    kind="lever",
    registered_ms=NOW_MS - 5,
    claim=Claim(
        state="CLAIM_INITIATED",
        owner=ACCOUNT,
        epoch=4,
        initiated_ms=NOW_MS,
        deadline_ms=NOW_MS + 120_000,
        attempt_id="a4",
        click_event_id="e9",
    ),
    enabled=True,
    claim_code="C-ABCDEFGHIJ",
    rated_clicks=1000,
    clicks=12,
    reported_life=98.5,
    last_event_id="e9",
    last_attempt_deadline_ms=NOW_MS - 1,
    tags={"line": "3", "größe": "XL ✓"},
    attributes={"deviceTemplateName": "Jidoka"},
    callbacks={"onClick": {"url": "https://example.com/", "tries": 3}},
    initiates={ACCOUNT: Initiates(count=2, last_ms=NOW_MS - 9)},
    repeats={"presses": [["mqtt", "1:2", NOW_MS]], "highest": [1, 2], "gap": None, "ok": True},
)

FULL_ATTEMPT = with_mark(
    Attempt(
        attempt_id="a4",
        namespace="factory",
        device_id="G030PM0123456789",
        account=ACCOUNT,
        epoch=4,
        opened_ms=NOW_MS,
        deadline_ms=NOW_MS + 60_000,
        via="claim-code",
        invocation="6f1c3b",
        outcome="REFUSED",
        reason="too late, said “nobody”",
        ended_ms=NOW_MS + 7,
        released_ms=NOW_MS + 8,
        simulated=True,
        timeline=(Mark(what="initiated", at_ms=NOW_MS),),
    ),
    "click",
    NOW_MS + 5,
    source="mqtt://localhost",
    evidence={"heard_by": "broker", "authenticated": True},
    rssi_dbm=-71.5,
)

FULL_EVENT = DeviceEvent(
    event_id="e9",
    namespace="factory",
    device_id="G030PM0123456789",
    click_type="DOUBLE",
    received_ms=NOW_MS + 5,
    disposition="MATCHED",
    reason="the click that the claim was waiting for",
    evidence=Evidence(heard_by="broker", authenticated=True, simulated=True),
    source="mqtt://localhost",
    family="bthome",
    press_id="1:2",
    epoch=4,
    attempt_id="a4",
    remaining_life=99.85,
    reported_ms=NOW_MS + 1,
    certificate_id="c" * 64,
    test_mode=True,
    repeats=3,
    last_repeat_ms=NOW_MS + 900,
    seq=1,
)
