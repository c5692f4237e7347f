"""Which number a click gets, so that no number is ever used twice, whenever the power is cut."""

import binascii
import struct

_U32_MAX = 0xFFFFFFFF

# Version of the record, boot id, click counter, clicks ever; a CRC-32 follows.
_FIELDS = "<BIII"
_VERSION = 1
RECORD_BYTES = struct.calcsize(_FIELDS) + 4


class CounterError(Exception):
    """The numbers of this button cannot go on. The message says what to do."""


class Slot:
    """Two places in memory that keeps its content without power. Subclass it per kind of memory.

    Each place holds one record of ``RECORD_BYTES`` and is written on its own: a power cut while
    place 0 is written may leave anything there, but leaves place 1 alone.
    """

    def read(self, place: int) -> bytes:
        """What place 0 or 1 holds; empty or all 0xFF when it was never written."""
        raise NotImplementedError

    def write(self, place: int, record: bytes) -> None:
        """Replace what the place holds; return only when it will outlast a power cut."""
        raise NotImplementedError


class ClickCounter:
    """Boot id and click counter over a slot.

    Every number is written before it is used, always over the older of the two records. So after
    a cut at any moment the newer record is whole, or the number in it was never sent.
    """

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._next_place = 0
        self.boot_id = 0
        """Rises by one at each start; 0 before ``start``."""
        self.counter = 0
        """Number of the last click since the start; 0 when there was none."""
        self.total = 0
        """Clicks ever, on this slot: what wears the battery, and what BTHome counts with."""

    def start(self) -> None:
        """Read the slot and begin a new boot. Call it once, before the first ``next``.

        Raises CounterError when both records are damaged: going on from 1 would repeat numbers.
        """
        raw = [self._slot.read(0), self._slot.read(1)]
        records = [_unpack(record) for record in raw]
        newest = max(records)
        if newest is _NO_RECORD and not (_is_blank(raw[0]) or _is_blank(raw[1])):
            raise CounterError(
                "both records of the click counter are damaged; erase them and reset the"
                " button's counter at the service"
            )
        self._next_place = 1 if newest is records[0] and newest is not _NO_RECORD else 0
        boot_id, _, total = newest
        if boot_id == _U32_MAX:
            raise CounterError("the boot id has reached its end; give the button a new key and id")
        self._write(boot_id + 1, 0, total)

    def next(self) -> None:
        """Take the number of the next click: ``boot_id``, ``counter`` and ``total`` say it.

        The counter is never above the total, so neither can pass 2^32 - 1.
        """
        if self.total == _U32_MAX:
            raise CounterError("the button has clicked 2^32 times; give it a new key and id")
        self._write(self.boot_id, self.counter + 1, self.total + 1)

    def _write(self, boot_id: int, counter: int, total: int) -> None:
        fields = struct.pack(_FIELDS, _VERSION, boot_id, counter, total)
        record = fields + struct.pack("<I", binascii.crc32(fields) & _U32_MAX)
        self._slot.write(self._next_place, record)
        self._next_place = 1 - self._next_place
        self.boot_id, self.counter, self.total = boot_id, counter, total


_NO_RECORD = (0, 0, 0)


def _unpack(record: bytes) -> tuple[int, int, int]:
    """Boot id, counter, total; ``_NO_RECORD`` itself when the record is blank or damaged."""
    if len(record) != RECORD_BYTES:
        return _NO_RECORD
    fields, crc = record[:-4], record[-4:]
    if struct.pack("<I", binascii.crc32(fields) & _U32_MAX) != crc or record[0] != _VERSION:
        return _NO_RECORD
    _, boot_id, counter, total = struct.unpack(_FIELDS, fields)
    return (boot_id, counter, total)


def _is_blank(record: bytes) -> bool:
    return record == b"\xff" * len(record)
