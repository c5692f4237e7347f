"""Which click an action word of zigbee2mqtt means, and which button it names.

Source: the device pages of zigbee2mqtt.io; the lists of actions in zigbee-herdsman-converters.
Each model has its own words, made of the same parts. ``2_single``, ``single_left``,
``button_1_hold``, ``arrow_left_click``, ``on-press`` and ``1_short_release`` all name a gesture
and, before or behind it, a button. Remotes with several rows of keys write which one behind the
word: ``on_2``, ``off_l4``, ``brightness_stop_row_1``, ``toggle_left``.
"""

from __future__ import annotations

import re
from typing import Final

# Two-word gestures first: the longest match wins. A press that ends in "release" is over twice
# otherwise: SOMRIG says its click at the release, Hue's dimmer at the press.
_GESTURES: Final = {
    "initial_press": "DOWN",
    "short_release": "SINGLE",
    "longpress_release": "RELEASE",
    "longpress": "LONG",
    "hold_released": "RELEASE",
    "press_release": "RELEASE",
    "hold_release": "RELEASE",
    "long_release": "RELEASE",
    "double_release": "RELEASE",
    "short_press": "SINGLE",
    "single_press": "SINGLE",
    "double_press": "DOUBLE",
    "double_pressed": "DOUBLE",
    "triple_press": "TRIPLE",
    "press_once": "SINGLE",
    "press_twice": "DOUBLE",
    "long_press": "LONG",
    "single_click": "SINGLE",
    "double_click": "DOUBLE",
    "triple_click": "TRIPLE",
    "long_click": "LONG",
    "single": "SINGLE",
    "double": "DOUBLE",
    "triple": "TRIPLE",
    "tripple": "TRIPLE",  # a maker's own spelling
    "quadruple": "QUADRUPLE",
    "quintuple": "QUINTUPLE",
    "many": "MANY",
    "long": "LONG",
    "hold": "HOLD",
    "held": "HOLD",
    "release": "RELEASE",
    "released": "RELEASE",
    "click": "SINGLE",
    "press": "SINGLE",
    "pressed": "SINGLE",
    "short": "SINGLE",
    "stop": "RELEASE",
    "emergency": "EMERGENCY",
    "sos": "EMERGENCY",
    "panic": "EMERGENCY",
}
# Bosch's switch says a short press at its release, and nothing before.
_SHORT_RELEASES: Final = frozenset(
    f"button_{row}_{side}_release" for row in ("top", "bottom") for side in ("left", "right")
)
# Words of remotes that name the function and mean one short press of its key.
_KEYS: Final = frozenset(
    {"on", "off", "toggle", "up", "down", "open", "close", "left", "right", "both", "button"}
    | {"play", "pause", "play_pause", "next", "previous", "track_next", "track_previous"}
    | {"skip_forward", "skip_backward", "power_on", "power_off", "switch_scene"}
    | {"volume_up", "volume_down", "arrow_left", "arrow_right", "dots_1", "dots_2"}
    | {f"brightness_{way}" for way in ("up", "down")}
    | {f"colortemp_{way}" for way in ("up", "down")}
    | {f"{what}_{way}" for what in ("cover", "curtain") for way in ("open", "close")}
    | {f"{way}_cover" for way in ("open", "close")}
    | {"red", "green", "blue", "yellow", "refresh", "refresh_colored"}
    | {f"color_{name}" for name in ("red", "green", "blue", "yellow")}
    | {"circle", "square", "triangle", "hexagon", "bell1", "bell2", "key1", "key2", "key3", "key4"}
    | {"cinema", "at_home", "go_out", "repast", "sleep", "home", "away", "enter", "leave"}
    | {"home_arrival", "home_departure", "daytime_day", "daytime_night", "center"}
)
# One press moves the light by one step.
_STEP: Final = re.compile(r"(brightness|(color_)?(temperature|hue|saturation))_step_(up|down)")
# Held keys of dimmers: the light moves until a "stop".
_HELD_PREFIXES: Final = ("brightness_move", "color_temperature_move", "hue_move")
_NUMBERED: Final = ("scene", "recall", "button", "select")
# Which of several rows of keys, behind the word.
_ROW: Final = re.compile(
    r"_(row_\d|[a-z]?\d{1,2}|(top|bottom)(_left|_right)?|left|right)", re.ASCII
)


def read_action(action: str) -> tuple[str | int | None, str] | None:
    """(button, click type) of an action word; None when it is no press."""
    word = action.strip().lower().replace("-", "_")
    if word in _SHORT_RELEASES:
        return word.removesuffix("_release"), "SINGLE"
    if word.startswith(_HELD_PREFIXES):
        return word, "RELEASE" if "_stop" in word else "HOLD"
    return _read_gesture(word) or _read_key(word, word) or _read_row(word)


def _read_gesture(word: str) -> tuple[str | int | None, str] | None:
    for gesture, click in _GESTURES.items():
        if word == gesture:
            return None, click
        if word.endswith(f"_{gesture}"):
            return _button(word[: -len(gesture) - 1]), click
        if word.startswith(f"{gesture}_"):
            return _button(word[len(gesture) + 1 :]), click
    return None


def _read_key(key: str, word: str) -> tuple[str | int | None, str] | None:
    stem, _, place = key.rpartition("_")
    known = key in _KEYS or _STEP.fullmatch(key) or (stem in _NUMBERED and _is_place(place))
    return (_button(word), "SINGLE") if known else None


def _read_row(word: str) -> tuple[str | int | None, str] | None:
    """The same words with a row behind them, which belongs to the button's name."""
    row = next((found for found in _ROW.finditer(word) if found.end() == len(word)), None)
    if row is None:
        return None
    key = word[: row.start()]
    if key.endswith("_stop"):
        return f"{key.removesuffix('_stop')}{row[0]}"[:64], "RELEASE"
    return _read_key(key, word)


def _button(name: str) -> str | int:
    place = name.removeprefix("button_")
    return int(place) if _is_place(place) else name[:64]


def _is_place(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= 3
