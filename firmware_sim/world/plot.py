"""A contact trace as a picture: waveform, settled level, edges and clicks on one time axis, SVG."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from firmware_sim.core.debounce import PRESS
from firmware_sim.world.analysis import Analysis, analyse
from firmware_sim.world.contacts import Trace

_WIDTH = 960
_LEFT = 90
_RIGHT = 30
_HEIGHT = 330
_ROW_HEIGHT = 40
_CONTACT_Y, _SETTLED_Y, _EDGES_Y, _CLICKS_Y, _AXIS_Y = 60, 125, 195, 235, 280
_INK, _GREY, _RED, _BLUE, _GREEN = "#1f2933", "#9aa5b1", "#c0392b", "#1c6dd0", "#1b7f4b"
_MOST_TICKS = 12
# A click's name stands in the first of these rows that is free, so that names do not overlap.
_LABEL_ROWS, _LABEL_WIDTH, _LABEL_HEIGHT = 3, 135, 15
_MARGIN_MS = 20


def plot_svg(trace: Trace, title: str = "contact trace", analysis: Analysis | None = None) -> str:
    """The picture as the text of an SVG file. ``analysis`` is made with the default timings if
    none is given."""
    found = analysis or analyse(trace)
    last_us = trace[-1][0] if trace else 0
    first_ms = max(0, (trace[0][0] // 1000 if trace else 0) - _MARGIN_MS)
    end_ms = max(found.end_ms, last_us // 1000 + 1) + _MARGIN_MS
    scale = (_WIDTH - _LEFT - _RIGHT) / (end_ms - first_ms)

    def x_of(at_ms: float) -> float:
        return _LEFT + (at_ms - first_ms) * scale

    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">'
    )
    parts = [
        head,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 28, title, size=15),
        _text(10, _CONTACT_Y + 25, "contact"),
        _wave(trace, _CONTACT_Y, _INK, x_of),
        _text(10, _SETTLED_Y + 25, "settled"),
        _wave(found.settled, _SETTLED_Y, _BLUE, x_of),
        _text(10, _EDGES_Y + 5, "edges"),
        *_edges(found, x_of),
        _text(10, _CLICKS_Y + 5, "clicks"),
        *_clicks(found, x_of),
        *_axis(first_ms, end_ms, x_of),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _wave(trace: Trace, top: int, colour: str, x_of: Callable[[float], float]) -> str:
    """A square wave from the left border to the right one; high means closed."""
    low, high = top + _ROW_HEIGHT, top
    path = [f"M{_LEFT} {low}"]
    level = 0
    for at_us, new_level in trace:
        if new_level != level:
            path.append(f"H{x_of(at_us / 1000):.2f}V{high if new_level else low}")
            level = new_level
    path.append(f"H{_WIDTH - _RIGHT}")
    return f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _edges(found: Analysis, x_of: Callable[[float], float]) -> list[str]:
    """A triangle for each edge: up for a press, down for a release."""
    parts = []
    for at_ms, edge in found.edges:
        x, tip, base = x_of(at_ms), _EDGES_Y - 6, _EDGES_Y + 6
        if edge != PRESS:
            tip, base = base, tip
        colour = _RED if edge == PRESS else _GREY
        points = f"{x:.2f},{tip} {x - 5:.2f},{base} {x + 5:.2f},{base}"
        parts.append(
            f'<polygon points="{points}" fill="{colour}">'
            f"<title>{escape(edge)} at {at_ms} ms</title></polygon>"
        )
    return parts


def _clicks(found: Analysis, x_of: Callable[[float], float]) -> list[str]:
    """A line through the rows where the click was known, and its name where there is room."""
    parts = []
    free_from = [0.0] * _LABEL_ROWS
    for at_ms, click in found.clicks:
        x = x_of(at_ms)
        label = f"{click} at {at_ms} ms"
        parts.append(
            f'<line x1="{x:.2f}" x2="{x:.2f}" y1="{_CONTACT_Y}" y2="{_AXIS_Y}"'
            f' stroke="{_GREEN}" stroke-dasharray="4 3"><title>{label}</title></line>'
        )
        near_the_end = x > _WIDTH - _LABEL_WIDTH - 5
        start = x - 5 - _LABEL_WIDTH if near_the_end else x + 5
        row = next((row for row, free in enumerate(free_from) if free <= start), None)
        if row is None:
            continue
        free_from[row] = start + _LABEL_WIDTH
        text_x, anchor = (x - 5, "end") if near_the_end else (x + 5, "start")
        y = _CLICKS_Y + 5 + row * _LABEL_HEIGHT
        parts.append(_text(text_x, y, label, colour=_GREEN, anchor=anchor))
    return parts


def _axis(first_ms: int, end_ms: int, x_of: Callable[[float], float]) -> list[str]:
    step_ms = _step(end_ms - first_ms)
    parts = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_AXIS_Y}" y2="{_AXIS_Y}" stroke="{_INK}"/>'
    ]
    at_ms = -(-first_ms // step_ms) * step_ms
    while at_ms <= end_ms:
        x = x_of(at_ms)
        parts.append(
            f'<line x1="{x:.2f}" x2="{x:.2f}" y1="{_AXIS_Y}" y2="{_AXIS_Y + 5}" stroke="{_INK}"/>'
        )
        parts.append(_text(x, _AXIS_Y + 20, str(at_ms), anchor="middle"))
        at_ms += step_ms
    parts.append(_text(_WIDTH - _RIGHT, _AXIS_Y + 38, "ms", anchor="end"))
    return parts


def _step(span_ms: int) -> int:
    """A round step that gives at most so many ticks."""
    step_ms = 1
    while True:
        for factor in (1, 2, 5):
            if span_ms / (step_ms * factor) <= _MOST_TICKS:
                return step_ms * factor
        step_ms *= 10


def _text(
    x: float, y: float, text: str, *, size: int = 12, colour: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.2f}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
