"""A time axis: which pixel a time has, which round times are marked, and in which unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

_MOST_TICKS: Final = 12
# (unit, milliseconds of one): the first that gives steps of at least one of it.
_UNITS: Final = (("µs", 0.001), ("ms", 1.0), ("s", 1000.0), ("min", 60_000.0), ("h", 3_600_000.0))
# From here on the next larger unit reads better.
_LARGE: Final = {"µs": 500, "ms": 1000, "s": 300, "min": 120}


@dataclass(frozen=True, slots=True)
class Axis:
    """Time runs evenly from ``left`` to ``right``."""

    from_ms: float
    to_ms: float
    left: float
    right: float
    unit: str
    unit_ms: float
    step: float
    """Between two ticks, in the unit."""

    def x_of(self, at_ms: float) -> float:
        """The pixel of a time."""
        return self.left + (at_ms - self.from_ms) * (self.right - self.left) / (
            self.to_ms - self.from_ms
        )

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Pixel and text of each tick."""
        number = ceil(self.from_ms / self.unit_ms / self.step)
        while number * self.step * self.unit_ms <= self.to_ms:
            at = number * self.step
            yield self.x_of(at * self.unit_ms), f"{at:.10g}"
            number += 1


def axis_between(from_ms: float, to_ms: float, left: float, right: float) -> Axis:
    """The axis from one time to a later one, at most a dozen ticks on it."""
    unit, unit_ms = _UNITS[-1]
    for unit, unit_ms in _UNITS:
        step = _step((to_ms - from_ms) / unit_ms)
        if step < _LARGE.get(unit, step + 1):
            break
    return Axis(from_ms, to_ms, left, right, unit, unit_ms, _step((to_ms - from_ms) / unit_ms))


def in_unit(us: float) -> str:
    """A duration, in a unit that fits."""
    if us < 1000:
        return f"{us:g} µs"
    ms = us / 1000
    if ms < 1000:
        return f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms"
    return f"{ms / 1000:.1f} s"


def _step(span: float) -> float:
    """A round step that gives at most so many ticks."""
    step = 0.001
    while True:
        for factor in (1, 2, 5):
            if span / (step * factor) <= _MOST_TICKS:
                return step * factor
        step *= 10
