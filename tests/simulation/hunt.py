"""How many seeds it takes to find a planted bug."""

from __future__ import annotations

from orchestrator.simulation.seeds import run_seed
from tests.simulation.bugs import planted


def hunt(name: str, first: int, most: int) -> tuple[int | None, str]:
    """Seeds from ``first`` on with this bug, until one fails: how many, and what caught it.

    (None, "") when none of ``most`` seeds did.
    """
    with planted(name):
        for count in range(1, most + 1):
            verdict = run_seed(first + count - 1)
            if verdict.violation:
                return count, caught(verdict.violation)
    return None, ""


def caught(violation: str) -> str:
    """The invariant's number; else the kind of error."""
    return violation.partition(":")[0]
