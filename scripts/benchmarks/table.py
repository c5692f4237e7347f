"""One row of the budget table, and the table as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, what it should be, what it was, and whether that is enough."""

    what: str
    budget: str
    figure: str
    met: bool = True


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | budget | measured |", "|---|---|---|"]
    lines += [f"| {row.what} | {row.budget} | {row.figure} |" for row in rows]
    return "\n".join(lines)


def missed(rows: Iterable[Row], load: float) -> str:
    """The rows that miss their budget, and how busy the machine was; empty when there are none."""
    lines = [
        f"MISSED: {row.what}: {row.figure}; wanted: {row.budget}" for row in rows if not row.met
    ]
    if lines:
        lines.append(
            f"When this began, {load:.1f} processes wanted to run on {os.cpu_count()} cores;"
            " a miss counts when nothing else runs."
        )
    return "\n".join(lines)


def machine() -> str:
    """The machine in one line: what a figure means nothing without."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}"
    )
