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


def test_a_callback_that_fails_is_told_and_the_others_run():
    loop = SimulatedLoop(1)
    told: list[object] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))

    async def main() -> int:
        loop.call_soon(lambda: 1 // 0)
        done = loop.create_future()
        loop.call_later(1, done.set_result, 7)
        return await done

    assert loop.run(main()) == 7
    assert [type(one) for one in told] == [ZeroDivisionError]
    loop.close()


def test_what_is_cancelled_in_time_is_not_called_and_its_time_does_not_come():
    loop = SimulatedLoop(1)
    called: list[str] = []

    async def main() -> None:
        timers = [loop.call_later(60 + n, called.append, "late") for n in range(5_000)]
        soon = loop.call_soon(called.append, "soon")
        for one in (soon, *timers):
            one.cancel()
        loop.call_later(5, called.append, "kept")
        await asyncio.sleep(10)

    start_s = loop.time()
    loop.run(main())
    assert called == ["kept"]
    assert loop.time() - start_s < 11
    loop.close()


def test_two_who_wait_for_the_same_moment_come_in_either_order():
    def first(seed: int) -> str:
        loop = SimulatedLoop(seed)
        came: list[str] = []

        async def main() -> None:
            loop.call_later(0.1 + 0.2, came.append, "sum")
            loop.call_later(0.3, came.append, "whole")
            await asyncio.sleep(1)

        loop.run(main())
        loop.close()
        return came[0]

    assert {first(seed) for seed in range(20)} == {"sum", "whole"}
