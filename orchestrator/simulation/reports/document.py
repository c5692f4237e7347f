"""A result as one JSON document, for programs."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.simulation.reports.histogram import histogram
from orchestrator.simulation.scenarios.results import Result


def document(result: Result) -> dict[str, Any]:
    """Everything that was counted, timed and checked."""
    measured = result.measured
    return {
        "scenario": result.name,
        "title": result.scenario.title,
        "good": result.good,
        "seed": measured.seed,
        "trace": measured.trace,
        "store": measured.store,
        "again": result.again,
        "checks": [
            {
                "name": one.name,
                "expected": one.expected,
                "found": one.found,
                "good": one.good,
                "details": list(one.details),
            }
            for one in result.checks
        ],
        "violation": measured.violation or None,
        "lastLines": list(measured.last),
        "outcomes": dict(measured.outcomes),
        "dispositions": dict(measured.dispositions),
        "repeats": measured.repeats,
        "faults": dict(measured.faults),
        "unitsClaimed": measured.units_claimed,
        "mistaken": measured.mistaken,
        "latenciesMs": result.latencies,
        "clickToClaimed": [
            {"fromMs": one.low_ms, "toMs": one.high_ms, "count": one.count}
            for one in histogram(measured.click_ms)
        ],
        "virtualS": round(measured.virtual_s, 3),
        "realS": round(result.real_s, 3),
    }


def json_report(result: Result) -> str:
    """The document as text."""
    return json.dumps(document(result), ensure_ascii=False, indent=2) + "\n"
