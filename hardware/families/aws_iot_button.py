"""AWS IoT Button over MQTT, and the click event of the 1-Click service that followed it.

Source: awsdocs, ``iot-lambda-rule.md``: topic ``iotbutton/<DSN>``, members serialNumber,
clickType, batteryVoltage (``2000 mV`` or ``100mV``). The 1-Click event is the one that projects
handed to their Lambda functions: deviceInfo, deviceEvent.buttonClicked.

Traps: no counter and no time in the button's own message, and it needs about ten seconds from the
press to the message; the voltage is written with and without a blank; the serial number stands in
topic and payload, and only the topic is what a broker's policy limits.

Proves: nothing in itself. The TLS client certificate proves the sender to the broker, if the
broker lets each certificate publish to its own topic only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from firmware_sim.core.wire import WireError, parse_utc
from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import integer, object_of, percent, text
from hardware.keys import DeviceKey

_NAME = "aws_iot_button"
_TOPIC: Final = "iotbutton/"
# What a rule or a bridge may have published elsewhere.
_FORMS: Final = ((b'"deviceInfo"', b'"deviceEvent"'), (b'"serialNumber"', b'"clickType"'))
_CLICKS: Final = ("SINGLE", "DOUBLE", "LONG")
_VOLTAGE: Final = re.compile(r"(\d{1,5})\s*mV", re.ASCII)


def matches(frame: RawFrame) -> bool:
    """The button's topic, or a payload that can only be the button's or a 1-Click event."""
    if (frame.channel or "").startswith(_TOPIC):
        return True
    return any(all(word in frame.payload for word in form) for form in _FORMS)


def sender_of(frame: RawFrame) -> Sender | None:
    """The serial number (DSN)."""
    said = object_of(frame.payload) or {}
    address = _of_event(said) if "deviceInfo" in said else _of_topic(frame)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The click."""
    said = object_of(frame.payload)
    if said is None:
        return [Ignored(frame=frame, family=_NAME, reason="the payload is no JSON object")]
    if "deviceInfo" in said:
        return [_decode_event(frame, said)]
    return [_decode_button(frame, said)]


def _decode_button(frame: RawFrame, said: dict[str, Any]) -> Reading:
    serial = text(said.get("serialNumber"))
    address = _of_topic(frame) or serial
    if address is None or serial != address:
        why = "topic and payload name different serial numbers"
        why = why if serial else "the payload has no serialNumber"
        return Ignored(frame=frame, family=_NAME, address=address, reason=why)
    voltage = text(said.get("batteryVoltage"), 16) or ""
    found = _VOLTAGE.fullmatch(voltage)
    common: dict[str, Any] = {
        "frame": frame,
        "family": _NAME,
        "address": address,
        "battery_mv": int(found[1]) if found else None,
        "extra": {"battery": voltage} if voltage else {},
    }
    if said.get("clickType") not in _CLICKS:
        return Ignored(**common, reason="clickType is not SINGLE, DOUBLE or LONG")
    return Click(**common, click_type=said["clickType"])


def _decode_event(frame: RawFrame, said: dict[str, Any]) -> Reading:
    address = _of_event(said)
    if address is None:
        return Ignored(frame=frame, family=_NAME, reason="deviceInfo.deviceId is missing")
    event = said.get("deviceEvent")
    clicked = event.get("buttonClicked") if isinstance(event, dict) else None
    life = percent(said["deviceInfo"].get("remainingLife"))
    if not isinstance(clicked, dict) or clicked.get("clickType") not in _CLICKS:
        why = "the event is not a click"
        valid = isinstance(event, dict)
        return Ignored(frame=frame, family=_NAME, address=address, reason=why, valid=valid)
    reported_ms = _reported_ms(clicked.get("reportedTime"))
    return Click(
        frame=frame,
        family=_NAME,
        address=address,
        click_type=clicked["clickType"],
        press_id=None if reported_ms is None else str(reported_ms),
        remaining_life=life,
        reported_ms=reported_ms,
        counter=None if reported_ms is None else {"reportedTime_ms": reported_ms},
    )


def _reported_ms(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            return parse_utc(value)
        except WireError:
            return None
    return integer(value)


def _of_topic(frame: RawFrame) -> str | None:
    topic = frame.channel or ""
    return text(topic.removeprefix(_TOPIC)) if topic.startswith(_TOPIC) else None


def _of_event(said: dict[str, Any]) -> str | None:
    info = said["deviceInfo"]
    return text(info.get("deviceId")) if isinstance(info, dict) else None


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing in itself; the broker may know the client certificate behind the topic",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
