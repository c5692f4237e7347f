"""`clickclaim sim plot`: a contact as a picture, from a logic analyser or simulated."""

from __future__ import annotations

from collections import Counter
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.app import FAILED, UNUSABLE, CommandError, usage
from orchestrator.cli.options import AsJson, is_same_file
from orchestrator.cli.output import note, print_json, say
from orchestrator.cli.sim_plot_switch import Pressed, is_switch, list_switches, press_switch

if TYPE_CHECKING:
    from firmware_sim.world.analysis import Analysis
    from firmware_sim.world.contacts import Trace

_KINDS: Final = frozenset({".svg", ".png", ".vcd"})
# More of them are told as numbers.
_MOST_TOLD: Final = 8


def plot(
    trace: Annotated[
        Path | None,
        typer.Argument(
            metavar="TRACE|SWITCH",
            help="A logic analyser's .vcd or .csv file, or the name of a simulated switch.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT.svg",
            help="The picture: .svg or .png; or .vcd, the contact and its debounced level.",
        ),
    ] = None,
    signal: Annotated[
        str | None,
        typer.Option("--signal", metavar="NAME", help="Which signal, when there are several."),
    ] = None,
    active_low: Annotated[
        bool, typer.Option("--active-low", help="Closed is 0: the line has a pull-up.")
    ] = False,
    from_s: Annotated[
        float | None, typer.Option("--from", metavar="S", help="Draw from this second on.", min=0)
    ] = None,
    to_s: Annotated[
        float | None, typer.Option("--to", metavar="S", help="Draw up to this second.", min=0)
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="Default: the file's name.")
    ] = None,
    click: Annotated[
        str | None,
        typer.Option(
            "--click",
            metavar="SINGLE|DOUBLE|LONG",
            help="What the finger on a simulated switch means; default: SINGLE.",
        ),
    ] = None,
    hand: Annotated[
        str | None,
        typer.Option(
            "--hand", metavar="NAME", help="Whose finger: measured, steady, gloves or slow."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Another press of it; default: 0."),
    ] = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="Show the simulated switches and draw none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a contact's waveform, its debounced level, the edges, and the clicks they make.

    The longest bounce is magnified below. The contact is read from a file, or it is that of a real
    switch as it was measured, under a simulated finger: --list has their names. PNG needs Pillow:
    pip install 'clickclaim[plot]'.
    """
    from firmware_sim.world.analysis import analyse

    if list_them:
        list_switches(as_json=as_json)
        return
    if trace is None:
        usage("Which contact? Give a file or a switch.", "clickclaim sim plot --list")
    if out is None:
        usage("Where does the picture go?", f"clickclaim sim plot {trace} {trace.stem}.svg")
    _check_names(trace, out, from_s, to_s)
    pressed = Pressed(click, hand, seed)
    changes, default_title = _contact(trace, out, signal, pressed, active_low=active_low)
    found = analyse(changes)
    if from_s is not None and from_s * 1000 >= found.end_ms:
        usage(
            f"Nothing happens in {trace} after {found.end_ms / 1000:g} s, so there is nothing to"
            f" draw from --from {from_s:g} on."
        )
    content = _content(out, changes, found, title or default_title, from_s, to_s)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.", code=UNUSABLE) from None
    _warn(changes, found, active_low=active_low)
    burst = found.longest_burst(changes)
    if as_json:
        clicks = [{"atMs": at_ms, "clickType": click} for at_ms, click in found.clicks]
        bounce = None if burst is None else {"us": burst[1] - burst[0], "changes": burst[2]}
        print_json(
            {"file": str(out), "changes": len(changes), "edges": len(found.edges),
             "longestBounce": bounce, "clicks": clicks}
        )  # fmt: skip
        return
    say(f"{out}: {_count(len(changes), 'change')} of the contact, {_edges_and_clicks(found)}")
    if burst is not None:
        from firmware_sim.world.axis import in_unit

        at = in_unit(burst[1] - burst[0])
        say(f"  longest bounce: {burst[2]} changes within {at}, from {burst[0] / 1000:.3f} ms")


def _check_names(trace: Path, out: Path, from_s: float | None, to_s: float | None) -> None:
    """Whether the picture can be one, and takes no other file's place."""
    if out.suffix.lower() not in _KINDS:
        usage(
            f"{out} is neither .svg, .png nor .vcd.",
            f"clickclaim sim plot {trace} {trace.stem}.svg",
        )
    if is_same_file(out, trace):
        usage(
            f"{out} is the trace; the picture would take its place.",
            f"clickclaim sim plot {trace} {trace.stem}-settled{out.suffix}",
        )
    if out.suffix.lower() == ".vcd" and (from_s, to_s) != (None, None):
        usage(
            "--from and --to are for a picture; a .vcd has the whole trace.",
            f"clickclaim sim plot {trace} {out}",
        )
    begins, ends = (0.0 if from_s is None else from_s), (inf if to_s is None else to_s)
    if not begins < ends or to_s == inf:
        usage(f"Nothing lies between --from {begins:g} and --to {ends:g}.", "--from 1 --to 2.5")


def _contact(
    trace: Path, out: Path, signal: str | None, pressed: Pressed, *, active_low: bool
) -> tuple[Trace, str]:
    """The contact's changes, from the file or of the switch, and how to call them."""
    from firmware_sim.world.trace_errors import TraceError
    from firmware_sim.world.traces import read_trace

    if is_switch(trace):
        if signal is not None or active_low:
            usage(
                f"--signal and --active-low are for a file; {trace} is a simulated switch.",
                f"clickclaim sim plot {trace} {out}",
            )
        return press_switch(str(trace), pressed)
    if pressed.given:
        usage(
            f"--click, --hand and --seed are for a simulated switch, which {trace} is not.",
            "clickclaim sim plot --list",
        )
    try:
        return read_trace(trace, signal, active_low=active_low), trace.name
    except TraceError as error:
        raise CommandError(f"{error}.", _next(error, trace), code=FAILED) from None


def _next(error: Exception, trace: Path) -> str:
    if "; name one of" in str(error):
        return "clickclaim sim plot TRACE OUT.svg --signal NAME"
    known = trace.suffix or trace.exists()
    return "" if known else "for the simulated switches: clickclaim sim plot --list"


def _content(
    out: Path,
    changes: Trace,
    found: Analysis,
    title: str,
    from_s: float | None,
    to_s: float | None,
) -> bytes:
    """What stands in the file of this name."""
    from firmware_sim.world.plot import plot
    from firmware_sim.world.png import NoPillowError, png
    from firmware_sim.world.vcd import write_vcd

    if out.suffix.lower() == ".vcd":
        return write_vcd({"contact": changes, "settled": found.settled}).encode()
    from_ms, to_ms = (None if one is None else one * 1000 for one in (from_s, to_s))
    drawing = plot(changes, title, found, from_ms=from_ms, to_ms=to_ms)
    if out.suffix.lower() == ".svg":
        return drawing.svg().encode("utf-8", "replace")  # the name of a file may be no text
    try:
        return png(drawing)
    except NoPillowError:
        raise CommandError(
            "A PNG needs Pillow, which is not installed here.",
            f"pip install 'clickclaim[plot]', or write {out.with_suffix('.svg')}",
            UNUSABLE,
        ) from None


def _warn(changes: Trace, found: Analysis, *, active_low: bool) -> None:
    """What the picture shows and somebody at a bench may take for the button's fault."""
    from firmware_sim.core.clicks import LONG

    if not changes:
        note("the contact never closes: is it this signal, and is the capture long enough?")
    elif changes[0] == (0, 1):
        other = "without --active-low" if active_low else "with --active-low: a pull-up makes it 1"
        note(f"the contact is closed at the very beginning; if nobody held it, try {other}")
    elif changes[-1][1] and found.clicks and found.clicks[-1][1] == LONG:
        note(
            "the contact is not seen to open again:"
            f" LONG at {found.clicks[-1][0]} ms is so only if the capture goes on until then"
        )


def _edges_and_clicks(found: Analysis) -> str:
    edges = _count(len(found.edges), "edge")
    if len(found.clicks) <= _MOST_TOLD:
        clicks = ", ".join(f"{click} at {at_ms} ms" for at_ms, click in found.clicks)
        return f"{edges}, {clicks or 'no click'}"
    counts = Counter(click for _, click in found.clicks).most_common()
    return f"{edges}, {', '.join(f'{count:,} {click}' for click, count in counts)}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
