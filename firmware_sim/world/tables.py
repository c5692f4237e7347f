"""How one table of a file is read: each value by its key, each mistake by its name and place."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from math import exp, isfinite, log
from random import Random
from typing import Any, Final

# The 95th percentile of the normal distribution: how far p95 lies above the median.
_P95: Final = 1.6449
# Beyond it a number fills lines, and Python refuses to write the longest ones out at all.
_MOST_BITS: Final = 128
_MOST_CHARS: Final = 60
# A shorter piece of a name stands in too many of them to be one that was cut off.
_LEAST_PART: Final = 3
SEED_MAX: Final = 2**63 - 1
_SHORT: Final = reprlib.Repr()
_SHORT.maxlevel = 3


class ScenarioError(ValueError):
    """A scenario cannot be read: where, what is wrong, and what may stand there."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds that differ each time: even between two ends, or long-tailed around a median."""

    low_s: float = 0.0
    high_s: float = 0.0
    p50_s: float | None = None
    p95_s: float = 0.0

    def draw(self, dice: Random) -> float:
        """One of them."""
        if self.p50_s is None:
            return dice.uniform(self.low_s, self.high_s)
        if self.p95_s <= self.p50_s:
            return self.p50_s
        # Times of people are lognormal, more or less: never negative, with a long right tail.
        width = log(self.p95_s / self.p50_s) / _P95
        return self.p50_s * exp(width * dice.gauss(0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a count may be; both ends may be."""

    at_least: float = 0
    at_most: float | None = None

    def hold(self, value: float) -> bool:
        """Whether the value lies within."""
        return value >= self.at_least and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        if self.at_most is None:
            return f"at least {self.at_least:g}"
        if self.at_least == self.at_most:
            return f"exactly {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}" if self.at_least else f"≤ {self.at_most:g}"


class Table:
    """One table of a file. ``where`` begins each message; keys not in ``known`` are refused."""

    def __init__(self, where: str, values: Any, known: Collection[str]) -> None:
        self.where = where
        if not isinstance(values, Mapping):
            raise ScenarioError(f"{where} is {shown(values)}; it must be a table")
        self._values: Mapping[str, Any] = values
        for key in values:
            if key not in known:
                raise self.error(f"{key!r} is no key here; {nearest(key, known)}")

    def error(self, sentence: str) -> ScenarioError:
        """The error to raise, with the place in front."""
        return ScenarioError(f"{self.where}: {sentence}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def value(self, key: str) -> Any:
        """As it stands there; None when it does not."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None, *, lines: bool = False) -> str:
        """A text that is not empty, of one line unless ``lines``; required without a default."""
        value = self._values.get(key, default)
        if value is None:
            raise self.error(f"{key!r} is missing")
        if not isinstance(value, str):
            raise self.error(f"{key} is {shown(value)}; it must be a text, in quotes")
        if not value and default != "":
            raise self.error(f"{key} is empty")
        if not (value.replace("\n", "") if lines else value).isprintable():
            what = "plain text" if lines else "a text on one line"
            raise self.error(f"{key} is {shown(value)}; it must be {what}")
        return value

    def choice(self, key: str, known: Collection[str], default: str | None = None) -> str:
        """One of the known names."""
        value = self.text(key, default)
        if value not in known:
            raise self.error(f"{key} is {shown(value)}; {nearest(value, known)}")
        return value

    def choices(self, key: str, known: Collection[str]) -> tuple[str, ...]:
        """Any of the known names, each once; none by default."""
        value = self._values.get(key, [])
        if not isinstance(value, list):
            raise self.error(f"{key} is {shown(value)}; it must be a list of names")
        for one in value:
            if not isinstance(one, str) or one not in known:
                raise self.error(f"{key} has {shown(one)}; {nearest(str(one), known)}")
            if value.count(one) > 1:
                raise self.error(f"{key} has {shown(one)} twice")
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"{key} is {shown(value)}; it must be true or false")
        return value

    def count(self, key: str, default: int | None, low: int, high: int) -> int:
        """A whole number between ``low`` and ``high``; required without a default."""
        value = self._values.get(key, default)
        if value is None:
            raise self.error(f"{key!r} is missing")
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"{key} is {shown(value)}; it must be a whole number")
        if not low <= value <= high:
            raise self.error(f"{key} is {shown(value)}; it must be {low} to {high}")
        return value

    def number(self, key: str, default: float | None, low: float, high: float) -> float:
        """A number between ``low`` and ``high``; required without a default."""
        value = self._values.get(key, default)
        if value is None:
            raise self.error(f"{key!r} is missing")
        return self._number(key, value, low, high)

    def share(self, key: str, default: float = 0.0) -> float:
        """A probability."""
        value = self._values.get(key, default)
        if _is_number(value) and not 0 <= value <= 1:
            raise self.error(f"{key} is {_brief(value)}; a probability is 0 to 1")
        return self._number(key, value, 0, 1)

    def span(self, key: str, default: tuple[float, float], high: float) -> tuple[float, float]:
        """The least and the greatest of something."""
        value = self._values.get(key, list(default))
        if _is_number(value):
            value = [value, value]
        if not isinstance(value, list) or len(value) != 2:
            raise self.error(f"{key} is {shown(value)}; write a number or [least, greatest]")
        least, greatest = (self._number(key, one, 0, high) for one in value)
        if least > greatest:
            raise self.error(f"{key} is {value!r}; the least comes first")
        return least, greatest

    def spread(self, key: str, default: Spread, high: float) -> Spread:
        """Seconds: one number, [least, greatest], or {p50 = …, p95 = …}."""
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, list) or _is_number(value):
            return Spread(*self.span(key, (0.0, 0.0), high))
        if not isinstance(value, Mapping):
            ways = "a number, [least, greatest] or {p50 = …, p95 = …}"
            raise self.error(f"{key} is {shown(value)}; write {ways}")
        inner = Table(f"{self.where}, {key}", value, ("p50", "p95"))
        p50_s, p95_s = inner.number("p50", None, 0.001, high), inner.number("p95", None, 0, high)
        if p95_s < p50_s:
            raise inner.error(f"p95 is {p95_s:g}, less than p50, {p50_s:g}")
        return Spread(p50_s=p50_s, p95_s=p95_s)

    def bounds(self, key: str) -> Bounds:
        """A number that must be met exactly, or {at_least = …, at_most = …}."""
        value = self._values[key]
        if not isinstance(value, Mapping):
            exact = self._number(key, value, 0, 1e15)
            return Bounds(exact, exact)
        inner = Table(f"{self.where}, {key}", value, ("at_least", "at_most"))
        if not value:
            raise inner.error("at_least or at_most is missing")
        at_least = inner.number("at_least", 0, 0, 1e15)
        if "at_most" not in inner:
            return Bounds(at_least)
        at_most = inner.number("at_most", None, 0, 1e15)
        if at_most < at_least:
            raise inner.error(f"at_most is {at_most:g}, less than at_least, {at_least:g}")
        return Bounds(at_least, at_most)

    def _number(self, key: str, value: Any, low: float, high: float) -> float:
        if not _is_number(value):
            raise self.error(f"{key} is {shown(value)}; it must be a number")
        if not low <= value <= high:
            raise self.error(f"{key} is {_brief(value)}; it must be {low:g} to {high:g}")
        return float(value)


def check_seed(seed: Any, what: str = "the seed") -> int:
    """The seed, or a ScenarioError."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= SEED_MAX:
        raise ScenarioError(f"{what} is {shown(seed)}; it must be a whole number, 0 to {SEED_MAX}")
    return seed


def shown(value: Any) -> str:
    """The value as a message repeats it: never longer than a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, str):
        return repr(value if len(value) <= _MOST_CHARS else f"{value[:_MOST_CHARS]}…")
    # A whole list may hold numbers that Python refuses to write out.
    return repr(value) if isinstance(value, float) else _SHORT.repr(value)


def nearest(name: str, known: Collection[str]) -> str:
    """What was probably meant, or all there is."""
    if not known:
        return "there are none"
    by_sound = {_sound(one): one for one in sorted(known)}
    sound = _sound(name)
    near = difflib.get_close_matches(sound, by_sound, n=1)
    if not near and len(sound) >= _LEAST_PART:
        near = [one for one in by_sound if sound in one]
    if near:
        return f"did you mean {' or '.join(repr(by_sound[one]) for one in near)}?"
    return f"there are: {', '.join(_listed(known))}"


def _sound(name: str) -> str:
    """What is left of a name when nobody looks at capitals and dashes."""
    return name.lower().replace("-", "_")


def _listed(known: Collection[str]) -> Sequence[str]:
    return list(known) if isinstance(known, list | tuple | dict) else sorted(known)


def _brief(value: float) -> str:
    return shown(value) if isinstance(value, int) else f"{value:g}"


def _is_number(value: Any) -> bool:
    """Whether it can be compared with one: no nan, no infinity; whole numbers of any size."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))
