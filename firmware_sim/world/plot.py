"""A contact trace as a picture: waveform, settled level, edges and clicks on one time axis, and
its longest bounce magnified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from firmware_sim.core.clicks import GAP_MS, LONG_MS
from firmware_sim.core.debounce import PRESS, SETTLE_MS
from firmware_sim.world.analysis import Analysis, analyse
from firmware_sim.world.axis import Axis, axis_between, in_unit
from firmware_sim.world.contacts import Trace
from firmware_sim.world.drawing import Area, Drawing, Line, Words

_WIDTH: Final = 960
_LEFT, _RIGHT = 100, 30
_ROW_HEIGHT: Final = 40
_CONTACT_Y, _SETTLED_Y, _EDGES_Y, _CLICKS_Y, _AXIS_Y = 84, 149, 214, 252, 298
_DETAIL_Y, _DETAIL_AXIS_Y = 382, 440
_HEIGHT, _HEIGHT_WITH_DETAIL = 350, 494
_INK, _GREY, _RED, _BLUE, _GREEN = "#1f2933", "#6b7785", "#c0392b", "#1c6dd0", "#1b7f4b"
# A click's name stands in the first of these rows that is free, so that names do not overlap.
_LABEL_ROWS, _LABEL_WIDTH, _LABEL_HEIGHT = 3, 135, 15
# With more clicks in sight their lines would be a wall; they are counted in words instead.
_MOST_LINES: Final = 60
_MARGIN_MS: Final = 20
# More would run into the legend.
_TITLE_CHARS: Final = 72
# Changes of one pixel are one stroke, or a long capture is a file that no browser opens.
_PIXEL: Final = 0.2


def plot_svg(trace: Trace, title: str = "contact trace", analysis: Analysis | None = None) -> str:
    """The picture as the text of an SVG file. ``analysis`` is made with the default timings if
    none is given."""
    return plot(trace, title, analysis).svg()


def plot(
    trace: Trace,
    title: str = "contact trace",
    analysis: Analysis | None = None,
    *,
    from_ms: float | None = None,
    to_ms: float | None = None,
) -> Drawing:
    """The picture of a whole trace, or of what lies between two times of it."""
    found = analysis or analyse(trace)
    last_us = trace[-1][0] if trace else 0
    if from_ms is None:
        from_ms = max(0, (trace[0][0] // 1000 if trace else 0) - _MARGIN_MS)
    if to_ms is None:
        to_ms = max(found.end_ms, last_us // 1000 + 1, from_ms + 1) + _MARGIN_MS
    axis = axis_between(from_ms, to_ms, _LEFT, _WIDTH - _RIGHT)
    burst = found.longest_burst(trace, from_ms, to_ms)
    made = Drawing(_WIDTH, _HEIGHT_WITH_DETAIL if burst else _HEIGHT)
    made.shapes += [
        Words(_LEFT, 28, _in_short(title), _INK, size=15),
        Words(_LEFT, 48, _timings(), _GREY),
        *_legend(),
        *_wave("contact", trace, _CONTACT_Y, _INK, axis),
        *_wave("settled", found.settled, _SETTLED_Y, _BLUE, axis),
        Words(10, _EDGES_Y + 5, "edges", _INK),
        *_edges(found, axis),
        Words(10, _CLICKS_Y + 5, "clicks", _INK),
        *_clicks(found, axis),
        *_scale(axis, _AXIS_Y),
    ]
    if burst is not None:
        began_us, ended_us, changes = burst
        took_us = ended_us - began_us
        near = axis_between(
            (began_us - took_us * 0.15) / 1000,
            (ended_us + took_us * 0.15) / 1000,
            _LEFT,
            _WIDTH - _RIGHT,
        )
        says = (
            f"the longest bounce, magnified: {changes} changes within {in_unit(took_us)},"
            f" from {began_us / 1000:.3f} ms"
        )
        made.shapes += [
            Words(_LEFT, _DETAIL_Y - 14, says, _INK),
            *_wave("contact", trace, _DETAIL_Y, _INK, near),
            *_scale(near, _DETAIL_AXIS_Y),
        ]
    return made


def _in_short(title: str) -> str:
    """On one line; of the name of a file, which has no blanks to break at, the beginning."""
    line = " ".join(title.split())
    return line if len(line) <= _TITLE_CHARS else f"{line[: _TITLE_CHARS - 1].rstrip()}…"


def _timings() -> str:
    return (
        f"as the firmware hears it: a level that holds {SETTLE_MS} ms is settled, a second press"
        f" within {GAP_MS} ms is DOUBLE, {LONG_MS} ms down is LONG"
    )


def _legend() -> Iterator[Area | Line | Words]:
    y = 28
    yield _triangle(720, y - 4, _RED, up=True, note="")
    yield Words(730, y, "press", _GREY)
    yield _triangle(779, y - 4, _GREY, up=False, note="")
    yield Words(789, y, "release", _GREY)
    yield Line(((846, y - 12), (846, y + 3)), _GREEN, dashed=True)
    yield Words(853, y, "click known", _GREY)


def _wave(name: str, trace: Trace, top: int, colour: str, axis: Axis) -> Iterator[Line | Words]:
    """A square wave from the left border to the right one; high means closed."""
    low, high = top + _ROW_HEIGHT, top
    yield Words(10, top + 25, name, colour)
    yield Words(_LEFT - 6, high + 9, "closed", _GREY, size=10, anchor="end")
    yield Words(_LEFT - 6, low, "open", _GREY, size=10, anchor="end")
    heights = (low, high)
    begins = 0
    points: list[tuple[float, float]] = []
    level = 0
    for at_us, new_level in trace:
        at_ms = at_us / 1000
        if at_ms < axis.from_ms:
            begins = level = new_level
        elif at_ms > axis.to_ms:
            break
        elif new_level != level:
            x = axis.x_of(at_ms)
            if len(points) > 3 and x - points[-1][0] < _PIXEL and points[-3][0] == points[-1][0]:
                points[-1] = (points[-1][0], heights[new_level])
            else:
                x = points[-1][0] if points and x - points[-1][0] < _PIXEL else x
                points += [(x, heights[level]), (x, heights[new_level])]
            level = new_level
    start, end = (axis.left, heights[begins]), (axis.right, heights[level])
    yield Line((start, *points, end), colour, width=1.5)


def _edges(found: Analysis, axis: Axis) -> Iterator[Area]:
    """A triangle for each edge: up for a press, down for a release; one for those of one pixel."""
    drawn = {True: -1.0, False: -1.0}
    for at_ms, edge in found.edges:
        x, up = axis.x_of(at_ms), edge == PRESS
        if axis.from_ms <= at_ms <= axis.to_ms and x - drawn[up] >= 1:
            drawn[up] = x
            yield _triangle(x, _EDGES_Y, _RED if up else _GREY, up=up, note=f"{edge} at {at_ms} ms")


def _triangle(x: float, y: float, colour: str, *, up: bool, note: str) -> Area:
    tip, base = (y - 6, y + 6) if up else (y + 6, y - 6)
    return Area(((x, tip), (x - 5, base), (x + 5, base)), colour, note)


def _clicks(found: Analysis, axis: Axis) -> Iterator[Line | Words]:
    """A line through the rows where the click was known, and its name where there is room."""
    clicks = [one for one in found.clicks if axis.from_ms <= one[0] <= axis.to_ms]
    if len(clicks) > _MOST_LINES:
        counts = Counter(click for _, click in clicks).most_common()
        text = ", ".join(f"{count:,} {click}" for click, count in counts)
        yield Words(_LEFT, _CLICKS_Y + 5, f"{text}: too many to mark here", _GREEN)
        return
    free_from = [0.0] * _LABEL_ROWS
    for at_ms, click in clicks:
        x = axis.x_of(at_ms)
        label = f"{click} at {at_ms} ms"
        yield Line(((x, _CONTACT_Y), (x, _AXIS_Y)), _GREEN, dashed=True, note=label)
        near_the_end = x > _WIDTH - _LABEL_WIDTH - 5
        start = x - 5 - _LABEL_WIDTH if near_the_end else x + 5
        row = next((row for row, free in enumerate(free_from) if free <= start), None)
        if row is None:
            continue
        free_from[row] = start + _LABEL_WIDTH
        text_x, anchor = (x - 5, "end") if near_the_end else (x + 5, "start")
        yield Words(text_x, _CLICKS_Y + 5 + row * _LABEL_HEIGHT, label, _GREEN, anchor=anchor)


def _scale(axis: Axis, y: int) -> Iterator[Line | Words]:
    yield Line(((axis.left, y), (axis.right, y)), _INK)
    for x, text in axis.ticks():
        yield Line(((x, y), (x, y + 5)), _INK)
        yield Words(x, y + 20, text, _INK, anchor="middle")
    yield Words(axis.right, y + 38, axis.unit, _INK, anchor="end")
