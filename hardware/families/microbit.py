"""BBC micro:bit button service: two characteristics, one byte each.

Source: lancaster-university/microbit-dal, ``MicroBitButtonService.cpp``: service
e95d9882-251d-470a-a062-fa1922dfa9a8, A e95dda90-…, B e95dda91-…; 0 up, 1 down, 2 held.

Traps: 2 comes 1,500 ms after the press while the button is still down, and 0 follows at the
release; a listener that connects in between sees 2 first and never saw the press. Whether pairing
is needed is decided when the program on the micro:bit is built.

Proves: nothing without pairing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hardware.click import Ignored, RawFrame
from hardware.families.family import Family, Level, Options, Reading, Sender
from hardware.families.payloads import address_of
from hardware.keys import DeviceKey

BUTTON_UUIDS: Final = {
    "e95dda90-251d-470a-a062-fa1922dfa9a8": "A",
    "e95dda91-251d-470a-a062-fa1922dfa9a8": "B",
}
_NAME = "microbit"
_HELD = 2


def matches(frame: RawFrame) -> bool:
    """A notification of either button."""
    return frame.channel in BUTTON_UUIDS


def sender_of(frame: RawFrame) -> Sender | None:
    """The peer's Bluetooth address."""
    address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The level of the one button whose characteristic this is."""
    address = address_of(frame.address)
    if len(frame.payload) != 1 or frame.payload[0] > _HELD:
        why = f"a button state is one byte, 00 to 02, not {frame.payload[:8].hex() or 'nothing'}"
        return [Ignored(frame=frame, family=_NAME, address=address, reason=why)]
    state = frame.payload[0]
    return [
        Level(
            frame=frame,
            family=_NAME,
            address=address,
            button=BUTTON_UUIDS.get(frame.channel or ""),
            closed=state != 0,
            held=state == _HELD,
        )
    ]


FAMILY = Family(
    name=_NAME,
    transports=("ble-notify",),
    proves="nothing: identity by assertion, unless the link is bonded",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
