"""A coin cell that empties click by click."""

from __future__ import annotations

from itertools import pairwise

# Shape of the discharge curves in the data sheets of the CR2032: fresh 3.0 V, a long plateau at
# 2.9 V, then down to the rated end at 2.0 V. (share used, millivolts)
_CURVE_MV = ((0.0, 3000), (0.1, 2900), (0.8, 2800), (0.9, 2700), (1.0, 2000))


class CoinCell:
    """Its voltage after so many clicks; ``lasts_clicks`` is what this very cell can give."""

    def __init__(self, lasts_clicks: int = 2000, used_clicks: int = 0) -> None:
        self._lasts_clicks = lasts_clicks
        self._used_clicks = used_clicks

    def use(self) -> None:
        """One click takes its share."""
        self._used_clicks += 1

    @property
    def empty(self) -> bool:
        """Whether it has given all that it can."""
        return self._used_clicks >= self._lasts_clicks

    @property
    def battery_mv(self) -> int:
        """The voltage now; it stays at the curve's end when the cell is over-used."""
        used = min(1.0, self._used_clicks / self._lasts_clicks)
        for (low, low_mv), (high, high_mv) in pairwise(_CURVE_MV):
            if used <= high:
                return round(low_mv + (used - low) / (high - low) * (high_mv - low_mv))
        return _CURVE_MV[-1][1]
