"""OpenMQTTGateway and Theengs Gateway: what their decoder read in an advertisement, as JSON.

Source: 1technophile/OpenMQTTGateway, ``docs/use/ble.md``; theengs/decoder, ``docs/devices``:
topic ``…/BTtoMQTT/<MAC without colons>``; ``button`` 0 none, 1 to 5 clicks, 9 long, 10 release,
11 hold.

Traps: most messages are mere presence; the gateway publishes each copy of an advertisement it
hears, and several gateways hear the same one; encrypted buttons arrive as ciphertext, which this
family does not open.

Proves: nothing; the gateway's word for an advertisement that proves little itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import integer, object_of, percent, text
from hardware.keys import DeviceKey

_NAME = "theengs"
_TOPIC_LEVEL: Final = "BTtoMQTT"
_BUTTON: Final = re.compile(r"button_?(\d?)", re.ASCII)
_CODES: Final = {
    0: "NONE",
    1: "SINGLE",
    2: "DOUBLE",
    3: "TRIPLE",
    4: "QUADRUPLE",
    5: "QUINTUPLE",
    9: "LONG",
    10: "RELEASE",
    11: "HOLD",
}


def matches(frame: RawFrame) -> bool:
    """A topic below ``BTtoMQTT``."""
    return _TOPIC_LEVEL in (frame.channel or "").split("/")


def sender_of(frame: RawFrame) -> Sender | None:
    """The Bluetooth address as the payload writes it, else as the topic does."""
    said = object_of(frame.payload) or {}
    address = text(said.get("id")) or _of_topic(frame)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """A click for each button that was pressed."""
    said = object_of(frame.payload)
    sender = sender_of(frame)
    if said is None or sender is None:
        return [Ignored(frame=frame, family=_NAME, reason="no JSON object with an address")]
    packet = integer(said.get("packet"), 0, 255)
    common: dict[str, Any] = {
        "frame": frame,
        "family": _NAME,
        "address": sender.address,
        "battery_percent": percent(said.get("batt")),
        "counter": None if packet is None else {"packet": packet},
    }
    found = _buttons(said)
    if not found:
        sealed = "cipher" in said
        why = "encrypted: the gateway cannot open it" if sealed else "no button field"
        return [Ignored(**common, reason=why, valid=not sealed)]
    extra = {"buttons": dict(found)} if len(found) > 1 else {}
    clicks: list[Reading] = [
        Click(
            **common,
            click_type=click,
            button=button or None,
            press_id=None if packet is None else f"{packet}:{button}:{click}",
            extra=extra,
        )
        for button, click in found
        if click != "NONE"
    ]
    nothing = "no press (beacon)"
    return clicks or [Ignored(**common, reason=nothing, valid=True, click_type="NONE")]


def _buttons(said: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name, value in said.items():
        place = _BUTTON.fullmatch(name)
        click = _CODES.get(value) if integer(value) is not None else None
        if place and click is not None:
            found.append((place[1], click))
    return found


def _of_topic(frame: RawFrame) -> str | None:
    level = (frame.channel or "").rsplit("/", 1)[-1]
    return None if level == _TOPIC_LEVEL else text(level)


FAMILY = Family(
    name=_NAME,
    transports=("mqtt",),
    proves="nothing: a gateway's word for an advertisement",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
