"""The wall's clock, which no clock step can stretch; virtual ones that are told, one or many."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Final

# asyncio's timers may fire up to this much early; sleeping on avoids a busy loop at the deadline.
_TIMER_SLACK_S: Final = 0.001


class WallClock:
    """UTC at start plus monotonic time since; both are the machine's unless others are given."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._start_ms = wall_ns() // 1_000_000
        self._start_ns = monotonic_ns()

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self._start_ms + (self._monotonic_ns() - self._start_ns) // 1_000_000

    async def sleep_until(self, at_ms: int) -> None:
        """Return when ``now_ms()`` is at least ``at_ms``."""
        while (left_ms := at_ms - self.now_ms()) > 0:  # noqa: ASYNC110 - waits for time itself
            await asyncio.sleep(left_ms / 1000 + _TIMER_SLACK_S)


class VirtualClock:
    """A clock that moves only when told; sleepers wake in the order of their times."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """UTC milliseconds, as told."""
        return self._now_ms

    async def sleep_until(self, at_ms: int) -> None:
        """Return when the clock was moved to ``at_ms`` or beyond."""
        if at_ms <= self._now_ms:
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at_ms, next(self._order), woken))
        await woken

    @property
    def next_wake_ms(self) -> int | None:
        """When the earliest sleeper wants to wake; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def move(self, by_ms: int) -> None:
        """Let time pass at once; everybody whose time has come is woken."""
        _check_ms(by_ms)
        self._now_ms += by_ms
        while (wake_ms := self.next_wake_ms) is not None and wake_ms <= self._now_ms:
            _, _, woken = heapq.heappop(self._sleepers)
            with contextlib.suppress(asyncio.InvalidStateError, RuntimeError):
                woken.set_result(None)

    async def advance(self, by_ms: int) -> None:
        """Let time pass, stopping at each sleeper's time so that it acts before the next one."""
        _check_ms(by_ms)
        await _settle()  # what was just begun has not come to its first wait yet
        until_ms = self._now_ms + by_ms
        while (wake_ms := self.next_wake_ms) is not None and wake_ms <= until_ms:
            self.move(max(0, wake_ms - self._now_ms))
            await _settle()
        self.move(until_ms - self._now_ms)
        await _settle()


class VirtualClocks:
    """A virtual clock for each namespace, all beginning at the same moment."""

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        # Those that were never moved share one: a namespace nobody plays with costs nothing.
        self._unmoved = VirtualClock(start_ms)
        self._moved: dict[str, VirtualClock] = {}

    def clock_for(self, namespace: str) -> VirtualClock:
        """The clock of this namespace."""
        return self._moved.get(namespace, self._unmoved)

    def move(self, namespace: str, by_ms: int) -> int:
        """Let time pass in this namespace and in no other; what its clock says then."""
        clock = self._moved.setdefault(namespace, VirtualClock(self._start_ms))
        clock.move(by_ms)
        return clock.now_ms()

    @property
    def latest_ms(self) -> int:
        """What the clock that is furthest ahead says."""
        return max((one.now_ms() for one in self._moved.values()), default=self._start_ms)


def _check_ms(by_ms: int) -> None:
    if type(by_ms) is not int:
        raise TypeError(f"time passes by whole milliseconds, not by {by_ms!r}")
    if by_ms < 0:
        raise ValueError(f"time does not go back, and {by_ms} ms would")


async def _settle() -> None:
    """Let tasks that were woken run until they wait again."""
    # A handful of turns: woken, read, commit, tell. Stores with a thread of their own need a
    # real wait instead; virtual time is for stores that commit inline.
    for _ in range(20):
        await asyncio.sleep(0)
