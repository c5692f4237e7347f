"""Virtual time: nothing waits, equal seeds give equal orders, and a deadlock is told."""

from __future__ import annotations

import asyncio
import time

import pytest

from orchestrator.simulation.loop import DeadlockError, SimulatedLoop


def order_of(seed: int) -> list[int]:
    loop = SimulatedLoop(seed)
    done: list[int] = []

    async def one(number: int) -> None:
        await asyncio.sleep(5)
        done.append(number)

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(8)))

    loop.run(all_of_them())
    loop.close()
    return done


def test_a_day_passes_at_once():
    loop = SimulatedLoop(1)
    start_ms, real_s = loop.now_ms(), time.monotonic()
    loop.run(asyncio.sleep(24 * 3600))
    assert loop.now_ms() - start_ms == 24 * 3600 * 1000
    assert time.monotonic() - real_s < 5
    loop.close()


def test_what_is_ready_at_once_runs_in_an_order_that_the_seed_decides():
    assert order_of(1) == order_of(1)
    assert len({tuple(order_of(seed)) for seed in range(6)}) > 1


def test_waiting_for_what_never_comes_is_an_error():
    loop = SimulatedLoop(1)

    async def wait_for_ever() -> None:
        await loop.create_future()

    with pytest.raises(DeadlockError):
        loop.run(wait_for_ever())
    loop.close()
