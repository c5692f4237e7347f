"""What on a serial line is noise and no text, and when to say so."""

from __future__ import annotations

from typing import Final

# Enough bytes to be sure: a board that boots in mid-byte spoils a handful of them.
NOISE_BYTES: Final = 64

_PRINTABLE: Final = frozenset(range(0x20, 0x7F)) | {0x09}


class NoiseWatch:
    """Tells noise from lines, and says once when there is nothing but noise."""

    def __init__(self) -> None:
        self._noise_bytes = 0
        self._said = False

    def is_noise(self, line: bytes) -> bool:
        """Whether a line is so unlike text that no decoder needs to see it."""
        strange = sum(byte not in _PRINTABLE for byte in line)
        # A spoiled byte or two is a damaged sentence, which a decoder refuses with its reason.
        noise = strange * 3 > len(line)
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
