"""Contact traces in files: read from a logic analyser's CSV or VCD, written as VCD."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from firmware_sim.world.contacts import Trace
from firmware_sim.world.csv_traces import csv_signals
from firmware_sim.world.trace_errors import TraceError
from firmware_sim.world.vcd import vcd_signals

# An hour of a bouncing contact has far fewer changes; a larger file is a capture of many fast
# signals and better cut down by the program that made it.
MAX_FILE_BYTES = 64 * 1024 * 1024
# A dump of a simulated chip has thousands of signals.
_MOST_NAMED: Final = 16


def read_trace(path: Path, signal: str | None = None, *, active_low: bool = False) -> Trace:
    """The changes of one signal of a ``.csv`` or ``.vcd`` file, in microseconds from its start.

    ``signal`` may be left out when the file has only one. ``active_low``: the contact pulls the
    line down, as with a pull-up resistor. Raises TraceError.
    """
    text = _text_of(path)
    if path.suffix.lower() == ".csv":
        signals = csv_signals(text, str(path))
    elif path.suffix.lower() == ".vcd":
        signals = vcd_signals(text, str(path))
    else:
        raise TraceError(str(path), "is neither .csv nor .vcd; rename it or export it as one")
    chosen = _choose(signals, signal, path)
    if not signals[chosen]:
        raise TraceError(
            str(path), f"says nothing of {chosen!r}: no level at all, or only unknown ones (x, z)"
        )
    return _changes(signals[chosen], active_low=active_low)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TraceError(
                str(path), f"is larger than {MAX_FILE_BYTES >> 20} MiB; export a shorter stretch"
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TraceError(str(path), f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TraceError(str(path), "is not text in UTF-8; export it as CSV or VCD") from error


def _choose(signals: dict[str, Trace], wanted: str | None, path: Path) -> str:
    if not signals:
        raise TraceError(str(path), "has no signal of one bit; export the digital channel")
    if wanted is None:
        if len(signals) == 1:
            return next(iter(signals))
        raise TraceError(str(path), f"has {len(signals)} signals; name one of: {_listed(signals)}")
    if wanted in signals:
        return wanted
    by_last_part = [name for name in signals if _last(name) == wanted]
    if len(by_last_part) == 1:
        return by_last_part[0]
    raise TraceError(str(path), f"has no signal {wanted!r}; it has: {_listed(signals, wanted)}")


def _listed(signals: Collection[str], wanted: str = "") -> str:
    """All the names, or of a long list those that are most like the wanted one."""
    names = sorted(signals)
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    # In what scope a signal is, somebody who mistyped it has not said.
    last = {_last(name): name for name in names}
    near = [last[one] for one in get_close_matches(_last(wanted), last, n=_MOST_NAMED)]
    shown = near or names[:_MOST_NAMED]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"


def _last(name: str) -> str:
    """The name without its scopes."""
    return name.rsplit(".", 1)[-1]


def _changes(samples: Trace, *, active_low: bool) -> Trace:
    """Changes only, beginning from an open contact, the last level of a microsecond wins."""
    changes: Trace = []
    level = 0
    for at_us, raw in dict(samples).items():
        closed = raw ^ 1 if active_low else raw
        if closed != level:
            changes.append((at_us, closed))
            level = closed
    return changes
