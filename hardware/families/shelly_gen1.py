"""Shelly Gen1 over MQTT: Button1, i3 and the inputs of relays.

Source: the Gen1 API's MQTT topics as used by AaronLionsheep/ShellyMQTT and enesbcs/Shelly_MQTT:
``shellies/<model>-<id>/input_event/<n>`` with ``{"event":"S","event_cnt":7}``;
``…/sensor/battery`` with a bare number.

Traps: the same event is published again when the connection comes back and with every periodic
update, with the same count; counts have gaps, and begin anew after a restart; an event of ``""``
is the state after power-on. The id is the owner's to set, slashes included.

Proves: nothing; whoever may publish to the broker can say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import integer, json_of, object_of, percent, text
from hardware.keys import DeviceKey

_NAME = "shelly_gen1"
# What a button says is known by its end, so that the id before it may have any number of levels.
_SAID: Final = re.compile(r"shellies/(.+)/(input_event/[^/]+|sensor/battery)")
_TOPIC: Final = re.compile(r"shellies/([^/]+)/(.+)")
_EVENTS: Final = {
    "S": "SINGLE",
    "SS": "DOUBLE",
    "SSS": "TRIPLE",
    "L": "LONG",
    # Short then long and the reverse: more than one press, and no name for it elsewhere.
    "SL": "MANY",
    "LS": "MANY",
}


def matches(frame: RawFrame) -> bool:
    """Anything below ``shellies/``."""
    return _parts(frame) is not None


def sender_of(frame: RawFrame) -> Sender | None:
    """The device's id."""
    found = _parts(frame)
    address = text(found[1]) if found else None
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The click of one input."""
    found, sender = _parts(frame), sender_of(frame)
    if found is None or sender is None:
        return [Ignored(frame=frame, family=_NAME, reason="the topic names no device")]
    what = found[2]
    common: dict[str, Any] = {"frame": frame, "family": _NAME, "address": sender.address}
    if what == "sensor/battery":
        battery = percent(json_of(frame.payload))
        why = "a battery report" if battery is not None else "the battery is not 0 to 100"
        valid = battery is not None
        return [Ignored(**common, reason=why, valid=valid, battery_percent=battery)]
    if not what.startswith("input_event/"):
        return [Ignored(**common, reason="not an input event", valid=True)]
    return [_decode_event(common, what.removeprefix("input_event/"), object_of(frame.payload))]


def _parts(frame: RawFrame) -> re.Match[str] | None:
    """The id, and what the device says below it."""
    topic = frame.channel or ""
    return _SAID.fullmatch(topic) or _TOPIC.fullmatch(topic)


def _decode_event(
    common: dict[str, Any], place: str, said: dict[str, Any] | None
) -> Click | Ignored:
    event = said.get("event") if said else None
    count = integer(said.get("event_cnt")) if said else None
    counter = None if count is None else {"event_cnt": count}
    if not isinstance(event, str):
        return Ignored(**common, reason="the payload has no event", counter=counter)
    if event == "":
        why = "no press: the state after power-on"
        return Ignored(**common, reason=why, valid=True, click_type="NONE", counter=counter)
    if event not in _EVENTS:
        return Ignored(**common, reason="the event is none of S, SS, SSS, L", counter=counter)
    number = integer(int(place)) if place.isascii() and place.isdigit() and len(place) < 4 else None
    return Click(
        **common,
        click_type=_EVENTS[event],
        button=number,
        press_id=None if count is None else f"{place}:{count}:{event}",
        counter=counter,
        extra={"event": event},
    )


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing: whoever may publish to the broker can say it",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
