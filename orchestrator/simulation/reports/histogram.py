"""How many took how long: steps that a person can read, and one last for the long tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_MOST_BARS: Final = 14
_WIDEST: Final = 40
# Beyond this share of the values the tail is one bar, or it would press all others into one.
_TAIL: Final = 0.99


@dataclass(frozen=True, slots=True)
class Bar:
    """``low_ms`` up to and without ``high_ms``; None: and everything above."""

    low_ms: int
    high_ms: int | None
    count: int

    @property
    def label(self) -> str:
        """The range, in a unit that fits."""
        if self.high_ms is None:
            return f"≥ {in_words(self.low_ms)}"
        return f"{in_words(self.low_ms)} to {in_words(self.high_ms)}"


def histogram(values: Sequence[int]) -> list[Bar]:
    """The bars of these times; none without times."""
    if not values:
        return []
    ordered = sorted(values)
    low, high = ordered[0], ordered[min(len(ordered) - 1, int(len(ordered) * _TAIL))]
    step = _step((high - low) / _MOST_BARS)
    first = low // step * step
    edges = list(range(first, high + step, step))
    if edges[-1] <= high:
        edges.append(edges[-1] + step)
    bars = [
        Bar(low, high, sum(1 for one in ordered if low <= one < high))
        for low, high in pairwise(edges)
    ]
    tail = sum(1 for one in ordered if one >= edges[-1])
    return [*bars, Bar(edges[-1], None, tail)] if tail else bars


def text_lines(bars: Sequence[Bar]) -> list[str]:
    """The bars as lines of text."""
    most = max((bar.count for bar in bars), default=1)
    label_width = max((len(bar.label) for bar in bars), default=0)
    count_width = len(str(most))
    lines = (
        f"{bar.label:>{label_width}}  {bar.count:>{count_width}}  {_blocks(bar.count / most)}"
        for bar in bars
    )
    return [line.rstrip() for line in lines]


def in_words(ms: int) -> str:
    """A time in milliseconds, seconds or minutes."""
    if ms < 1_000:
        return f"{ms} ms"
    return f"{ms / 1_000:g} s" if ms < 120_000 else f"{ms / 60_000:.3g} min"


def _step(least: float) -> int:
    """The next of 1, 2, 5, 10, 20, … that is not less."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor >= least:
                return step * factor
        step *= 10


def _blocks(share: float) -> str:
    """A bar to an eighth of a character; what is there at all is seen."""
    eighths = round(share * _WIDEST * 8)
    if share and not eighths:
        eighths = 1
    full, rest = divmod(eighths, 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]
