"""Three hundred worlds: every invariant holds, twice alike, and nothing of it is vacuous."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest

from orchestrator.simulation import seeds
from orchestrator.simulation.plan import draw_plan, plan_text, read_plan
from orchestrator.simulation.seeds import run_plan, run_seed, run_seeds
from orchestrator.simulation.shrink import shrink
from tests.simulation.bugs import planted
from tests.simulation.hunt import caught, hunt

SEEDS = 300

# What 300 worlds must have seen, or they prove nothing about it.
MUST_HAPPEN = [
    "CountRepeat",  # DUPLICATE of a press that has an event already
    "NoteUnknown",
    "callback refused",
    "callback taken",
    "callback taken again",
    "code refused",
    "code used",
    "command beside the service",
    "disposition DELIVERED",
    "disposition DUPLICATE",
    "disposition EARLY",
    "disposition EVIDENCE_TOO_WEAK",
    "disposition LATE",
    "disposition MATCHED",
    "disposition NO_CLAIM",
    "disposition REPLAYED",
    "disposition SIMULATED_REFUSED",
    "disposition STALE",
    "disposition WRONG_CLICK_TYPE",
    "events listed",
    "fault: broker restarts",
    "fault: broker restarts, and forgets",
    "fault: connections cut",
    "fault: cut off from the broker",
    "fault: disk all but full",
    "fault: disk full",
    "fault: elsewhere",
    "fault: files locked by another process",
    "fault: forge",
    "fault: power cut, after",
    "fault: power cut, before",
    "fault: power cut, plug",
    "fault: power cut, torn",
    "fault: replay",
    "fault: retain",
    "fault: station killed",
    "fault: torn tail",
    "fault: wall clock set",
    "finalize at the deadline",
    "frame of a station: DELIVERED",
    "frame of a station: MATCHED",
    "impatient: PressNotSeenError",
    "impatient: TakenError",
    "impatient: TooManyInitiatesError",
    "late call",
    "lost race",
    "press at the deadline",
    "outcome CANCELLED",
    "outcome CLAIMED",
    "outcome REFUSED",
    "outcome TIMED_OUT",
    "published at QoS 0",
    "published at QoS 1, retained",
    "released: CLAIMED",
    "released: CLAIM_INITIATED",
    "search: CLAIMED",
    "search: nothing pressed twice",
    "search: overlap",
    "search: station killed",
    "stored answer replayed",
    "unclaim",
]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_invariant_holds_in_300_worlds_and_each_is_the_same_twice():
    counts: Counter[str] = Counter()
    failed = []
    for verdict in run_seeds(range(SEEDS), jobs=2, twice=True):
        counts.update(verdict.counts)
        if verdict.violation:
            failed.append(f"scripts/vopr --seed {verdict.seed}: {verdict.violation}")
    assert not failed, "\n".join(failed)
    assert [what for what in MUST_HAPPEN if not counts[what]] == []


def test_two_worlds_of_one_seed_leave_the_same_trace():
    first, second, other = run_seed(3), run_seed(3), run_seed(4)
    assert (first.trace, first.counts) == (second.trace, second.counts)
    assert first.trace != other.trace
    assert first.claims == sum(
        told.attempt is not None and told.attempt.outcome == "CLAIMED" for told in first.told
    )


def test_a_failure_is_shrunk_to_what_it_needs():
    plan = replace(draw_plan(0), unclaims=1.0, claims_each=4)
    with planted("unclaim-keeps-record"):
        verdict = run_plan(plan)
        assert caught(verdict.violation) == "invariant 6"
        assert verdict.last
        small = shrink(plan, verdict.violation)
        assert caught(run_plan(small).violation) == "invariant 6"
    assert len(small.stations) == 1
    assert small.power_cuts == small.line_cuts == small.station_kills == 0
    assert "unclaims = 1.0" in str(small)
    assert not run_plan(small).violation


def test_a_plan_is_told_on_one_line_that_reads_back_as_the_same():
    for seed in range(200):
        text = plan_text(draw_plan(seed))
        assert "\n" not in text
        assert read_plan(text) == draw_plan(seed)
    with pytest.raises(ValueError, match="power cuts, full disks and other processes need files"):
        read_plan(plan_text(draw_plan(0))[:-1] + ',"modelled":true,"locks":1}')


def test_a_shrunk_plan_has_no_slow_line_that_it_does_not_need():
    plan = draw_plan(0)
    slow = replace(
        plan,
        weather=replace(plan.weather, delay_s=(0.001, 1.5)),
        line=replace(plan.line, delay_s=(0.001, 0.5)),
        presses_right=0.6,
    )
    always = run_plan(draw_plan(0))
    small = shrink(slow, "invariant 1: x", lambda _: replace(always, violation="invariant 1: y"))
    assert (small.weather.delay_s, small.line.delay_s) == ((0.001, 0.05), (0.001, 0.03))
    assert small.presses_right == 1.0
    needed = {"seed", "production", "devices", "stations", "claims_each", "weather", "line"}
    left = {one.name for one in fields(small) if getattr(small, one.name) != one.default}
    assert left <= needed, "a plan's field that shrink does not know"


def _where_a_world_would_be() -> Path:
    with seeds._folder() as folder:
        return folder


@pytest.mark.timeout(60)
def test_a_pool_that_is_left_in_the_middle_ends_at_once_and_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "_MEMORY", tmp_path)
    hunts = []
    with contextlib.suppress(KeyboardInterrupt), seeds.pool_of(2) as pool:
        (of_the_pool,) = tmp_path.iterdir()
        assert pool.submit(_where_a_world_would_be).result().parent == of_the_pool
        hunts += [pool.submit(hunt, "stale-cache", 0, 1_000_000_000) for _ in range(8)]
        raise KeyboardInterrupt
    assert hunts
    assert all(one.done() for one in hunts)
    assert list(tmp_path.iterdir()) == []
