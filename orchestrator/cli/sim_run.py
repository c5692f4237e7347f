"""`clickclaim sim run`: a scenario in virtual time, and whether it came as expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.app import FAILED, UNUSABLE, CommandError, usage
from orchestrator.cli.options import AsJson, is_same_file
from orchestrator.cli.output import note, print_json, print_table, say, seconds
from orchestrator.cli.sim_progress import Progress
from orchestrator.cli.sim_stop import stoppable

if TYPE_CHECKING:
    from orchestrator.simulation.scenarios.results import Result

_TRACE_SHOWN: Final = 16
_LEARN: Final = "supplied ones to learn from: clickclaim sim run --list"


class ReportKind(StrEnum):
    """In which words a result is told to others than a person at a terminal."""

    JUNIT = "junit"
    JSON = "json"
    HTML = "html"


def run(
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="FILE|NAME", help="A scenario's .toml file, or a supplied one."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Another world than the file's own."),
    ] = None,
    report: Annotated[
        ReportKind | None,
        typer.Option("--report", metavar="junit|json|html", help="Write a report as well."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="Where the report goes; default: stdout."),
    ] = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="Show the supplied scenarios and run none.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print the scenario's file: a start for one of your own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Live a scenario in virtual time on the production code: people, buttons, faults, verdict.

    The same seed is the same world, to the hash of its trace. Exit code 0: everything came as the
    scenario expects and every invariant held; 1: not.
    """
    report = ReportKind.JSON if as_json and report is None else report
    if list_them:
        _list(as_json=as_json)
        return
    if not scenario:
        usage("Which scenario? Give its file or its name.", "clickclaim sim run --list")
    if show:
        _show(scenario)
        return
    if out is not None and report is None:
        usage("--out is where a report goes; say which.", f"--report html --out {out}")
    if out is not None:
        _check_writable(out, scenario)
    result = _live(scenario, seed)
    text = None if report is None else _report(report, result)
    if text is not None and out is None:
        typer.echo(_utf_8(text), nl=False)
    else:
        _print(result)
    if text is not None and out is not None:
        _write(out, text)
        note(f"report: {out}")
    raise SystemExit(0 if result.good else FAILED)


def _live(scenario: str, seed: int | None) -> Result:
    """The result, while somebody watches who may have enough of it."""
    from firmware_sim.world.tables import ScenarioError, check_seed
    from orchestrator.simulation.scenarios.run import load, run_scenario

    try:
        if seed is not None:
            check_seed(seed, "--seed")
    except ScenarioError as error:
        usage(f"{error}.", f"clickclaim sim run {scenario} --seed 1")
    with Progress() as progress, stoppable() as asked:

        def on_progress(done: int, of: int) -> bool:
            progress.tell("units", done, of)
            return not asked()

        try:
            result = run_scenario(scenario, load(scenario), seed, on_progress)
        except ScenarioError as error:
            usage(_sentence(error), _LEARN)
    return result


def _show(scenario: str) -> None:
    from firmware_sim.world.tables import ScenarioError
    from orchestrator.simulation.scenarios.run import text_of

    try:
        typer.echo(_utf_8(text_of(scenario)), nl=False)
    except ScenarioError as error:
        usage(_sentence(error), _LEARN)


def _sentence(error: Exception) -> str:
    return str(error) if str(error).endswith("?") else f"{error}."


def _list(*, as_json: bool) -> None:
    from orchestrator.simulation.scenarios.run import load, supplied

    rows = []
    for name in supplied():
        one = load(name)
        units = sum(arrivals.units for arrivals in one.arrivals)
        slots = sum(arrivals.slots for arrivals in one.arrivals)
        rows.append((name, one.title, units, slots, len(one.faults)))
    columns = ["name", "title", "units", "slots", "faults"]
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)
    say("Run one: clickclaim sim run bench-afternoon")
    say("Begin your own with it: clickclaim sim run bench-afternoon --show > my-day.toml")


def _report(kind: ReportKind, result: Result) -> str:
    match kind:
        case ReportKind.JUNIT:
            from orchestrator.simulation.reports.junit import junit_report

            return junit_report(result)
        case ReportKind.JSON:
            from orchestrator.simulation.reports.document import json_report

            return json_report(result)
        case ReportKind.HTML:
            from orchestrator.simulation.reports.page import html_report

            return html_report(result)


def _table(columns: list[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with air above it; none without rows."""
    rows = list(rows)
    if rows:
        say()
        print_table(columns, rows)


def _check_writable(out: Path, scenario: str) -> None:
    """Before a day is lived: there is no use in learning afterwards that its report is lost."""
    if is_same_file(out, Path(scenario)):
        usage(f"{out} is the scenario; its report would take its place.", "--out report.html")
    if out.is_dir():
        raise CommandError(f"{out} is a folder; name a file in it for the report.", code=UNUSABLE)
    if not out.parent.is_dir():
        raise CommandError(
            f"{out} cannot be written: there is no folder {out.parent}.",
            f"mkdir -p {out.parent}",
            UNUSABLE,
        )


def _write(out: Path, text: str) -> None:
    try:
        out.write_bytes(_utf_8(text))
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.", code=UNUSABLE) from None


def _utf_8(text: str) -> bytes:
    """A report says that it is UTF-8, wherever it goes; the name of a file may be no text."""
    return text.encode("utf-8", "replace")


def _print(result: Result) -> None:
    """The summary for a person: what came, how long it took, and the verdict last."""
    from orchestrator.simulation.reports.histogram import histogram, in_words, text_lines
    from orchestrator.simulation.scenarios.results import click_counts

    measured = result.measured
    say(result.scenario.title)
    _table(["outcome", "claims"], measured.outcomes.items())
    _table(["disposition", "clicks"], click_counts(measured).items())
    _table(["fault", "times"], measured.faults.items())
    rows = [
        (name, *(in_words(value) for value in quantiles.values()))
        for name, quantiles in result.latencies.items()
    ]
    _table(["in virtual time", "p50", "p95", "p99"], rows)
    if measured.click_ms:
        say()
        say("click to claimed")
        for line in text_lines(histogram(measured.click_ms)):
            say(f"  {line}")
    checks = [
        ("ok" if one.good else "FAILED", one.name, one.expected, one.found) for one in result.checks
    ]
    _table(["verdict", "what", "expected", "found"], checks)
    for one in result.checks:
        if one.details and not one.good:
            say()
            say(f"{one.name}: {one.found}, expected {one.expected}")
            for line in one.details:
                say(f"  {line}")
    say()
    if measured.violation:
        say("the world stopped at the violation, so what was to come later is missing; its end:")
    for line in measured.last:
        say(f"  {line}")
    virtual, real = seconds(round(measured.virtual_s * 1000)), seconds(round(result.real_s * 1000))
    say(f"{virtual} of virtual time in {real}; trace {measured.trace[:_TRACE_SHOWN]}")
    if measured.store == "model":
        say("store: a model in memory, as no fault of this scenario concerns the disk")
    else:
        say(f"store: {measured.store}, on real files")
    say(f"again: {result.again}")
    bad = sum(1 for one in result.checks if not one.good)
    say("as expected" if not bad else f"NOT as expected: {bad} of {len(result.checks)} failed")
