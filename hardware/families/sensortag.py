"""TI SensorTag simple keys: one byte, a bit for each key that is down.

Source: arduino-libraries/ArduinoBLE, ``SensorTagButton.ino``; the bits from the TI wiki as quoted
in sarweshkumar47/TI-SensorTag-with-Intel-Edison: bit 0 right, bit 1 left, bit 2 side key.

Traps: service FFE0 and characteristic FFE1 are also an iTAG's, with another meaning: name and
other services tell them apart. All keys share one byte, so each notification says every key.

Proves: nothing; it connects without pairing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hardware.click import Ignored, RawFrame
from hardware.families.family import Family, Level, Options, Reading, Sender
from hardware.families.itag import FFE1_UUID, looks_like_itag
from hardware.families.payloads import address_of
from hardware.keys import DeviceKey

_NAME = "sensortag"
_KEYS: Final = ((0, "right"), (1, "left"), (2, "side"))


def matches(frame: RawFrame) -> bool:
    """A notification of FFE1 from something that is not clearly an iTAG."""
    return frame.channel == FFE1_UUID and not looks_like_itag(frame)


def sender_of(frame: RawFrame) -> Sender | None:
    """The peer's Bluetooth address."""
    address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The level of every key."""
    address = address_of(frame.address)
    if len(frame.payload) != 1 or frame.payload[0] > 0b111:
        why = f"the keys are three bits of one byte, not {frame.payload[:8].hex() or 'nothing'}"
        return [Ignored(frame=frame, family=_NAME, address=address, reason=why)]
    bits = frame.payload[0]
    return [
        Level(
            frame=frame, family=_NAME, address=address, button=key, closed=bool(bits >> place & 1)
        )
        for place, key in _KEYS
    ]


FAMILY = Family(
    name=_NAME,
    transports=("ble-notify",),
    proves="nothing: identity by assertion",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
