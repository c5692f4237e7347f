"""When a chattering contact counts as pressed or released: contact level -> edges."""

PRESS = "press"
RELEASE = "release"

# Ganssle measured 16 switches: mean 1.6 ms of bounce, worst 6.2 ms; switch makers promise 5 ms
# (Omron B3F, Cherry MX). Real presses of mice are as short as 31 ms (1 in 100), real gaps in a
# double click 47 ms (1 in 20). 15 ms is twice the one and half of the other.
SETTLE_MS = 15


class Debouncer:
    """An edge comes out once the level has stayed changed for ``settle_ms``; so both edges are
    late by the same time, and the length of a press is kept.

    Starts with the contact open: a chip that a press woke up sees that press. At any millisecond
    ``advance`` comes first, then ``feed``.
    """

    def __init__(self, settle_ms: int = SETTLE_MS) -> None:
        if settle_ms < 1:
            raise ValueError(f"settle_ms is {settle_ms}; it must be at least 1")
        self._settle_ms = settle_ms
        self._settled = False
        self._level = False
        self._unchanged_ms = 0

    @property
    def closed(self) -> bool:
        """The settled level: closed from the press edge to the release edge."""
        return self._settled

    def feed(self, closed: bool) -> None:
        """The contact has this level from now on. Saying the same level again changes nothing."""
        if closed != self._level:
            self._level = closed
            self._unchanged_ms = 0

    def advance(self, elapsed_ms: int) -> str | None:
        """Time passes at the present level: PRESS or RELEASE when it settles in this time."""
        if self._level == self._settled:
            return None
        self._unchanged_ms += elapsed_ms
        if self._unchanged_ms < self._settle_ms:
            return None
        self._settled = self._level
        return PRESS if self._level else RELEASE

    def idle_for_ms(self) -> int | None:
        """How long nothing can come out unless the level changes; None = for ever."""
        if self._level == self._settled:
            return None
        return self._settle_ms - self._unchanged_ms
