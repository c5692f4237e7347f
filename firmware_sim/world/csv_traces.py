"""A logic analyser's CSV: the digital signals of an export of Saleae Logic, sigrok or alike."""

from __future__ import annotations

import csv
import re
from decimal import Decimal, InvalidOperation

from firmware_sim.world.contacts import Trace
from firmware_sim.world.trace_errors import TraceError
from firmware_sim.world.vcd import MAX_TIME_US

_ONE = Decimal(1)
_UNIT_US = {"s": _ONE * 10**6, "ms": _ONE * 10**3, "us": _ONE, "µs": _ONE, "ns": Decimal("0.001")}
_MAX_EXPONENT = 20
# "Time [s]" (Saleae), "Time(ms)", "time"; sigrok names no unit and means seconds.
_TIME_COLUMN = re.compile(r"time\s*(?:[\[(]\s*(s|ms|us|µs|ns)\s*[\])])?", re.IGNORECASE)
# "; Samplerate: 1 MHz" (sigrok, when it writes one row a sample and no time).
_RATE = re.compile(r"samplerate:\s*([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([kMG]?)Hz", re.IGNORECASE)
_RATE_FACTOR = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def csv_signals(text: str, path: str) -> dict[str, Trace]:
    """(microsecond, level) samples of each column but the time, by the column's heading.

    Times count from the first row. Raises TraceError, naming the line.
    """
    rows, rate_hz = _rows(text, path)
    if len(rows) < 2:
        raise TraceError(path, "has no samples; it needs a heading and at least one row")
    heading = rows[0][1]
    twice = sorted({name for name in heading if heading.count(name) > 1})
    if twice:
        raise TraceError(path, f"has two columns headed {twice[0]!r}; rename one of them")
    time_at = next((at for at, name in enumerate(heading) if _TIME_COLUMN.fullmatch(name)), None)
    if time_at is None and rate_hz is None:
        raise TraceError(
            path, "has neither a column headed Time nor a comment with the sample rate"
        )
    signals: dict[str, Trace] = {name: [] for at, name in enumerate(heading) if at != time_at}
    times = _times(rows, time_at, rate_hz, path)
    for (number, cells), at_us in zip(rows[1:], times, strict=True):
        for at, name in enumerate(heading):
            if at != time_at:
                level = _level(cells[at], f"line {number}, column {name!r}", path)
                signals[name].append((at_us, level))
    return signals


def _rows(text: str, path: str) -> tuple[list[tuple[int, list[str]]], Decimal | None]:
    """(line number, cells) of the heading and the samples; the rate, if a comment says it."""
    rate_hz: Decimal | None = None
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith((";", "#")):
            rate_hz = _rate_in(line) or rate_hz
        elif line.strip():
            cells = _cells(line, number, path)
            if not rows and len(cells) == 1 and ";" in line:
                raise TraceError(path, "separates its columns with ';'; export it with commas")
            if rows and len(cells) != len(rows[0][1]):
                raise TraceError(
                    path, f"line {number} has {len(cells)} cells, the heading {len(rows[0][1])}"
                )
            rows.append((number, cells))
    return rows, rate_hz


def _times(
    rows: list[tuple[int, list[str]]], time_at: int | None, rate_hz: Decimal | None, path: str
) -> list[int]:
    """Microseconds of each sample since the first."""
    if time_at is None:
        assert rate_hz is not None  # the caller saw to it
        return [int(index * 1_000_000 / rate_hz) for index in range(len(rows) - 1)]
    match = _TIME_COLUMN.fullmatch(rows[0][1][time_at])
    unit_us = _UNIT_US[((match[1] if match else None) or "s").lower()]
    times: list[Decimal] = []
    for number, cells in rows[1:]:
        at_us = _number(cells[time_at], f"line {number}", path) * unit_us
        if abs(at_us) > MAX_TIME_US:
            raise TraceError(path, f"line {number}: the time {cells[time_at]!r} cannot be")
        if times and at_us < times[-1]:
            raise TraceError(path, f"line {number} goes back in time")
        times.append(at_us)
    return [int(at_us - times[0]) for at_us in times]


def _number(cell: str, where: str, path: str) -> Decimal:
    try:
        number = Decimal(cell)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.adjusted() > _MAX_EXPONENT:
        raise TraceError(path, f"{where}: the time {cell[:40]!r} is no number of a clock")
    return number


def _cells(line: str, number: int, path: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line]))]
    except csv.Error as error:
        raise TraceError(path, f"line {number} is not CSV: {error}") from error


def _rate_in(line: str) -> Decimal | None:
    match = _RATE.search(line)
    rate_hz = Decimal(match[1]) * _RATE_FACTOR[match[2].lower()] if match else None
    return rate_hz or None  # a rate of nothing is none


def _level(cell: str, where: str, path: str) -> int:
    if cell not in ("0", "1"):
        raise TraceError(
            path, f"{where}: {cell[:40]!r} is neither 0 nor 1; export the digital signal"
        )
    return int(cell)
