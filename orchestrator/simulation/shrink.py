"""The smallest plan in which the same invariant still fails: what a person wants to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from hardware.sources.mqtt import MARKER_EVERY_S
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.seeds import run_plan
from orchestrator.simulation.world import Verdict

# What a world can do without, that which makes most noise first.
_CAN_BE_ABSENT: Final = (
    "power_cuts",
    "full_disks",
    "broker_restarts",
    "broker_forgets",
    "line_cuts",
    "partitions",
    "station_kills",
    "clock_step_ms",
    "wall_steps",
    "locks",
    "commands",
    "hostile",
    "meddling",
    "releases",
    "claim_codes",
    "discoveries",
    "impatient",
    "callbacks",
    "receiver_fails",
    "presses_stray",
    "presses_eager",
    "heard_by_station",
    "qos0",
    "retained",
    "unclaims",
    "keyless",
    "unregistered",
)
_COUNTS: Final = (
    ("claims_each", 1),
    ("devices", 1),
    ("services", 1),
    ("power_cuts", 0),
    ("full_disks", 0),
    ("broker_restarts", 0),
    ("line_cuts", 0),
    ("partitions", 0),
    ("station_kills", 0),
    ("wall_steps", 0),
    ("locks", 0),
)
_PARTS: Final = (
    ("weather", ("lose", "duplicate")),
    ("line", ("lose_request", "lose_reply", "twice")),
)
_QUICK: Final = (
    ("weather", (0.001, 0.05)),
    ("line", (0.001, 0.03)),
)
_PLAIN: Final[tuple[tuple[str, Any], ...]] = (
    ("marker_every_s", MARKER_EVERY_S),
    ("disk_s", (0.0, 0.0)),
    ("presses_right", 1.0),
)


def shrink(plan: Plan, violation: str, run: Callable[[Plan], Verdict] = run_plan) -> Plan:
    """The smallest plan found in which the invariant of this violation still fails."""
    kind = _kind(violation)
    while True:
        for smaller in _smaller(plan):
            if _kind(run(smaller).violation) == kind:
                plan = smaller
                break
        else:
            return plan


def _kind(violation: str) -> str:
    """What two violations of one invariant have in common: all before the first colon."""
    return violation.partition(":")[0]


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with one thing less, those with much less first."""
    for number in range(len(plan.stations) if len(plan.stations) > 1 else 0):
        stations = plan.stations[:number] + plan.stations[number + 1 :]
        services = min(plan.services, len({one.namespace for one in stations}))
        yield replace(plan, stations=stations, services=services)
    for name in _CAN_BE_ABSENT:
        value = getattr(plan, name)
        if value:
            yield replace(plan, **{name: type(value)(0)})
    for name, least in _COUNTS:
        if getattr(plan, name) > least:
            yield replace(plan, **{name: getattr(plan, name) - 1})
    yield from _plainer(plan)


def _plainer(plan: Plan) -> Iterator[Plan]:
    """Plans with the same people and faults, and one thing less that is out of the ordinary."""
    for part, names in _PARTS:
        for name in names:
            if getattr(getattr(plan, part), name):
                yield replace(plan, **{part: replace(getattr(plan, part), **{name: 0.0})})
    for part, delay_s in _QUICK:
        if getattr(plan, part).delay_s != delay_s:
            yield replace(plan, **{part: replace(getattr(plan, part), delay_s=delay_s)})
    for name, plain in _PLAIN:
        if getattr(plan, name) != plain:
            yield replace(plan, **{name: plain})
