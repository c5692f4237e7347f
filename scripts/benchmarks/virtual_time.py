"""Claims in virtual time: production code over models of disk and broker, each step checked."""

from __future__ import annotations

import time
from dataclasses import replace

from orchestrator.domain.ids import Caller
from orchestrator.simulation.broker import Weather
from orchestrator.simulation.network import Line
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.seeds import run_plan

STATIONS = 200
CLAIMS_EACH = 10


def rows() -> list[tuple[str, str, str]]:
    """Rows of the budget table."""
    return [
        ("simulated claims in virtual time, one core", "≥ 1,000 /s", _figure(_plan())),
        (
            "the same with the store on SQLite files",
            "(shown)",
            _figure(replace(_plan(), modelled=False)),
        ),
    ]


def _figure(plan: Plan) -> str:
    start_s = time.process_time()
    verdict = run_plan(plan)
    took_s = time.process_time() - start_s
    if verdict.violation or verdict.claims != STATIONS * CLAIMS_EACH:
        raise SystemExit(f"the measured world went wrong: {verdict.violation or verdict.counts}")
    return f"{verdict.claims / took_s:,.0f} /s of processor time, every commit checked"


def _plan() -> Plan:
    """Many stations, each with buttons of its own, and nothing goes wrong."""
    return Plan(
        seed=1,
        production=False,
        devices=STATIONS * CLAIMS_EACH,
        stations=tuple(
            Caller(namespace="default", account=f"{number:012d}", access_key=f"KEY{number}")
            for number in range(STATIONS)
        ),
        claims_each=CLAIMS_EACH,
        weather=Weather(),
        line=Line(),
        apart=True,
        modelled=True,
        pause_s=0.2,
        reactions_s=(0.5,),
        disk_s=(0.02, 0.02),
    )
