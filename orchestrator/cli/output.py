"""How results are shown: rich on a terminal, plain lines in a pipe, JSON when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any


def print_json(value: Any) -> None:
    """One JSON document on one line, so that lines can be read one by one too."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(text: str = "") -> None:
    """One line to whoever reads the output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line that is not part of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows under their columns: boxed on a terminal, aligned and never cut in a pipe."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, texts)
        return
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    for line in ([name.upper() for name in columns], *texts):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows as CSV with a header."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def clock_time(at_ms: int) -> str:
    """A moment for a person: local date and time, to the millisecond."""
    moment = datetime.fromtimestamp(at_ms / 1000).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03d}"


def seconds(ms: int) -> str:
    """A duration for a person."""
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes = ms // 60_000
    if minutes < 120:
        return f"{minutes} min {ms // 1000 % 60} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _print_rich(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in columns:
        # Only the last one, a sentence, may be broken: ids and times are copied from here.
        table.add_column(name, overflow="fold", no_wrap=name != columns[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
