"""What a killed process can still do: nothing, not even tidy up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from orchestrator.clocks import WallClock
from orchestrator.ports import Store
from orchestrator.simulation.loop import SimulatedLoop


class Gate:
    """Stands before everything a process does to the world, and shuts when it is killed.

    A task of a killed process stops at its next step outside and never goes on: unlike
    cancelling it, that runs none of its ``finally``.
    """

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self.alive = True
        self._never: asyncio.Future[None] | None = None
        self._shut: asyncio.Future[None] = loop.create_future()

    def shut(self) -> None:
        """The process is killed."""
        self.alive = False
        if not self._shut.done():
            self._shut.set_result(None)

    async def killed(self) -> None:
        """Return when the process is killed."""
        await asyncio.shield(self._shut)

    async def outlives(self, task: asyncio.Task[Any]) -> bool:
        """Return when the task has ended or the process is killed; whether the process lives."""
        woken = self._loop.create_future()

        def wake(_: asyncio.Future[Any]) -> None:
            if not woken.done():
                woken.set_result(None)

        task.add_done_callback(wake)
        self._shut.add_done_callback(wake)
        try:
            await woken
        finally:
            self._shut.remove_done_callback(wake)
        return self.alive

    async def check(self) -> None:
        """Go on while alive; else wait until the end of the world."""
        if self.alive:
            return
        if self._loop.ending:
            raise asyncio.CancelledError
        if self._never is None:
            self._never = self._loop.create_future()
        await asyncio.shield(self._never)


class Wall:
    """The wall clock of one machine: off by so much, and stepped while its programs run."""

    def __init__(self, loop: SimulatedLoop, off_ms: int = 0) -> None:
        self._loop = loop
        self.off_ms = off_ms

    def now_ns(self) -> int:
        """UTC nanoseconds, as this machine believes."""
        return self._loop.now_ns() + self.off_ms * 1_000_000


class GatedClock(WallClock):
    """Production's clock in one process of a machine; gone when the process is."""

    def __init__(self, loop: SimulatedLoop, gate: Gate, wall: Wall) -> None:
        super().__init__(wall.now_ns, loop.now_ns)
        self._gate = gate

    async def sleep_until(self, at_ms: int) -> None:
        """Return when this process believes that it is ``at_ms``."""
        while (left_ms := at_ms - self.now_ms()) > 0:  # noqa: ASYNC110 - waits for time itself
            await asyncio.sleep(left_ms / 1000)
        await self._gate.check()


def gated_store(store: Store, gate: Gate, on_answer: Callable[[str, Any, Any], Any]) -> Store:
    """A store that nobody can ask any more once its process is killed.

    ``on_answer`` is awaited with the method, its first argument and its answer, before whoever
    asked gets it; only for ``unit`` and ``answer``, which tell what was committed and replayed.
    """
    return cast("Store", _GatedStore(store, gate, on_answer))


class _GatedStore:
    def __init__(self, store: Store, gate: Gate, on_answer: Callable[[str, Any, Any], Any]) -> None:
        self._store = store
        self._gate = gate
        self._on_answer = on_answer

    def __getattr__(self, name: str) -> Any:
        call = self._watched(name) if name in {"unit", "answer"} else self._gated(name)
        # Found once; the next call does not come here.
        self.__dict__[name] = call
        return call

    def _gated(self, name: str) -> Any:
        """A read: nothing is waited for, so nobody is killed between question and answer."""
        method, gate = getattr(self._store, name), self._gate

        async def ask_nobody() -> None:
            await gate.check()

        def call(*args: Any, **options: Any) -> Any:
            return method(*args, **options) if gate.alive else ask_nobody()

        return call

    def _watched(self, name: str) -> Any:
        method, gate, on_answer = getattr(self._store, name), self._gate, self._on_answer

        async def call(*args: Any, **options: Any) -> Any:
            if not gate.alive:
                await gate.check()
            answer = await method(*args, **options)
            if not gate.alive:
                await gate.check()
            await on_answer(name, args[0], answer)
            return answer

        return call
