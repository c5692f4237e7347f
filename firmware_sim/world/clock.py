"""What time it is in a simulated world: it stands still until somebody moves it."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class VirtualClock:
    """Microseconds since the world began, and the UTC that its devices would read.

    ``start_ms`` is that UTC at the beginning. Actions are run in order of their time; those of the
    same microsecond in the order in which they were asked for.
    """

    def __init__(self, start_ms: int = 0) -> None:
        self.now_us = 0
        self._start_ms = start_ms
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._asked = 0

    @property
    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self._start_ms + self.now_us // 1000

    def at(self, when_us: int, action: Callable[[], None]) -> None:
        """Run the action at this time; a time that has passed means as soon as time moves."""
        heapq.heappush(self._waiting, (max(when_us, self.now_us), self._asked, action))
        self._asked += 1

    def advance_us(self, elapsed_us: int) -> None:
        """Let time pass and run what falls due, actions asked for on the way included."""
        if elapsed_us < 0:
            raise ValueError(f"elapsed_us is {elapsed_us}; time does not run backwards")
        end_us = self.now_us + elapsed_us
        while self._waiting and self._waiting[0][0] <= end_us:
            self.now_us, _, action = heapq.heappop(self._waiting)
            action()
        self.now_us = end_us

    def advance_ms(self, elapsed_ms: int) -> None:
        """Let whole milliseconds pass."""
        self.advance_us(elapsed_ms * 1000)

    @property
    def next_us(self) -> int | None:
        """When the next action falls due; None when none waits."""
        return self._waiting[0][0] if self._waiting else None
