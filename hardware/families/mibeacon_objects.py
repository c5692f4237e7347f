"""What the objects of a MiBeacon frame mean: press types and button names differ per model.

Source: the model tables of Bluetooth-Devices/xiaomi-ble (``parser.py``, ``devices.py``).

Traps: press type 1 of object 1001 is a double click on a YLAI003 and a long press on a K9B; one
object can press several buttons at once; a dimmer's knob and a cube report turns in the same
object; an object of a model that is not listed is read as the plain single-button form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CUBE: Final = 0x04E1
_DIMMER: Final = 0x03B6
_TWO_BUTTONS: Final = 0x1949  # XMWXKG01YL
_LEFT_RIGHT: Final = 0x5968  # XMWS01XS
_K9BB: Final = 0x1C10
_QUADS: Final = (0x3A61, 0x3E17)  # KS1, KS1BP
_QUAD_NAMES: Final = {1: "left", 2: "mid_left", 3: "mid_right", 4: "right"}

# Object 1001, third byte. The K9B switches have 1 and 2 the other way round.
_PRESS: Final = {0: "SINGLE", 1: "DOUBLE", 2: "LONG", 5: "SINGLE", 6: "LONG"}
_K9B_PRESS: Final = {0: "SINGLE", 1: "LONG", 2: "DOUBLE"}
_TIMES: Final = {0: "SINGLE", 1: "SINGLE", 2: "DOUBLE", 3: "TRIPLE", 4: "QUADRUPLE", 5: "QUINTUPLE"}

# Object 1001, first byte: which buttons of a K9B, by model.
_K9B: Final[dict[int, dict[int, tuple[str, ...]]]] = {
    0x1568: {0: ("1",)},
    0x1569: {0: ("left",), 1: ("right",), 2: ("left", "right")},
    0x0DFD: {
        0: ("left",),
        1: ("middle",),
        2: ("right",),
        3: ("left", "middle"),
        4: ("middle", "right"),
        5: ("left", "right"),
        6: ("left", "middle", "right"),
    },
}
# Object 1001, first byte: the name printed on each button of the remotes.
_REMOTES: Final = {
    0x0153: ("on", "off", "brightness", "plus", "M", "min"),
    0x068E: ("fan", "light", "wind_speed", "color_temperature", "wind_mode", "brightness"),
    0x04E6: (
        "swing",
        "power",
        "timer_60_minutes",
        "increase_wind_speed",
        "timer_30_minutes",
        "decrease_wind_speed",
    ),
    0x03BF: (
        "stop",
        "air_exchange",
        "fan",
        "increase_speed",
        "decrease_speed",
        "dry",
        "light",
        "swing",
        "heat",
    ),
}
_GESTURES: Final = {0x0C: "SINGLE", 0x0D: "DOUBLE", 0x0E: "LONG"}
_GESTURE_GROUPS: Final = (0x4A, 0x4E, 0x56)
_MS1BB_BUTTON: Final = 0x4A13
_BATTERIES: Final = (0x100A, 0x4803, 0x4C03, 0x5003)

_Clicks = list[tuple[str | None, str]]


@dataclass(slots=True)
class Said:
    """What the objects of one frame say."""

    clicks: tuple[tuple[str | None, str], ...] = ()
    """(button name or None, click type)."""
    several: bool = False
    """The model has buttons that can be pressed together, so the names matter."""
    battery_percent: int | None = None
    knob: str = ""
    """``cube`` or ``dimmer`` when something was turned, not pressed."""
    unassigned: bool = False
    """A button object was there that says no press that is known."""
    cut: bool = False
    """An object announces more bytes than there are."""


def read_objects(product_id: int, objects: bytes) -> Said:
    """What all objects say. Never raises: a cut object ends the reading."""
    said = Said()
    at = 0
    while at + 3 <= len(objects):
        object_id = int.from_bytes(objects[at : at + 2], "little")
        end = at + 3 + objects[at + 2]
        if end > len(objects):
            break
        _take(said, product_id, object_id, objects[at + 3 : end])
        at = end
    said.cut = at != len(objects)
    return said


def _take(said: Said, product_id: int, object_id: int, value: bytes) -> None:
    if object_id in _BATTERIES:
        if len(value) == 1:
            said.battery_percent = value[0]
        return
    before = len(said.clicks)
    if object_id == 0x1001:
        if len(value) == 3:
            _take_1001(said, product_id, value[0], value[1], value[2])
        said.unassigned |= len(said.clicks) == before
        return
    if object_id == _MS1BB_BUTTON:
        clicks: _Clicks = [(None, "SINGLE")] if value[:1] == b"\x01" else []
    elif object_id >> 8 in _GESTURE_GROUPS and object_id & 0xFF in _GESTURES:
        click = _GESTURES[object_id & 0xFF]
        clicks = _gesture(product_id, object_id >> 8, click, value)
        said.several = said.several or product_id == _TWO_BUTTONS
    else:
        return
    said.clicks += tuple(clicks)
    said.unassigned |= not clicks


def _gesture(product_id: int, group: int, click: str, value: bytes) -> _Clicks:
    """Objects whose id says the gesture and whose value says the button, on some models."""
    place = value[0] if value else -1
    if group == 0x4A and product_id == _LEFT_RIGHT:
        return _named({0: ("left",), 1: ("right",)}.get(place, ()), click)
    if group == 0x4E and product_id == _TWO_BUTTONS:
        return _named({1: ("left",), 2: ("right",), 3: ("left", "right")}.get(place, ()), click)
    if group == 0x4E and product_id == _K9BB:
        # One object id for all three gestures.
        kind = {1: "SINGLE", 8: "LONG", 15: "DOUBLE"}.get(place) if click == "SINGLE" else None
        return [(None, kind)] if kind else []
    if group == 0x56 and product_id in _QUADS:
        name = _QUAD_NAMES.get(place)
        return [(name, click)] if name or click == "SINGLE" else []
    return [(None, click)]


def _take_1001(said: Said, product_id: int, first: int, amount: int, press: int) -> None:
    if product_id == _CUBE:
        said.knob = "cube"
    elif product_id == _DIMMER:
        _take_dimmer(said, first, amount, press)
    elif product_id in _K9B:
        said.several = True
        click = _K9B_PRESS.get(press)
        said.clicks += tuple(_named(_K9B[product_id].get(first, ()), click) if click else ())
    elif product_id in _REMOTES:
        names = _REMOTES[product_id]
        click = _pressed(first, press)
        if click and first < len(names):
            said.clicks += ((names[first], click),)
    elif click := _pressed(first, press):
        said.clicks += ((None, click),)


def _take_dimmer(said: Said, first: int, amount: int, press: int) -> None:
    if press == 3 and first == 0:
        said.clicks += (("dimmer", _TIMES.get(amount, "MANY")),)
    elif click := _pressed(first, press):
        said.clicks += (("dimmer", click),)
    else:
        said.knob = "dimmer"


def _pressed(first: int, press: int) -> str | None:
    if press == 3:
        return {0: "SINGLE", 1: "LONG"}.get(first)
    return _PRESS.get(press)


def _named(names: tuple[str, ...], click: str) -> _Clicks:
    return [(name, click) for name in names]
