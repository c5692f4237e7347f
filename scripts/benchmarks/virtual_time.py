"""Claims in virtual time: production code over models of disk and broker, each step checked.

python -m benchmarks.virtual_time     where the time of a claim goes, as cProfile sees it
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import time
from dataclasses import replace

from benchmarks.table import Row

from orchestrator.domain.ids import Caller
from orchestrator.simulation.broker import Weather
from orchestrator.simulation.network import Line
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.seeds import run_plan

STATIONS = 200
CLAIMS_EACH = 10
ROUNDS = 3

# Which calls make up a part: file and function, with all that they call.
PARTS = {
    "ingest: decode, repeats, the click's disposition and its commit": [("lanes.py", "_run")],
    "initiate and finalize in the service, with their commits": [
        ("service.py", "initiate"),
        ("service.py", "finalize"),
    ],
    "the flow and its facts": [("flow.py", "claim_device"), ("flow.py", "_listen")],
    "invariants, after each commit": [("course.py", "_answered")],
    "what people do besides: they list events and look at the claim": [("people.py", "_after")],
    "the button's press: the chip's counter, JSON and HMAC": [("people.py", "_press")],
    "the line between station and service": [("network.py", "_arrive")],
}


REST = "the rest: the loop's timers and order, commits, start and end"


def rows() -> list[Row]:
    """Rows of the budget table."""
    modelled, shown = _rounds(_plan())
    _, shown_on_files = _rounds(replace(_plan(), modelled=False))
    return [
        Row(
            "simulated claims in virtual time, every commit checked, per second of one core",
            "≥ 1,000 /s",
            shown,
            met=modelled >= 1_000,
        ),
        Row("the same with the store on SQLite files", "(shown)", shown_on_files),
    ]


def _rounds(plan: Plan) -> tuple[float, str]:
    """The median of the rounds, and all of them."""
    rates = [_claims_a_second(plan) for _ in range(ROUNDS)]
    median = statistics.median(rates)
    return median, f"{median:,.0f} /s (rounds: {', '.join(f'{rate:,.0f}' for rate in rates)})"


def _claims_a_second(plan: Plan) -> float:
    start_s = time.process_time()
    verdict = run_plan(plan)
    took_s = time.process_time() - start_s
    if verdict.violation or verdict.claims != STATIONS * CLAIMS_EACH:
        raise SystemExit(f"the measured world went wrong: {verdict.violation or verdict.counts}")
    return verdict.claims / took_s


def profile() -> str:
    """A table of the parts, as Markdown."""
    measured = cProfile.Profile()
    measured.enable()
    verdict = run_plan(_plan())
    measured.disable()
    stats = pstats.Stats(measured)
    calls: dict[tuple[str, str], float] = {}
    for (file, _line, name), (_, _, _, cumulative_s, _) in stats.stats.items():
        key = (file.rpartition("/")[2], name)
        calls[key] = calls.get(key, 0.0) + cumulative_s
    whole_s = stats.total_tt
    shares = {what: sum(calls[one] for one in of) / whole_s for what, of in PARTS.items()}
    shares[REST] = 1 - sum(shares.values())
    calls_each = stats.total_calls / verdict.claims
    rows = [f"| {what} | {share:.0%} |" for what, share in shares.items()]
    return "\n".join(
        ["| part | share |", "|---|---|", *rows, "", f"{calls_each:,.0f} calls a claim"]
    )


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


if __name__ == "__main__":
    print(profile())
