"""A logic analyser's CSV: the digital signals of an export of Saleae Logic, sigrok or alike."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from io import StringIO

from firmware_sim.world.contacts import Trace
from firmware_sim.world.trace_errors import TraceError
from firmware_sim.world.vcd import MAX_TIME_US

_ONE = Decimal(1)
_UNIT_US = {"s": _ONE * 10**6, "ms": _ONE * 10**3, "us": _ONE, "µs": _ONE, "ns": Decimal("0.001")}
_MAX_EXPONENT = 20
# "Time [s]" (Saleae), "Time(ms)", "time", which is in seconds unless sigrok wrote it.
_TIME_COLUMN = re.compile(r"time\s*(?:[\[(]\s*(s|ms|us|µs|ns)\s*[\])])?", re.IGNORECASE)
# How sigrok heads its column of times, if it does not head it "Time"; the microseconds of one.
_SIGROK_TIMES = {
    "milliseconds": _ONE * 10**3,
    "microseconds": _ONE,
    "nanoseconds": Decimal("0.001"),
    "picoseconds": Decimal("0.000001"),
}
# "; Samplerate: 1 MHz" (sigrok).
_RATE = re.compile(r"samplerate:\s*([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([kMG]?)Hz", re.IGNORECASE)
_RATE_FACTOR = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
# "; Channels (2/8): D0, BTN" (sigrok): what stands in the columns, all headed "logic".
_CHANNELS = re.compile(r";\s*Channels \([0-9/]+\):(.+)")
_SIGROK_LEVEL = "logic"
_SIGROK_FRAMES = frozenset({"FRAME-BEGIN", "FRAME-END"})
_LEVELS = frozenset({"0", "1"})
# What Saleae Logic writes where a channel was off.
_UNKNOWN = frozenset("Xx")
# "2024-05-01T12:00:00.123456789+00:00", as Saleae Logic writes times if asked to.
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(\.[0-9]{1,12})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


@dataclass
class _Comments:
    """What the comments above the heading say."""

    rate_hz: Decimal | None = None
    channels: tuple[str, ...] = ()
    sigrok: bool = False

    def read(self, line: str) -> None:
        """Take in one more of them."""
        self.rate_hz = _rate_in(line) or self.rate_hz
        self.sigrok = self.sigrok or "libsigrok" in line
        match = _CHANNELS.fullmatch(line.strip())
        if match:
            self.channels = tuple(name.strip() for name in match[1].split(","))

    def name(self, cells: list[str]) -> bool:
        """No heading comes: these are levels, of the channels that are named here."""
        names = list(self.channels)
        return cells != names and len(cells) == len(names) and _LEVELS.issuperset(cells)


def csv_signals(text: str, path: str) -> dict[str, Trace]:
    """(microsecond, level) changes of each column but the time, by the column's heading.

    Times count from the first row. Raises TraceError, naming the line.
    """
    comments = _Comments()
    rows = _rows(text, path, comments)
    _, heading = next(rows, (0, []))
    twice = sorted({name for name in heading if heading.count(name) > 1})
    if twice:
        raise TraceError(path, f"has two columns headed {twice[0]!r}; rename one of them")
    times = _Times(heading, comments, path)
    signals: dict[str, Trace] = {name: [] for at, name in enumerate(heading) if at != times.column}
    columns = [(at, name) for at, name in enumerate(heading) if at != times.column]
    before: list[str] = []
    for number, cells in rows:
        at_us = times.next(number, cells)
        if cells is before:
            continue
        before = cells
        for at, name in columns:
            if cells[at] not in _UNKNOWN:
                _add(signals[name], at_us, cells[at], number, name, path)
    if times.rows == 0:
        raise TraceError(path, "has no samples; it needs a heading and at least one row")
    return signals


def _add(trace: Trace, at_us: int, cell: str, number: int, name: str, path: str) -> None:
    if cell not in _LEVELS:
        raise TraceError(
            path,
            f"line {number}, column {name!r}: {cell[:40]!r} is neither 0 nor 1; "
            "export the digital signal",
        )
    level = int(cell)
    if not trace or trace[-1][1] != level:
        trace.append((at_us, level))


def _rows(text: str, path: str, comments: _Comments) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of the heading, then of each sample; reads the comments on the way.

    A file without times has a row for each sample, millions of them and most like the one before:
    such a row is the same list again.
    """
    columns = 0
    before, cells = "", [""]
    for number, line in enumerate(StringIO(text, newline=None), start=1):
        if columns and line == before:
            yield number, cells
        elif line.lstrip().startswith((";", "#")):
            comments.read(line)
        elif line.strip() and line.strip() not in _SIGROK_FRAMES:
            before, cells = line, _cells(line, number, path)
            if not columns:
                columns = len(cells)
                if not (comments.rate_hz and comments.name(cells)):
                    yield number, _heading(line, cells, comments, path)
                    before = ""  # a row may look like it
                    continue
                yield number, list(comments.channels)
            if len(cells) != columns:
                cells_here = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
                raise TraceError(path, f"line {number} has {cells_here}, the heading {columns}")
            yield number, cells


def _heading(line: str, cells: list[str], comments: _Comments, path: str) -> list[str]:
    """The names of the columns."""
    for separator, name in ((";", "';'"), ("\t", "tabs")):
        if len(cells) == 1 and separator in line.strip():
            raise TraceError(path, f"separates its columns with {name}; export it with commas")
    time_at = _time_at(cells)
    if time_at is None and comments.rate_hz is None:
        raise TraceError(
            path,
            "has neither a column headed Time nor a comment with the sample rate; "
            "head the column of its times 'Time [s]'",
        )
    named = iter(comments.channels)
    if len(comments.channels) == len(cells) - (time_at is not None):
        return [
            name if at == time_at else _named(name, next(named)) for at, name in enumerate(cells)
        ]
    return cells


def _named(heading: str, channel: str) -> str:
    return channel if heading == _SIGROK_LEVEL else heading


def _time_at(heading: list[str]) -> int | None:
    return next(
        (
            at
            for at, name in enumerate(heading)
            if _TIME_COLUMN.fullmatch(name) or name in _SIGROK_TIMES
        ),
        None,
    )


class _Times:
    """Microseconds of each row since the first."""

    def __init__(self, heading: list[str], comments: _Comments, path: str) -> None:
        self.column = _time_at(heading)
        self.rows = 0
        self._path = path
        self._rate_hz = comments.rate_hz or _ONE
        self._unit_us = _ONE if self.column is None else _unit_us(heading[self.column], comments)
        self._first_us = self._last_us = Decimal(0)

    def next(self, number: int, cells: list[str]) -> int:
        """When the row on this line was."""
        self.rows += 1
        if self.column is None:
            return int((self.rows - 1) * 1_000_000 / self._rate_hz)
        cell = cells[self.column]
        at_us = moment_us = _moment_us(cell)
        if at_us is None:
            at_us = _number(cell, f"line {number}", self._path) * self._unit_us
        if self.rows == 1:
            self._first_us = self._last_us = at_us
            least_us = moment_us or Decimal(0)
        else:
            least_us = self._first_us
        if abs(at_us - least_us) > MAX_TIME_US:
            raise TraceError(self._path, f"line {number}: the time {cell!r} cannot be")
        if at_us < self._last_us:
            raise TraceError(self._path, f"line {number} goes back in time")
        self._last_us = at_us
        return int(at_us - self._first_us)


def _unit_us(name: str, comments: _Comments) -> Decimal:
    """Microseconds that one in the column of this heading stands for."""
    match = _TIME_COLUMN.fullmatch(name)
    if match and (match[1] or not comments.sigrok):
        return _UNIT_US[(match[1] or "s").lower()]
    if comments.rate_hz is None:
        return _SIGROK_TIMES.get(name, _UNIT_US["s"])
    # sigrok counts thousandths, millionths ... of a second, the coarsest of which a sample has at
    # least one, and gives each sample a whole number of them: at 24 MHz 41 ns, not 41.67.
    parts = Decimal(1)
    while parts < comments.rate_hz:
        parts *= 1000
    return Decimal(10**6) / comments.rate_hz / (parts // comments.rate_hz)


def _moment_us(cell: str) -> Decimal | None:
    match = _MOMENT.fullmatch(cell)
    if match is None:
        return None
    try:
        whole_s = int(datetime.fromisoformat(match[1] + (match[3] or "Z")).timestamp())
    except ValueError:  # no such day
        return None
    return (whole_s + Decimal("0" + (match[2] or ""))) * 10**6


def _number(cell: str, where: str, path: str) -> Decimal:
    try:
        number = Decimal(cell)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.adjusted() > _MAX_EXPONENT:
        raise TraceError(
            path,
            f"{where}: the time {cell[:40]!r} is no number of a clock; export times in seconds",
        )
    return number


def _cells(line: str, number: int, path: str) -> list[str]:
    try:
        cells = next(csv.reader([line])) if '"' in line else line.split(",")
        return [cell.strip() for cell in cells]
    except csv.Error as error:
        raise TraceError(path, f"line {number} is not CSV: {error}") from error


def _rate_in(line: str) -> Decimal | None:
    match = _RATE.search(line)
    rate_hz = Decimal(match[1]) * _RATE_FACTOR[match[2].lower()] if match else None
    return rate_hz or None  # a rate of nothing is none
