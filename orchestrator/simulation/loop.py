"""An event loop whose time is virtual and whose order comes from a seed."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# A program that does nothing for a year of virtual time waits for something that never comes.
_IDLE_LIMIT_S = 366 * 24 * 3600.0


class DeadlockError(Exception):
    """Every task waits, and nothing can ever wake one."""


class _NoFiles(selectors.BaseSelector):
    """A selector without files: to wait is to let virtual time pass."""

    def __init__(self, wait: Callable[[float | None], None]) -> None:
        self._wait = wait

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Take note of nothing: the loop's own wake-up pipe is never needed in one thread."""
        return selectors.SelectorKey(fileobj, -1, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Forget nothing."""
        return selectors.SelectorKey(fileobj, -1, 0, None)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time until the next timer pass at once."""
        self._wait(timeout)
        return []

    def get_map(self) -> Any:
        """No files."""
        return {}


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Runs tasks to their end with no real wait; equal seeds give equal orders.

    What is ready at the same moment runs in an order drawn from the seed, so that a run tries
    one of the orders that real life could. Threads and real files are not for this loop.
    """

    def __init__(self, seed: int, *, start_s: float = 1_700_000_000.0) -> None:
        self._simulated_s = start_s
        self.random = random.Random(seed)  # noqa: S311 - an order of events, not a secret
        self.ending = False
        """The world is over: what is cancelled now tidies up in vain, and must not wait."""
        self._tasks: set[asyncio.Task[Any]] = set()
        super().__init__(_NoFiles(self._pass_time))
        self.set_task_factory(self._make_task)
        # Timers may fire this much early. Seconds since 1970 as a float have steps of 0.24 µs:
        # less than one step, and a timer due now would never be found due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual seconds since 1970."""
        return self._simulated_s

    def now_ms(self) -> int:
        """Virtual UTC milliseconds."""
        return round(self._simulated_s * 1000)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` to its end, then cancel whatever it left behind."""
        try:
            return self.run_until_complete(main)
        finally:
            self.ending = True
            while left := asyncio.all_tasks(self):
                for task in left:
                    task.cancel()
                self.run_until_complete(asyncio.wait(left, timeout=60))
            self.run_until_complete(self.shutdown_asyncgens())

    def _make_task(
        self, _loop: asyncio.AbstractEventLoop, work: Any, **options: Any
    ) -> asyncio.Task[Any]:
        """Tasks are kept: what waits for ever must not be tidied up by the garbage collector."""
        task: asyncio.Task[Any] = asyncio.Task(work, loop=self, **options)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _pass_time(self, timeout_s: float | None) -> None:
        if timeout_s is None or timeout_s > _IDLE_LIMIT_S:
            raise DeadlockError("every task waits, and no timer is set")
        if timeout_s > 0:
            self._simulated_s += timeout_s

    def _run_once(self) -> None:
        # Between two looks at the clock, what is ready is ready at once: any order is right.
        ready = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            order = list(ready)
            self.random.shuffle(order)
            ready.clear()
            ready.extend(order)
        super()._run_once()  # type: ignore[misc]

    def _write_to_self(self) -> None:
        """Nobody sleeps in a system call that would have to be woken."""
