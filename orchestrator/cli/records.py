"""`clickclaim records`: every attempt to claim, with its one outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from orchestrator.claims.views import attempt_json
from orchestrator.cli.app import new_app, run_async
from orchestrator.cli.options import Data, folder_of
from orchestrator.cli.output import (
    clock_time,
    print_csv,
    print_json,
    print_table,
    say,
    seconds,
)
from orchestrator.domain.attempts import Attempt, Outcome
from orchestrator.runtime.folder import open_desk
from orchestrator.units import AttemptQuery

app = new_app("List the attempts to claim, newest first, with their outcomes.")

_CSV: Final = (
    "attemptId",
    "namespace",
    "deviceId",
    "account",
    "epoch",
    "via",
    "outcome",
    "reason",
    "simulated",
    "opened",
    "ended",
    "openedMs",
    "endedMs",
    "releasedMs",
)


@app.command()
def records(
    data: Data = None,
    format_: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="How to print them.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    device: Annotated[
        str | None, typer.Option("--device", metavar="DEVICE", help="Only of this device.")
    ] = None,
    outcome: Annotated[
        Outcome | None, typer.Option("--outcome", help="Only those that ended so.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Only of this namespace.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 10_000,
) -> None:
    """List the attempts to claim, newest first, with their outcomes."""
    query = AttemptQuery(
        namespace=namespace,
        device_id=device,
        outcome=outcome,
        limit=limit,
    )
    attempts = run_async(lambda: _read(folder_of(data), query))
    if as_json or format_ == "json":
        print_json([attempt_json(one) for one in attempts])
    elif format_ == "csv":
        _print_csv(attempts)
    elif attempts:
        _print_table(attempts)
    else:
        say("No attempt is on record here. Next: clickclaim claim DEVICE")


async def _read(folder: Path, query: AttemptQuery) -> list[Attempt]:
    async with open_desk(folder) as desk:
        return await desk.store.attempts(query)


def _print_table(attempts: list[Attempt]) -> None:
    print_table(
        ("began", "device", "outcome", "click after", "claimed after", "account", "reason"),
        [
            (
                clock_time(one.opened_ms),
                one.device_id,
                one.outcome or "(open)",
                _after(one, "click_ms"),
                _after(one, "finalized_ms"),
                one.account,
                one.reason + (" (simulated)" if one.simulated else ""),
            )
            for one in attempts
        ],
    )


def _after(attempt: Attempt, name: str) -> str:
    ms = attempt.latencies_ms.get(name)
    return "-" if ms is None else seconds(ms)


def _print_csv(attempts: list[Attempt]) -> None:
    documents = [attempt_json(one) for one in attempts]
    rows = [[document[name] for name in _CSV] for document in documents]
    latencies = [
        [one.latencies_ms.get("click_ms"), one.latencies_ms.get("finalized_ms")] for one in attempts
    ]
    print_csv(
        [*_CSV, "clickMs", "finalizedMs"],
        [row + more for row, more in zip(rows, latencies, strict=True)],
    )
