"""Where a serial line begins and ends, and what is noise: bounded, and found again after noise."""

from __future__ import annotations

from typing import Final

# Our own sentence is at most this long, and people read it in a terminal. Longer is noise.
MAX_LINE_BYTES: Final = 255

# Enough bytes to be sure: a board that boots in mid-byte spoils a handful, not two lines' worth.
NOISE_BYTES: Final = 64

_PRINTABLE: Final = frozenset(range(0x20, 0x7F)) | {0x09}


class LineSplitter:
    """Bytes in, lines out, without their line ends. Holds at most one line, whatever comes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False
        self.dropped_bytes = 0
        """Bytes of lines that were too long, since the start."""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes; empty lines are left out."""
        lines = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            line = self._end(piece)
            if line:
                lines.append(line)
        self._hold(rest)
        return lines

    def _end(self, piece: bytes) -> bytes:
        self._hold(piece)
        line = b"" if self._skipping else bytes(self._held).rstrip(b"\r")
        self._held.clear()
        self._skipping = False
        return line

    def _hold(self, piece: bytes) -> None:
        if not self._skipping and len(self._held) + len(piece) <= MAX_LINE_BYTES + 1:
            self._held += piece  # one byte more than a line, for the CR that may end it
            return
        self.dropped_bytes += len(self._held) + len(piece)
        self._held.clear()
        self._skipping = True


class NoiseWatch:
    """Tells noise from lines, and says once when there is nothing but noise."""

    def __init__(self) -> None:
        self._noise_bytes = 0
        self._said = False

    def is_noise(self, line: bytes) -> bool:
        """Whether a line is so unlike text that no decoder needs to see it."""
        strange = sum(byte not in _PRINTABLE for byte in line)
        # A spoiled byte or two is a damaged sentence, which a decoder refuses with its reason.
        noise = len(line) > MAX_LINE_BYTES or strange * 3 > len(line)
        if noise:
            self.heard_noise(len(line))
        else:
            self._noise_bytes = 0
        return noise

    def heard_noise(self, count: int) -> None:
        """Count bytes that were no line at all."""
        self._noise_bytes += count

    def say(self) -> bool:
        """True once: when enough noise has come since the last line."""
        if self._said or self._noise_bytes < NOISE_BYTES:
            return False
        self._said = True
        return True
