"""A window's length is held to the world's own time, whatever clocks say."""

from __future__ import annotations

import pytest

from orchestrator.domain.attempts import Attempt, ended
from orchestrator.domain.claims import STOPPED_WAITING
from orchestrator.simulation.gate import Gate, GatedClock, Wall
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.real_time import RealTime
from orchestrator.simulation.truth import InvariantError
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import AddAttempt, SwapAttempt

OPEN = Attempt(
    attempt_id="a1",
    namespace="default",
    device_id="B1",
    account="111122223333",
    epoch=1,
    opened_ms=1_000,
    deadline_ms=121_000,
)


class At:
    """A time that tests set."""

    def __init__(self) -> None:
        self.ms = 5_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def at() -> At:
    return At()


@pytest.fixture
def real_time(at) -> RealTime:
    real_time = RealTime(at)
    real_time.committed("S1", [AddAttempt(OPEN)])
    return real_time


def ends(outcome, reason=""):
    return [SwapAttempt(OPEN, ended(OPEN, outcome, reason, 121_000))]


def test_a_window_that_ends_before_its_time_is_found(at, real_time):
    at.ms += 104_999
    with pytest.raises(InvariantError, match="invariant 4: a1 timed out 15001 ms early"):
        real_time.committed("S1", ends("TIMED_OUT"))
    at.ms += 1
    real_time.committed("S1", ends("TIMED_OUT"))


def test_who_stops_waiting_may_do_so_early_and_a_restart_may_bring_another_time(at, real_time):
    at.ms += 1_000
    real_time.committed("S1", ends("TIMED_OUT", STOPPED_WAITING))
    real_time.committed("S1", ends("CANCELLED"))
    real_time.committed("S2", ends("TIMED_OUT"))


async def test_a_window_that_stays_open_for_too_long_is_found(at, real_time):
    store = MemoryStore()
    await store.unit([AddAttempt(OPEN)])
    at.ms += 125_000
    await real_time.check_open("S1", store, 5_000)
    at.ms += 1
    await real_time.check_open("S2", store, 5_000)
    with pytest.raises(InvariantError, match="a1 is open 5001 ms too long"):
        await real_time.check_open("S1", store, 5_000)


def test_a_process_keeps_the_time_that_it_started_with_and_the_next_takes_the_new_one():
    loop = SimulatedLoop(1, start_s=1_000.0)
    wall = Wall(loop, 250)
    clock = GatedClock(loop, Gate(loop), wall)
    wall.off_ms -= 3_600_000
    assert clock.now_ms() == 1_000_250
    assert GatedClock(loop, Gate(loop), wall).now_ms() == 1_000_250 - 3_600_000
    loop.close()
