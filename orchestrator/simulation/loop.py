"""An event loop whose time is virtual and whose order comes from a seed."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import random
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

# A program that does nothing for a year of virtual time waits for something that never comes.
_IDLE_LIMIT_S: Final = 366 * 24 * 3600.0
# What is due within this time is due at once. Seconds since 1970 as a float have steps of 0.24 µs:
# two that wait for the same millisecond, each in its own way, come to differ by a few of them.
_SAME_MOMENT_S: Final = 1e-6
# Timers that were cancelled, and tasks that ended, are let go of when there are so many more.
_TIDY_AFTER: Final = 5_000


class DeadlockError(Exception):
    """Every task waits, and nothing can ever wake one."""


class _Call(list[Any]):
    """What is to be called, soon or at a time: callback, arguments, context.

    A list, since a claim makes eighty of them: asyncio asks of its handles only to be cancelled.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """As ``Handle.cancel``. The loop finds out by itself."""
        self[0] = None

    def cancelled(self) -> bool:
        """As ``Handle.cancelled``."""
        return self[0] is None


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs tasks to their end with no real wait; equal seeds give equal orders.

    What is ready at the same moment runs in an order drawn from the seed, so that a run tries
    one of the orders that real life could. Threads and files are not for this loop.
    """

    def __init__(self, seed: int, *, start_s: float = 1_700_000_000.0) -> None:
        super().__init__()
        self._simulated_s = start_s
        self.random = random.Random(seed)  # noqa: S311 - an order of events, not a secret
        self.ending = False
        """The world is over: what is cancelled now tidies up in vain, and must not wait."""
        self._soon: list[_Call] = []
        self._timers: list[tuple[float, int, _Call]] = []
        self._asked = 0
        self._tidy_timers_at = self._tidy_tasks_at = _TIDY_AFTER
        self._tasks: dict[asyncio.Task[Any], None] = {}
        # Asked for dozens of times in a claim, and the answers are always the same: as methods of
        # asyncio's they would cost as much as the claim's codecs.
        self.get_debug = bool  # type: ignore[method-assign]
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]

    def time(self) -> float:
        """Virtual seconds since 1970."""
        return self._simulated_s

    def now_ms(self) -> int:
        """Virtual UTC milliseconds."""
        return round(self._simulated_s * 1000)

    def now_ns(self) -> int:
        """The same in nanoseconds, for what counts in them."""
        return round(self._simulated_s * 1000) * 1_000_000

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` to its end, then cancel whatever it left behind."""
        try:
            return self.run_until_complete(main)
        finally:
            self.ending = True
            # Asking asyncio would be to look through the tasks of all the worlds before, too.
            while left := [task for task in self._tasks if not task.done()]:
                for task in left:
                    task.cancel()
                self.run_until_complete(asyncio.wait(left, timeout=60))
            self.run_until_complete(self.shutdown_asyncgens())

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As any loop's."""
        call = _Call((callback, args, context))
        self._soon.append(call)
        return call  # type: ignore[return-value]

    # There is one thread.
    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As any loop's."""
        call = _Call((callback, args, context))
        self._asked += 1
        heapq.heappush(self._timers, (self._simulated_s + delay, self._asked, call))
        return call  # type: ignore[return-value]

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As any loop's."""
        call = _Call((callback, args, context))
        self._asked += 1
        heapq.heappush(self._timers, (when, self._asked, call))
        return call  # type: ignore[return-value]

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """As any loop's. Kept: what waits for ever is not for the garbage collector to tidy up."""
        called = None if name is None else str(name)
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=called, context=context)
        self._tasks[task] = None
        return task

    def close(self) -> None:
        """As any loop's."""
        self._soon.clear()
        self._timers.clear()
        super().close()

    def _run_once(self) -> None:
        """Run until somebody stops the loop: asyncio asks for one turn, or for all of them."""
        draw = self.random.random
        while not self._stopping:  # type: ignore[attr-defined]
            if not self._soon:
                self._pass_time()
            calls, self._soon = self._soon, []
            if len(calls) > 1:
                # Between two looks at the clock, what is ready is ready at once: any order is
                # right.
                for last in range(len(calls) - 1, 0, -1):
                    other = int(draw() * (last + 1))
                    calls[last], calls[other] = calls[other], calls[last]
            for callback, args, context in calls:
                if callback is None:
                    continue
                try:
                    if context is None:
                        callback(*args)
                    else:
                        context.run(callback, *args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as every loop does
                    message = f"Exception in callback {callback!r}"
                    self.call_exception_handler({"message": message, "exception": error})

    def _pass_time(self) -> None:
        """Go to the time of the earliest timer; what is due then is ready."""
        if len(self._timers) > self._tidy_timers_at or len(self._tasks) > self._tidy_tasks_at:
            self._tidy()
        timers, due = self._timers, self._soon
        pop = heapq.heappop
        while timers and timers[0][2][0] is None:
            pop(timers)
        if not timers or timers[0][0] - self._simulated_s > _IDLE_LIMIT_S:
            raise DeadlockError("every task waits, and no timer is set")
        self._simulated_s = max(self._simulated_s, timers[0][0])
        now_s = self._simulated_s + _SAME_MOMENT_S
        while timers and timers[0][0] <= now_s:
            due.append(pop(timers)[2])

    def _tidy(self) -> None:
        """Let go of timers that were cancelled and of tasks that ended."""
        self._timers = [one for one in self._timers if one[2][0] is not None]
        heapq.heapify(self._timers)
        self._tasks = {one: None for one in self._tasks if not one.done()}
        self._tidy_timers_at = 2 * len(self._timers) + _TIDY_AFTER
        self._tidy_tasks_at = 2 * len(self._tasks) + _TIDY_AFTER
