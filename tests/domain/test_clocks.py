"""A virtual clock moves when told, and wakes sleepers in the order of their times."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.clocks import VirtualClock, WallClock


async def test_sleepers_wake_in_order_and_see_their_own_time():
    clock = VirtualClock(0)
    woken = []

    async def sleeper(at_ms: int) -> None:
        await clock.sleep_until(at_ms)
        woken.append((at_ms, clock.now_ms()))

    async with asyncio.TaskGroup() as group:
        for at_ms in (300, 100, 200, 999):
            group.create_task(sleeper(at_ms))
        await asyncio.sleep(0)
        await clock.advance(300)
        assert woken == [(100, 100), (200, 200), (300, 300)]
        assert clock.next_wake_ms == 999
        await clock.advance(699)
    assert woken[-1] == (999, 999)


async def test_a_sleeper_that_was_cancelled_is_forgotten():
    clock = VirtualClock(0)
    task = asyncio.ensure_future(clock.sleep_until(50))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.next_wake_ms is None
    clock.move(100)


async def test_the_past_has_come_already():
    clock = VirtualClock(100)
    await clock.sleep_until(100)
    with pytest.raises(ValueError, match="does not go back"):
        clock.move(-1)


async def test_the_wall_clock_is_at_least_there_when_it_wakes():
    clock = WallClock()
    at_ms = clock.now_ms() + 5
    await clock.sleep_until(at_ms)
    assert clock.now_ms() >= at_ms


@pytest.mark.parametrize("by_ms", [1.5, float("nan"), float("inf"), "7", True])
async def test_time_passes_by_whole_milliseconds(by_ms):
    clock = VirtualClock(100)
    with pytest.raises(TypeError, match="whole milliseconds"):
        await clock.advance(by_ms)
    with pytest.raises(TypeError, match="whole milliseconds"):
        clock.move(by_ms)
    assert clock.now_ms() == 100


def test_a_wall_clock_that_is_set_changes_nothing_for_who_has_started():
    wall_ns, monotonic_ns = [5_000_000_000], [70_000_000]
    clock = WallClock(lambda: wall_ns[0], lambda: monotonic_ns[0])
    assert clock.now_ms() == 5_000
    wall_ns[0] -= 3_600_000_000_000
    monotonic_ns[0] += 1_500_000
    assert clock.now_ms() == 5_001
