"""Shelly BLU buttons that a script on a Shelly device relays over MQTT.

Source: the BLE example scripts of ALLTERCO/shelly-script-examples: the script opens the BTHome
frame and sends ``{"BTHome_version":2,"address":…,"pid":…,"button":…,"battery":…}``, as a message of
its own, as the ``data`` of a ``shelly-blu`` event, or below ``service_data`` with the address
above it. The button's own example sends ``addr``, ``Button`` and ``Battery`` in an event
``BLU_BUTTON``, without version and number. The script for BLU gateways sends events of a component
``blu`` with ``device`` and ``value``. ioBroker's script writes the frame below ``payload``. The
first scripts, and those that openHAB installs, write ``addr``, ``Button`` and ``Battery`` (event
``oh-blu.data``).

Traps: ``button`` is a number, or a list for several buttons; 0xFE is held, as firmware before
1.0.20 said it; each gateway that hears the button relays it, and one of the scripts each copy,
without its number; the scripts are edited by their users, and topics are theirs.

Proves: nothing; the button's encryption ended in the gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hardware.click import Click, Ignored, RawFrame
from hardware.families.bthome import BUTTON_CODES, OLD_SHELLY_HOLD
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import integer, object_of, percent, text
from hardware.keys import DeviceKey

_NAME = "shelly_blu"
_MARKER: Final = "BTHome_version"
_COMPONENT: Final = "blu"
_EVENT: Final = "BLU_BUTTON"
_HINTS: Final = (_MARKER.encode(), _EVENT.encode(), f'"{_COMPONENT}"'.encode())
_CODES: Final = {**BUTTON_CODES, OLD_SHELLY_HOLD: "HOLD"}
# What the scripts put around an opened frame, and how often one around another.
_WRAPPINGS: Final = ("info", "data", "payload", "service_data")
_MOST_WRAPPINGS: Final = 4
_MOST_BUTTONS: Final = 16
_MOST_EVENTS: Final = 16


def matches(frame: RawFrame) -> bool:
    """What was relayed stands in the payload, or in an event of it."""
    return any(hint in frame.payload for hint in _HINTS) and _relayed(frame) is not None


def sender_of(frame: RawFrame) -> Sender | None:
    """The BLU button's own address."""
    said = _relayed(frame) or {}
    address = text(said.get("address"))
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """A click for each button that was pressed."""
    said = _relayed(frame)
    sender = sender_of(frame)
    if said is None or sender is None:
        return [Ignored(frame=frame, family=_NAME, reason="no address in what was relayed")]
    packet_id = integer(said.get("pid"), 0, 255)
    common: dict[str, Any] = {
        "frame": frame,
        "family": _NAME,
        "address": sender.address,
        "battery_percent": percent(said.get("battery", said.get("Battery"))),
        "counter": None if packet_id is None else {"packet_id": packet_id},
    }
    codes = said.get("button", said.get("Button"))
    codes = codes[:_MOST_BUTTONS] if isinstance(codes, list) else [codes]
    clicks = [_CODES.get(code) for code in codes if integer(code) is not None]
    several = len(clicks) > 1
    found: list[Reading] = [
        Click(
            **common,
            click_type=click,
            button=place if several else None,
            press_id=None if packet_id is None else f"{packet_id}.{place}",
        )
        for place, click in enumerate(clicks, start=1)
        if click is not None and click != "NONE"
    ]
    nothing = "NONE" if clicks else None
    why = "no press (beacon)" if clicks else "no button in what was relayed"
    return found or [Ignored(**common, reason=why, valid=True, click_type=nothing)]


def _relayed(frame: RawFrame) -> dict[str, Any] | None:
    """The opened frame and its address: in the payload itself, or in the first event with one."""
    said = object_of(frame.payload) or {}
    params = said.get("params")
    events = params.get("events") if isinstance(params, dict) else None
    events = events[:_MOST_EVENTS] if isinstance(events, list) else []
    found = (_unwrapped(holder) for holder in (said, *events))
    return next((opened for opened in found if opened is not None), None)


def _unwrapped(holder: Any) -> dict[str, Any] | None:
    address = None
    for _ in range(_MOST_WRAPPINGS):
        if not isinstance(holder, dict):
            return None
        address = text(holder.get("address")) or text(holder.get("addr")) or address
        if _MARKER in holder:
            return {**holder, "address": address}
        wrapped = (holder.get(name) for name in _WRAPPINGS)
        inner: dict[str, Any] = next((one for one in wrapped if isinstance(one, dict)), {})
        if (holder.get("component"), holder.get("event")) == (_COMPONENT, "button"):
            return {"address": inner.get("device"), "button": inner.get("value")}
        if holder.get("event") == _EVENT:
            return {**inner, "address": text(inner.get("addr"))}
        holder = inner
    return None


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing: the button's own encryption ended in the gateway",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
