"""How long people press, and how fast they press twice: drawn from measured presses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

# Balabit Mouse Dynamics Challenge (github.com/balabit/Mouse-Dynamics-Challenge, training files,
# commit d00d6f7): 63,672 left clicks of 10 people without dragging, and the 9,665 pairs of them on
# one spot within 500 ms. The clock ticked every 15.6 ms. (share of presses below, ms). The first
# and last rows are where we let the curve begin and end: one tick, and the longest of the tail.
# Where the tail is long its shares were counted too: 0.8 % over 350 ms, 0.45 % over 500 ms and so
# on; a straight line from p99 to p99.9 would have more than twice as many slow presses.
_PRESS_MS = (
    (0.0, 16), (0.01, 31), (0.025, 50), (0.05, 62), (0.25, 78), (0.5, 94), (0.75, 124),
    (0.95, 171), (0.99, 296), (0.992, 350), (0.9955, 500), (0.9975, 800), (0.9982, 1000),
    (0.999, 1456), (0.9991, 1500), (1.0, 2500),
)  # fmt: skip
_GAP_MS = (
    (0.0, 16), (0.01, 31), (0.05, 47), (0.25, 78), (0.5, 94), (0.75, 125), (0.95, 281),
    (0.99, 374), (0.999, 421), (1.0, 500),
)  # fmt: skip

# Nobody measured how long people hold a button that they were told to hold. Assumed: they count
# to two, some of them fast, and let go when they see something happen.
_HOLD_MS = ((0.0, 1550), (0.5, 2000), (1.0, 4000))


@dataclass(frozen=True, slots=True)
class Hand:
    """Whose finger it is: how much slower than measured, and how much of the tails it has."""

    name: str
    slowness: float = 1.0
    least_share: float = 0.0
    greatest_share: float = 1.0


# The measured hand presses wrongly once in a while, as people do: one SINGLE in 1,000 becomes a
# LONG. Tests that want the click they asked for take the steady one, without its tails.
MEASURED = Hand("measured")
STEADY = Hand("steady", least_share=0.05, greatest_share=0.95)
# No measurement was found for these two. Assumed: stiff or thick gloves half as slow again, a
# careful or tired person two and a half times, so that some double clicks fall apart.
GLOVES = Hand("gloves", slowness=1.5)
SLOW = Hand("slow", slowness=2.5)

HANDS = {hand.name: hand for hand in (MEASURED, STEADY, GLOVES, SLOW)}


@dataclass(frozen=True, slots=True)
class Hold:
    """The finger waits, then holds the button down."""

    wait_ms: int
    hold_ms: int


class Finger:
    """Presses as one hand does. The same seed gives the same presses."""

    def __init__(self, rng: Random, hand: Hand = MEASURED) -> None:
        self._rng = rng
        self._hand = hand

    def holds(self, click_type: str) -> list[Hold]:
        """What the finger does when it means this click. What comes of it is another matter.

        Raises ValueError for a click that nobody can mean.
        """
        if click_type == "SINGLE":
            return [Hold(0, self.press_ms())]
        if click_type == "DOUBLE":
            return [Hold(0, self.press_ms()), Hold(self.gap_ms(), self.press_ms())]
        if click_type == "LONG":
            return [Hold(0, self._draw(_HOLD_MS, slowness=1.0))]
        raise ValueError(f"{click_type!r} is no click; use SINGLE, DOUBLE or LONG")

    def press_ms(self) -> int:
        """How long one ordinary press is held."""
        return self._draw(_PRESS_MS, self._hand.slowness)

    def gap_ms(self) -> int:
        """From the release to the next press of a double click."""
        return self._draw(_GAP_MS, self._hand.slowness)

    def _draw(self, quantiles: Sequence[tuple[float, int]], slowness: float) -> int:
        share = self._rng.uniform(self._hand.least_share, self._hand.greatest_share)
        return round(_at_share(quantiles, share) * slowness)


def _at_share(quantiles: Sequence[tuple[float, int]], share: float) -> float:
    """The duration below which this share of presses lies; straight lines between quantiles."""
    shares = [below for below, _ in quantiles]
    upper = min(max(bisect_right(shares, share), 1), len(quantiles) - 1)
    (low_share, low_ms), (high_share, high_ms) = quantiles[upper - 1], quantiles[upper]
    part = (share - low_share) / (high_share - low_share)
    return low_ms + part * (high_ms - low_ms)
