"""What the firmware makes of a contact trace: settled level, edges, clicks, each with its time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from firmware_sim.core.clicks import GAP_MS, LONG_MS, ClickDetector
from firmware_sim.core.debounce import PRESS, SETTLE_MS, Debouncer
from firmware_sim.world.contacts import Trace


@dataclass(frozen=True, slots=True)
class Analysis:
    """Times in milliseconds from the trace's start."""

    edges: tuple[tuple[int, str], ...]
    """When a press or release was found: ``settle_ms`` after the contact's last change."""
    clicks: tuple[tuple[int, str], ...]
    end_ms: int
    """When nothing more could come of the trace."""
    settle_ms: int = SETTLE_MS

    @property
    def settled(self) -> Trace:
        """The debounced level, as a trace in microseconds."""
        return [(at_ms * 1000, 1 if edge == PRESS else 0) for at_ms, edge in self.edges]

    def longest_burst(
        self, trace: Trace, from_ms: float = 0, to_ms: float = inf
    ) -> tuple[int, int, int] | None:
        """The bounce between these times that lasted longest: (began_us, ended_us, changes).

        Changes with less than the settle time between each two are one burst; None when each
        change stands alone.
        """
        longest: tuple[int, int, int] | None = None
        began_us = before_us = changes = 0
        for at_us, _ in trace:
            if not from_ms * 1000 <= at_us <= to_ms * 1000:
                continue
            if not changes or at_us - before_us >= self.settle_ms * 1000:
                began_us, changes = at_us, 0
            changes += 1
            before_us = at_us
            if changes > 1 and (longest is None or at_us - began_us > longest[1] - longest[0]):
                longest = (began_us, at_us, changes)
        return longest


def analyse(
    trace: Trace, *, settle_ms: int = SETTLE_MS, gap_ms: int = GAP_MS, long_ms: int = LONG_MS
) -> Analysis:
    """Run the device core's debouncer and click detector over a contact trace."""
    debouncer = Debouncer(settle_ms)
    detector = ClickDetector(gap_ms, long_ms)
    edges: list[tuple[int, str]] = []
    clicks: list[tuple[int, str]] = []
    now_ms = 0

    def pass_time(until_ms: int | None) -> None:
        nonlocal now_ms
        while until_ms is None or now_ms < until_ms:
            waits = [debouncer.idle_for_ms(), detector.idle_for_ms()]
            waits.append(None if until_ms is None else until_ms - now_ms)
            piece_ms = min((wait for wait in waits if wait is not None), default=None)
            if piece_ms is None:
                return
            now_ms += piece_ms
            click = detector.advance(piece_ms)
            edge = debouncer.advance(piece_ms)
            if edge is not None:
                edges.append((now_ms, edge))
                click = detector.feed(edge) or click
            if click is not None:
                clicks.append((now_ms, click))

    for at_us, level in trace:
        pass_time(at_us // 1000)
        debouncer.feed(bool(level))
    pass_time(None)
    return Analysis(tuple(edges), tuple(clicks), now_ms, settle_ms)
