"""How the world of buttons keeps the time of the world of services: one clock on the loop's."""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim.world.clock import VirtualClock
from orchestrator.simulation.loop import SimulatedLoop


class LoopClock(VirtualClock):
    """A virtual clock that the loop moves: an action asked for is run when the loop is there."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._start_s = loop.time()
        super().__init__(start_ms=loop.now_ms())

    def at(self, when_us: int, action: Callable[[], None]) -> None:
        """As ``VirtualClock.at``."""
        super().at(when_us, action)
        self._loop.call_at(self._start_s + when_us / 1e6, self._reach, when_us)

    def catch_up(self) -> None:
        """Move to the loop's time; call it before something happens by itself."""
        self._reach(round((self._loop.time() - self._start_s) * 1e6))

    def _reach(self, when_us: int) -> None:
        """Be there, not nearly: the loop's seconds are a float, and its timers may be early."""
        self.advance_us(max(0, when_us - self.now_us))
