"""How long things took, kept in a few hundred numbers however many things there were."""

from __future__ import annotations

import math
from typing import Final

# Eight steps for each doubling: a quantile is told within 9 %.
_STEPS: Final = 8
# 1 microsecond to more than 4 hours.
_BUCKETS: Final = 34 * _STEPS


class Latencies:
    """A histogram of durations on a logarithmic scale."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.total = 0

    def add(self, duration_s: float) -> None:
        """Count one duration."""
        us = duration_s * 1e6
        step = int(math.log2(us) * _STEPS) if us > 1 else 0
        self._counts[min(step, _BUCKETS - 1)] += 1
        self.total += 1

    def quantile_ms(self, share: float) -> float | None:
        """No more than this, in milliseconds, took ``share`` (0 to 1) of all; None without any."""
        left = share * self.total
        for step, count in enumerate(self._counts):
            left -= count
            if count and left <= 0:
                return float(2 ** ((step + 1) / _STEPS)) / 1000
        return None
