"""Which click an action word of zigbee2mqtt means, and which button it names.

Source: the device pages of zigbee2mqtt.io. There is no list: each model has its own words, made
of the same parts. ``2_single``, ``single_left``, ``button_1_hold``, ``arrow_left_click``,
``on-press`` and ``1_short_release`` all name a gesture and, before or behind it, a button.
"""

from __future__ import annotations

from typing import Final

# Two-word gestures first: the longest match wins. A press that ends in "release" is over twice
# otherwise: SOMRIG says its click at the release, Hue's dimmer at the press.
_GESTURES: Final = {
    "initial_press": "DOWN",
    "short_release": "SINGLE",
    "press_release": "RELEASE",
    "hold_release": "RELEASE",
    "long_release": "RELEASE",
    "double_release": "RELEASE",
    "short_press": "SINGLE",
    "single_press": "SINGLE",
    "double_press": "DOUBLE",
    "triple_press": "TRIPLE",
    "long_press": "LONG",
    "single_click": "SINGLE",
    "double_click": "DOUBLE",
    "triple_click": "TRIPLE",
    "long_click": "LONG",
    "single": "SINGLE",
    "double": "DOUBLE",
    "triple": "TRIPLE",
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
# Words of remotes that name the function and mean one short press of its key.
_KEYS: Final = frozenset(
    {"on", "off", "toggle", "up", "down", "open", "close", "left", "right", "button"}
    | {"play", "pause", "play_pause", "next", "previous", "track_next", "track_previous"}
    | {"skip_forward", "skip_backward"}
    | {"volume_up", "volume_down", "arrow_left", "arrow_right", "dots_1", "dots_2"}
    | {f"{what}_{way}" for what in ("brightness", "brightness_step") for way in ("up", "down")}
    | {"color_temperature_step_up", "color_temperature_step_down"}
)
# Held keys of dimmers: the light moves until a "stop".
_HELD_PREFIXES: Final = ("brightness_move", "color_temperature_move", "hue_move")
_NUMBERED: Final = ("scene", "recall", "button")


def read_action(action: str) -> tuple[str | int | None, str] | None:
    """(button, click type) of an action word; None when it is no press."""
    word = action.strip().lower().replace("-", "_")
    if word.startswith(_HELD_PREFIXES):
        return word, "HOLD"
    for gesture, click in _GESTURES.items():
        if word == gesture:
            return None, click
        if word.endswith(f"_{gesture}"):
            return _button(word[: -len(gesture) - 1]), click
        if word.startswith(f"{gesture}_"):
            return _button(word[len(gesture) + 1 :]), click
    stem, _, place = word.rpartition("_")
    if word in _KEYS or (stem in _NUMBERED and _is_place(place)):
        return _button(word), "SINGLE"
    return None


def _button(name: str) -> str | int:
    place = name.removeprefix("button_")
    return int(place) if _is_place(place) else name[:64]


def _is_place(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= 3
