"""Tasmota over MQTT: decoupled buttons and switches, and switch levels in its sensor report.

Source: tasmota/docs, Buttons-and-Switches and Commands; the switch tables of HATasmota 0.9.2.
``SetOption73 1`` makes ``stat/<topic>/RESULT {"Button1":{"Action":"SINGLE"}}``, ``SetOption114 1``
the same for switches; ``tele/<topic>/SENSOR`` says ``"Switch1":"ON"``. Before version 9.1 (its
changelog) a button said ``{"ACTION":"SINGLE"}``, and which one stood in ``stat/<topic>/BUTTON1``.

Traps: FullTopic may put the prefix after the topic; a switch's name is free text; HOLD is a long
press in SwitchMode 5 and 6 and a double press in 8, 9 and 10, which the message does not say; the
sensor report comes every TelePeriod as well, so a level in it is a state, not an edge;
``ButtonRetain`` and ``SwitchRetain`` make a broker repeat the last press for ever.

Proves: nothing; whoever may publish to the broker can say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Level, Options, Reading, Sender
from hardware.families.payloads import object_of, text
from hardware.keys import DeviceKey

_NAME = "tasmota"
_PREFIXES: Final = ("stat", "tele")
_BUTTON: Final = re.compile(r"Button\d{1,2}", re.ASCII)
_OLD_TOPIC: Final = re.compile(r".*/BUTTON(\d{1,2})", re.ASCII | re.DOTALL)
_SWITCH: Final = re.compile(r"Switch\d{1,2}", re.ASCII)
_ACTIONS: Final = {
    "SINGLE": "SINGLE",
    "DOUBLE": "DOUBLE",
    "TRIPLE": "TRIPLE",
    "QUAD": "QUADRUPLE",
    "PENTA": "QUINTUPLE",
    "HOLD": "HOLD",
    "TOGGLE": "SINGLE",
    "INC_DEC": "LONG",  # SwitchMode 11: held
    "CLEAR": "RELEASE",
}
_LEVELS: Final = {"ON": True, "OFF": False}
_HOLD_IN_MODE: Final = {5: "LONG", 6: "LONG", 8: "DOUBLE", 9: "DOUBLE", 10: "DOUBLE"}
# A sensor report with more switches than a chip has pins was not written by Tasmota.
_MOST_SWITCHES: Final = 32


def matches(frame: RawFrame) -> bool:
    """A topic with one of Tasmota's prefixes as a level of its own."""
    return _topic(frame) is not None


def sender_of(frame: RawFrame) -> Sender | None:
    """Tasmota's ``%topic%``."""
    address = text(_topic(frame))
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], options: Options) -> list[Reading]:
    """A click or a level for each button and switch that the message names."""
    address = text(_topic(frame)) or ""
    said = object_of(frame.payload)
    if said is None:
        why = "the payload is no JSON object"
        return [Ignored(frame=frame, family=_NAME, address=address, reason=why)]
    status = said.get("StatusSNS")
    if isinstance(status, dict):
        said = status
    old = _OLD_TOPIC.fullmatch(frame.channel or "")
    if old is not None and "ACTION" in said:
        said = {f"Button{old[1]}": {"Action": said["ACTION"]}}
    readings = [
        reading
        for name, value in list(said.items())[:_MOST_SWITCHES]
        if (reading := _decode(frame, address, name, value, options)) is not None
    ]
    if readings:
        return readings
    why = "no button and no switch in it"
    return [Ignored(frame=frame, family=_NAME, address=address, reason=why, valid=True)]


def _decode(
    frame: RawFrame, address: str, name: str, value: Any, options: Options
) -> Reading | None:
    button = text(name, 64)
    if button is None:
        return None
    if isinstance(value, str):
        if not _SWITCH.fullmatch(button) or value not in _LEVELS:
            return None
        return _level(frame, address, button, value, edge=False)
    action = value.get("Action") if isinstance(value, dict) else None
    if not isinstance(action, str):
        return None
    if action in _LEVELS:
        return _level(frame, address, button, action, edge=True)
    common: dict[str, Any] = {"frame": frame, "family": _NAME, "address": address}
    extra = {"button": button, "action": action[:32]}
    click = _ACTIONS.get(action)
    if action == "HOLD" and not _BUTTON.fullmatch(button):
        mode = options.switch_modes.get(f"{address}/{button}", options.switch_modes.get(address))
        click = _HOLD_IN_MODE.get(mode, click) if mode is not None else click
    if click is None:
        return Ignored(**common, reason="the action is no press", valid=True, extra=extra)
    return Click(**common, click_type=click, button=button, extra=extra)


def _level(frame: RawFrame, address: str, button: str, value: str, *, edge: bool) -> Level:
    return Level(
        frame=frame,
        family=_NAME,
        address=address,
        button=button,
        closed=_LEVELS[value],
        edge=edge,
    )


def _topic(frame: RawFrame) -> str | None:
    """Tasmota's own topic in an MQTT topic, whichever side of the prefix it stands on."""
    *levels, _ = (frame.channel or "").split("/")
    place = next((at for at, level in enumerate(levels) if level in _PREFIXES), None)
    if place is None:
        return None
    return "/".join(levels[place + 1 :]) or "/".join(levels[:place]) or None


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing: whoever may publish to the broker can say it",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
