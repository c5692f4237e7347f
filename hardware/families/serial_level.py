"""A plain serial line that says no more than whether a contact is closed: ``1``/``0``.

Source: what a first sketch on an Arduino, a micro:bit or a Pico prints when its button changes.
Accepted are ``1`` and ``0``, ``DOWN`` and ``UP``, ``PRESSED`` and ``RELEASED``, ``ON`` and ``OFF``
in any case, each alone on its line.

Traps: the line names no button, so the port does (its USB serial number); sketches often print
the level in a loop, so only a change counts; the chatter of the contact arrives as well.

Proves: nothing but that something on this port printed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hardware.click import Ignored, RawFrame
from hardware.families.family import Family, Level, Options, Reading, Sender
from hardware.families.payloads import address_of
from hardware.keys import DeviceKey

_NAME = "serial_level"

_CLOSED: Final = {
    **dict.fromkeys((b"1", b"down", b"pressed", b"on"), True),
    **dict.fromkeys((b"0", b"up", b"released", b"off"), False),
}


def matches(frame: RawFrame) -> bool:
    """One of the words, alone."""
    return frame.payload.strip().lower() in _CLOSED


def sender_of(frame: RawFrame) -> Sender | None:
    """The port's own name."""
    address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The level."""
    closed = _CLOSED.get(frame.payload.strip().lower())
    address = address_of(frame.address)
    if closed is None:
        return [Ignored(frame=frame, family=_NAME, address=address, reason="not a contact level")]
    return [Level(frame=frame, family=_NAME, address=address, closed=closed, raw=True)]


FAMILY = Family(
    name=_NAME,
    transports=("serial",),
    proves="nothing: whatever hangs on the port can print it",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
