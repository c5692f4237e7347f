"""Work in order for each key, keys side by side, and at most so much of it at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """Runs ``work`` for each item. ``work`` must not raise."""

    def __init__(self, work: Callable[[T], Awaitable[None]], *, limit: int) -> None:
        self._work = work
        self._free = asyncio.Semaphore(limit)
        self._waiting: dict[Hashable, deque[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, key: Hashable, item: T) -> None:
        """Take an item; waits while there are too many at once."""
        await self._free.acquire()
        lane = self._waiting.get(key)
        if lane is not None:
            lane.append(item)
            return
        self._waiting[key] = deque((item,))
        task = asyncio.create_task(self._run(key), name=f"frames of {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel what is under way and forget what waits."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, key: Hashable) -> None:
        lane = self._waiting[key]
        try:
            while lane:
                try:
                    await self._work(lane[0])
                finally:
                    lane.popleft()
                    self._free.release()
        finally:
            del self._waiting[key]
            for _ in lane:
                self._free.release()
