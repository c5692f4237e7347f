"""Memory for a simulated chip's counter, and a power cut in the middle of writing it."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_sim.core.counter import RECORD_BYTES, Slot


class PowerCutError(Exception):
    """The power was cut while a record was being written."""


class MemorySlot(Slot):
    """Two places in memory. ``places`` outlives the device, as flash outlives a battery.

    With ``cut_after_bytes`` the power is cut once so many bytes more were written: the record is
    left half new and half old, or half erased when ``erases_first``, as flash memory does.
    """

    def __init__(
        self,
        places: Sequence[bytes] = (b"", b""),
        *,
        cut_after_bytes: int | None = None,
        erases_first: bool = False,
    ) -> None:
        self.places = list(places)
        self.cut_after_bytes = cut_after_bytes
        self._erases_first = erases_first

    def read(self, place: int) -> bytes:
        """What the place holds."""
        return self.places[place]

    def write(self, place: int, record: bytes) -> None:
        """Replace it, or raise PowerCutError half-way."""
        if self.cut_after_bytes is None:
            self.places[place] = record
            return
        old = b"\xff" * RECORD_BYTES if self._erases_first else self.places[place]
        written = min(self.cut_after_bytes, len(record))
        self.cut_after_bytes -= written
        self.places[place] = record[:written] + old[written:]
        if written < len(record):
            raise PowerCutError(f"cut after {written} of {len(record)} bytes of place {place}")
