"""Shelly Gen2 and later over MQTT: inputs, and BLU buttons that are components of the device.

Source: shelly-api-docs, General/Notifications and DynamicComponents/BTHome: topic
``<id>/events/rpc``, ``NotifyEvent`` with a list of events; inside a script the same event has the
form ``{"component":…,"info":{"event":…}}``.

Traps: a press sends ``btn_down`` and ``btn_up`` before its ``…_push``; ``data`` may be a list or
an object, ``component`` may be absent; the time stamp is the only thing that orders events. The
prefix of the topic is its owner's: below ``shellies/`` it looks like the first generation's. Who
hands notifications on may leave out their method, or all but their parameters. Since
firmware 1.6.0 a BLU button's events come from ``bthomedevice:N`` (before: ``bthomesensor:N``),
and N is the gateway's own number, so it names a button together with the gateway only.

Proves: nothing; a BLU button's encryption ends in the gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hardware.click import Click, Ignored, RawFrame
from hardware.families import shelly_blu
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import integer, number, object_of, text
from hardware.keys import DeviceKey

_NAME = "shelly"
_EVENTS: Final = {
    "btn_down": "DOWN",
    "btn_up": "UP",
    "single_push": "SINGLE",
    "double_push": "DOUBLE",
    "triple_push": "TRIPLE",
    "long_push": "LONG",
    "long_double_push": "LONG",
    "long_triple_push": "LONG",
    "hold_push": "HOLD",
    "hold_press": "HOLD",
}
_NOTIFICATIONS: Final = ("NotifyEvent", "NotifyStatus", "NotifyFullStatus")
# A frame holds the events of a moment; a list longer than this was not written by a Shelly.
_MOST_EVENTS: Final = 16
_LATEST_TS: Final = 2**33  # seconds, in the year 2242


def matches(frame: RawFrame) -> bool:
    """The topic of events, or a payload of one of the two forms; not what a script relays."""
    if shelly_blu.matches(frame):
        return False
    if (frame.channel or "").endswith("/events/rpc"):
        return True
    said = object_of(frame.payload) or {}
    if said.get("method") in _NOTIFICATIONS or any("event" in event for event in _listed(said)):
        return True
    return isinstance(said.get("component"), str) and ("info" in said or "event" in said)


def sender_of(frame: RawFrame) -> Sender | None:
    """The device of the first event; a BLU button's own address where the frame has it."""
    said = object_of(frame.payload) or {}
    first = next(iter(_events(said)), {})
    address = _address(frame, said, first)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """A click for each push among the events."""
    said = object_of(frame.payload)
    if said is None:
        return [Ignored(frame=frame, family=_NAME, reason="the payload is no JSON object")]
    readings = [
        _decode_event(frame, _address(frame, said, event), event) for event in _events(said)
    ]
    if readings:
        return readings
    address = _address(frame, said, {})
    why = "a notification without an event"
    return [Ignored(frame=frame, family=_NAME, address=address, reason=why, valid=True)]


def _events(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of either form, as objects of one form."""
    if listed := _listed(said):
        return listed
    if isinstance(said.get("info"), dict):
        return [said["info"]]
    return [said] if "event" in said else []


def _listed(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a notification, or of its parameters alone."""
    params = said.get("params", said)
    events = params.get("events") if isinstance(params, dict) else None
    if not isinstance(events, list):
        return []
    # An event without a time of its own happened when its notification was sent.
    when = {"ts": params["ts"]} if "ts" in params else {}
    return [{**when, **event} for event in events[:_MOST_EVENTS] if isinstance(event, dict)]


def _address(frame: RawFrame, said: dict[str, Any], event: dict[str, Any]) -> str:
    data = event.get("data")
    if isinstance(data, dict) and (mac := text(data.get("addr"))):
        return mac
    topic = (frame.channel or "").removesuffix("/events/rpc")
    gateway = text(said.get("src")) or (text(topic) if topic != frame.channel else None)
    component = text(event.get("component")) or ""
    if not component.startswith("bthome"):
        return gateway or ""
    return f"{gateway}/{component}" if gateway else component


def _decode_event(frame: RawFrame, address: str, event: dict[str, Any]) -> Reading:
    name = event.get("event")
    stamp = number(event.get("ts"), 0, _LATEST_TS)
    component = text(event.get("component")) or ""
    place = _place(component, event)
    common: dict[str, Any] = {
        "frame": frame,
        "family": _NAME,
        "address": address,
        "counter": None if stamp is None else {"ts": stamp},
    }
    click = _EVENTS.get(name) if isinstance(name, str) else None
    if click is None:
        why = "the event is no push of a button"
        return Ignored(**common, reason=why, valid=isinstance(name, str))
    if click in ("DOWN", "UP"):
        why = "an edge: the push itself is said in an event of its own"
        return Ignored(**common, reason=why, valid=True, click_type=click)
    return Click(
        **common,
        click_type=click,
        button=place,
        press_id=None if stamp is None else f"{component}:{place}:{name}:{stamp}"[:128],
        reported_ms=None if stamp is None else int(stamp * 1000),
        extra={"event": name, "component": component},
    )


def _place(component: str, event: dict[str, Any]) -> int | None:
    kind, _, place = component.partition(":")
    if kind == "input" and place.isascii() and place.isdigit() and len(place) < 4:
        return int(place)
    # A component's own id only repeats its name; without a component it is all there is.
    button = event.get("idx", None if component else event.get("id"))
    return integer(button, 0, 255)


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing: whoever may publish to the broker can say it",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
