"""Where the numbers of the clicks outlive a power cut: two small files, written in turn.

Wear: a start and a click write 17 bytes each. littlefs, which both boards use, appends such a
write to a log of one erasable block of 4096 bytes in pieces of at least 256 (Pico W) or 32 bytes
(ESP32) and erases only when the log is full, so one erase serves about 16 writes or more. At the
100,000 erases that flash makers promise for a block that is more than a million clicks. This is
counted from the formats, not measured.
"""

import os
from errno import ENOENT

from firmware_sim.core.counter import RECORD_BYTES, Slot


class FileSlot(Slot):
    """``counter.0`` and ``counter.1`` beside main.py.

    littlefs keeps the old content until a file is closed; on FAT a cut may leave a short file.
    Either way only the place being written is at risk.
    """

    def read(self, place: int) -> bytes:
        """The record; empty when there is no file yet."""
        try:
            with open(f"counter.{place}", "rb") as file:
                return file.read(RECORD_BYTES + 1)
        except OSError as error:
            if error.errno != ENOENT:
                raise
            return b""

    def write(self, place: int, record: bytes) -> None:
        """Replace the record; closing the file is what makes it last."""
        with open(f"counter.{place}", "wb") as file:
            file.write(record)
        if hasattr(os, "sync"):
            os.sync()
