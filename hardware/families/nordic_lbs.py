"""Nordic LED Button Service: one characteristic, one byte, the level of one contact.

Source: nrfconnect/sdk-nrf, ``lbs.h`` and ``lbs.c``: service 00001523-1212-efde-1523-785feabcd123,
button 00001524-…, 01 closed, 00 open, notified at each change.

Traps: it is a level, so the host times the click; a dropped link hides the release; the
characteristic asks for no pairing.

Proves: nothing; any peripheral can offer this service.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardware.click import Ignored, RawFrame
from hardware.families.family import Family, Level, Options, Reading, Sender
from hardware.families.payloads import address_of
from hardware.keys import DeviceKey

BUTTON_UUID = "00001524-1212-efde-1523-785feabcd123"
_NAME = "nordic_lbs"


def matches(frame: RawFrame) -> bool:
    """A notification of the button characteristic."""
    return frame.channel == BUTTON_UUID


def sender_of(frame: RawFrame) -> Sender | None:
    """The peer's Bluetooth address."""
    address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The level."""
    address = address_of(frame.address)
    if frame.payload not in (b"\x00", b"\x01"):
        why = f"a button level is one byte, 00 or 01, not {frame.payload[:8].hex() or 'nothing'}"
        return [Ignored(frame=frame, family=_NAME, address=address, reason=why)]
    return [Level(frame=frame, family=_NAME, address=address, closed=frame.payload == b"\x01")]


FAMILY = Family(
    name=_NAME,
    transports=("ble-notify",),
    proves="nothing: identity by assertion, unless the link is bonded",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
