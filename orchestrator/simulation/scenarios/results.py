"""What came of a scenario, and whether that is what its file expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from shlex import quote
from typing import Final

from firmware_sim.world.scenario import OUTCOMES, Scenario
from firmware_sim.world.tables import Bounds
from orchestrator.domain.events import DISPOSITIONS
from orchestrator.simulation.scenarios.story import Story

QUANTILES: Final = (50, 95, 99)
INVARIANTS: Final = "invariants"
"""The name of the check that always comes first."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was expected, and what came."""

    name: str
    expected: str
    found: str
    good: bool
    details: tuple[str, ...] = ()
    """Which units, claims, clicks or faults it failed for, where that can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was counted and timed in one world."""

    seed: int
    trace: str
    """SHA-256 of everything that was committed and told, with times: equal for equal seeds."""
    store: str
    """What kept the rows: SQLite on real files, or a model in memory where no disk fails."""
    outcomes: Mapping[str, int]
    """How claims ended, as their stations were told."""
    dispositions: Mapping[str, int]
    """What became of clicks."""
    repeats: int
    """Further messages of clicks that were on record, counted on them."""
    faults: Mapping[str, int]
    faults_happened: int
    units_claimed: int
    mistaken: int
    """Claims that a click won which nobody had made to claim that unit."""
    claim_ms: tuple[int, ...]
    """From the opening of each claim that succeeded to its end."""
    press_ms: tuple[int, ...]
    """From the finger on the button to the station's green, for each of them."""
    click_ms: tuple[int, ...]
    """From the click as the button sent it to the station's green, for each of them."""
    virtual_s: float
    story: Story
    violation: str
    last: tuple[str, ...]
    """The last lines of the trace, when something is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A scenario with what came of it. ``name`` is what was asked for."""

    name: str
    scenario: Scenario
    measured: Measured
    checks: tuple[Check, ...]
    real_s: float

    @property
    def good(self) -> bool:
        """Whether everything came as expected."""
        return all(one.good for one in self.checks)

    @property
    def again(self) -> str:
        """The line that runs the same world once more."""
        return f"clickclaim sim run {quote(self.name)} --seed {self.measured.seed}"

    @property
    def latencies(self) -> dict[str, dict[str, int]]:
        """p50, p95 and p99 of each latency, in virtual milliseconds; none without claims."""
        timed = {
            "click to claimed": self.measured.click_ms,
            "press to claimed": self.measured.press_ms,
            "initiate to claimed": self.measured.claim_ms,
        }
        return {
            name: {f"p{share}": quantile(values, share) for share in QUANTILES}
            for name, values in timed.items()
            if values
        }


def judge(scenario: Scenario, measured: Measured) -> tuple[Check, ...]:
    """The verdict: no violation and every fault in time, always; then what the file expects."""
    total = len(scenario.faults)
    checks = [
        Check(INVARIANTS, "hold", measured.violation or "hold", not measured.violation),
    ]
    if total:
        happened = measured.faults_happened
        late = sorted(scenario.faults, key=lambda one: one.at_s)[happened:]
        checks.append(
            Check(
                "faults before the end",
                f"exactly {total}",
                f"{happened}",
                happened == total,
                tuple(f"{one.kind} at {one.at_s:g} s: too late for this day" for one in late),
            )
        )
    checks += [_check(name, bounds, measured) for name, bounds in scenario.expect.items()]
    return tuple(checks)


def click_counts(measured: Measured) -> dict[str, int]:
    """What became of clicks, and below it how many further messages came of them, if any."""
    repeats = {"repeats": measured.repeats} if measured.repeats else {}
    return {**measured.dispositions, **repeats}


def quantile(values: Sequence[int], share: int) -> int:
    """The least value that ``share`` percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)]


def _check(name: str, bounds: Bounds, measured: Measured) -> Check:
    found = _value(name, measured)
    if found is None:
        missing = tuple(measured.story.unclaimed())
        return Check(name, str(bounds), "no claim succeeded", good=False, details=missing)
    good = bounds.hold(found)
    details = () if good else _details(name, measured.story, too_few=found < bounds.at_least)
    words = f"{found:g}" if found % 1 else f"{found:.0f}"
    return Check(name, str(bounds), words, good, details)


def _details(name: str, story: Story, *, too_few: bool) -> tuple[str, ...]:
    """Who it was. Of what did not happen often enough there is nobody to name, but of claims."""
    lines: list[str] = []
    if too_few:
        if name in {"claimed", "units_claimed", "MATCHED"}:
            lines = story.unclaimed()
    elif name in OUTCOMES:
        lines = story.ended(name.upper())
    elif name in DISPOSITIONS:
        lines = story.clicked(name)
    elif name == "mistaken":
        lines = story.mistaken()
    elif name.startswith("click_to_claimed"):
        lines = story.slowest()
    return tuple(lines)


def _value(name: str, measured: Measured) -> float | None:
    """What was measured under the name that an expectation has."""
    if name in OUTCOMES:
        return measured.outcomes.get(name.upper(), 0)
    if name in DISPOSITIONS:
        return measured.dispositions.get(name, 0)
    match name:
        case "mistaken":
            return measured.mistaken
        case "repeats":
            return measured.repeats
        case "units_claimed":
            return measured.units_claimed
        case "virtual_s":
            return measured.virtual_s
    share = int(name.removeprefix("click_to_claimed_p").removesuffix("_ms"))
    return quantile(measured.click_ms, share) if measured.click_ms else None
