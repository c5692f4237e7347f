"""`clickclaim bench`: claims per second on this machine and this disk."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.app import new_app, run_async
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import note, print_json, say

app = new_app("Measure claims per second on this machine.")


@app.command()
def bench(
    claims: Annotated[int, typer.Option("--claims", min=10, help="How many.")] = 2_000,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="How many side by side.")] = 200,
    where: Annotated[
        Path | None,
        typer.Option("--in", metavar="DIR", help="A folder on the disk to measure."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Claim simulated buttons in this process; every step is durable before the next.

    The data lies in a folder that is gone afterwards. `scripts/bench` of the source tree measures
    every budget.
    """
    from orchestrator.runtime.measure import measure_claims

    if not as_json:
        note(f"{claims} claims, {at_once} at once ...")
    with tempfile.TemporaryDirectory(prefix="clickclaim-bench-", dir=where or Path.cwd()) as folder:
        measured = run_async(
            lambda: measure_claims(Path(folder), claims=claims, at_once=at_once), fast=True
        )
    if as_json:
        print_json(asdict(measured))
        return
    say(f"{measured.claims_per_s:,.0f} claims/s; initiate to finalized, {at_once} at once:")
    say(f"  p50 {measured.p50_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms")
