"""`clickclaim sim plot`: a contact trace from a logic analyser as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.app import FAILED, UNUSABLE, CommandError, usage
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import print_json, say


def plot(
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="A logic analyser's .vcd or .csv file.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.svg", help="The picture: .svg or .png.")],
    signal: Annotated[
        str | None,
        typer.Option("--signal", metavar="NAME", help="Which signal, when there are several."),
    ] = None,
    active_low: Annotated[
        bool, typer.Option("--active-low", help="Closed is 0: the line has a pull-up.")
    ] = False,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="Default: the file's name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a contact's waveform, its debounced level, the edges, and the clicks they make."""
    from firmware_sim.world.analysis import analyse
    from firmware_sim.world.plot import plot_svg
    from firmware_sim.world.trace_errors import TraceError
    from firmware_sim.world.traces import read_trace

    kind = out.suffix.lower()
    if kind not in {".svg", ".png"}:
        usage(f"{out} is neither .svg nor .png.", f"clickclaim sim plot {trace} {trace.stem}.svg")
    try:
        changes = read_trace(trace, signal, active_low=active_low)
    except TraceError as error:
        raise CommandError(f"{error}.", code=FAILED) from None
    found = analyse(changes)
    svg = plot_svg(changes, title or trace.name, found)
    try:
        if kind == ".png":
            out.write_bytes(_png(svg, out))
        else:
            out.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.", code=UNUSABLE) from None
    if as_json:
        clicks = [{"atMs": at_ms, "clickType": click} for at_ms, click in found.clicks]
        print_json({"file": str(out), "edges": len(found.edges), "clicks": clicks})
        return
    clicked = ", ".join(f"{click} at {at_ms} ms" for at_ms, click in found.clicks) or "no click"
    say(f"{out}: {len(changes)} changes of the contact, {len(found.edges)} edges, {clicked}")


def _png(svg: str, out: Path) -> bytes:
    """The picture as PNG, by whichever converter this machine has."""
    import shutil
    import subprocess

    commands = {
        "rsvg-convert": ["rsvg-convert", "--format", "png"],
        "inkscape": ["inkscape", "--pipe", "--export-type=png", "--export-filename=-"],
        "magick": ["magick", "svg:-", "png:-"],
        "convert": ["convert", "svg:-", "png:-"],
    }
    for program, command in commands.items():
        if shutil.which(program) is None:
            continue
        ran = subprocess.run(command, input=svg.encode(), capture_output=True, check=False)  # noqa: S603
        if ran.returncode == 0 and ran.stdout.startswith(b"\x89PNG"):
            return ran.stdout
    raise CommandError(
        "No program here makes a PNG of an SVG.",
        f"install one (apt-get install librsvg2-bin), or write {out.with_suffix('.svg')}",
        UNUSABLE,
    )
