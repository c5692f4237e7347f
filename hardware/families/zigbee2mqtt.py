"""zigbee2mqtt: the ``action`` of a Zigbee remote, as JSON or as plain text.

Source: zigbee2mqtt.io, device pages (WXKG11LM, SNZB-01, E1524/E1810, 324131092621, TS004x,
SOMRIG, Opple) and the issues named below. Topic ``<base>/<friendly name>``; base and name are
the user's.

Traps: with the legacy switch on, each press is three messages: the JSON, the same word as plain
text below ``/action``, and a JSON whose action is empty (issues 18070, 21855). The last action was
published again after a restart (issue 25566): ``last_seen`` is then the old one. A hub may publish
each press twice (issue 32015). A long press of an IKEA remote sends the short one first. Words
differ per model, and so do units. First versions say ``click``, and write the battery as text.

Proves: nothing; whoever may publish to the broker can say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import integer, object_of, percent, text, text_of
from hardware.families.zigbee2mqtt_actions import read_action
from hardware.keys import DeviceKey

_NAME = "zigbee2mqtt"
_ACTION_TOPIC: Final = "/action"
_BATTERY: Final = re.compile(r"\d{1,3}(\.\d{1,4})?", re.ASCII)
# Below a device, but not said by it: commands to it, and whether it is reachable.
_NOT_ITS_OWN: Final = ("/set", "/get", "/availability")
# Below the base, but no device.
_HUB_TOPICS: Final = ("bridge", "group")


def matches(frame: RawFrame) -> bool:
    """A JSON object with an action or a link quality, or any topic below the usual base."""
    topic = frame.channel or ""
    if topic.startswith("zigbee2mqtt") or topic.endswith(_ACTION_TOPIC):
        return True
    said = object_of(frame.payload) or {}
    return "action" in said or "linkquality" in said


def sender_of(frame: RawFrame) -> Sender | None:
    """The friendly name; bases other than the usual one are taken to be all but the last level."""
    return _sender(frame, Options())


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], options: Options) -> list[Reading]:
    """The click that the action names."""
    sender = _sender(frame, options)
    if sender is None and frame.channel is not None:
        return [Ignored(frame=frame, family=_NAME, reason="the topic names no device", valid=True)]
    address = sender.address if sender else ""
    common: dict[str, Any] = {"frame": frame, "family": _NAME, "address": address}
    if (frame.channel or "").endswith(_NOT_ITS_OWN):
        why = "said to the device or about it, not by it"
        return [Ignored(**common, reason=why, valid=True)]
    if (frame.channel or "").endswith(_ACTION_TOPIC):
        return [_decode_action(common, text_of(frame.payload), None)]
    said = object_of(frame.payload)
    if said is None:
        if word := _gesture_alone(frame):
            return [_decode_action(common, word, None)]
        return [Ignored(**common, reason="the payload is no JSON object")]
    seen_ms = _seen_ms(said.get("last_seen"))
    common["battery_percent"] = _battery(said.get("battery"))
    common["counter"] = None if seen_ms is None else {"last_seen_ms": seen_ms}
    return [_decode_action(common, said.get("action", said.get("click")), seen_ms)]


def _gesture_alone(frame: RawFrame) -> str | None:
    """A word that can only be a gesture, on the device's own topic: bridges of bridges send it.

    Further down plain text is the value of any member, and ``on`` may be a lamp's state.
    """
    word = text_of(frame.payload)
    read = read_action(word) if word and (frame.channel or "").count("/") == 1 else None
    return word if read is not None and not isinstance(read[0], str) else None


def _decode_action(common: dict[str, Any], action: Any, seen_ms: int | None) -> Reading:
    if not isinstance(action, str):
        return Ignored(**common, reason="no action field", valid=True)
    if action == "":
        why = "empty action: it only ends the one before"
        return Ignored(**common, reason=why, valid=True, click_type="NONE")
    read = read_action(action)
    extra = {"action": action[:64]}
    if read is None:
        return Ignored(**common, reason="the action is no press", valid=True, extra=extra)
    button, click = read
    if click in ("DOWN", "RELEASE"):
        why = "an edge: the click itself is said in a message of its own"
        return Ignored(**common, reason=why, valid=True, click_type=click, extra=extra)
    return Click(
        **common,
        click_type=click,
        button=button,
        press_id=None if seen_ms is None else f"{seen_ms}:{action[:64]}",
        reported_ms=seen_ms,
        extra=extra,
    )


def _sender(frame: RawFrame, options: Options) -> Sender | None:
    topic = frame.channel or ""
    ending = next((end for end in (_ACTION_TOPIC, *_NOT_ITS_OWN) if topic.endswith(end)), "")
    topic = topic.removesuffix(ending)
    base = next((b for b in options.zigbee2mqtt_bases if topic.startswith(f"{b}/")), None)
    name = topic.rsplit("/", 1)[-1] if base is None else topic[len(base) + 1 :]
    if name.split("/", 1)[0] in _HUB_TOPICS or "/bridge/" in topic:
        return None
    address = text(name)
    return Sender(None, address) if address else None


def _battery(value: Any) -> float | None:
    if isinstance(value, str) and _BATTERY.fullmatch(value):
        return percent(float(value))
    return percent(value)


def _seen_ms(value: Any) -> int | None:
    """``last_seen`` in either of its two forms, as UTC ms."""
    if not isinstance(value, str):
        return integer(value)
    try:
        seen = datetime.fromisoformat(value)
        return int(seen.replace(tzinfo=seen.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing: whoever may publish to the broker can say it",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
