"""When the contact changed: levels with their times, noted by the pin's interrupt."""

from time import ticks_add, ticks_diff, ticks_ms

# A chattering contact interrupts some tens of times. What does not fit here is no loss: every
# look at the pin ends with its present level, and chatter is what the core takes out anyway.
MAX_NOTED = 64

# A press that began before this program did has no known length once it is over. It counts as an
# ordinary one, however slowly the chip started: below the 1.5 s that would make it LONG.
MAX_UNSEEN_PRESS_MS = 1000


class Contact:
    """A contact between a pin with a pull-up and ground.

    The interrupt keeps the times right while the program waits for a network. ``woken_after_ms``
    is the time since a press started this chip, None when something else did.
    """

    def __init__(self, pin: "Pin", woken_after_ms: int | None = None) -> None:
        self.pin = pin
        self._noted = []
        now_ms = ticks_ms()
        self._last_ms = now_ms
        if woken_after_ms is not None:
            self._last_ms = ticks_add(now_ms, -min(woken_after_ms, MAX_UNSEEN_PRESS_MS))
            self._noted.append((self._last_ms, True))
            self._noted.append((now_ms, self.closed()))
        pin.irq(handler=self._note, trigger=pin.IRQ_FALLING | pin.IRQ_RISING)

    def closed(self) -> bool:
        """The level now."""
        return self.pin.value() == 0

    def take(self) -> "list[tuple[int, bool]]":
        """(milliseconds since the one before, level) of each change; the present level is last."""
        # An interrupt between these two lines lands in one list or the other, never in none.
        noted, self._noted = self._noted, []
        noted.append((ticks_ms(), self.closed()))
        steps = []
        for at_ms, closed in noted:
            elapsed_ms = ticks_diff(at_ms, self._last_ms)
            if elapsed_ms > 0:
                self._last_ms = at_ms
            steps.append((max(0, elapsed_ms), closed))
        return steps

    def _note(self, pin: "Pin") -> None:
        if len(self._noted) < MAX_NOTED:
            self._noted.append((ticks_ms(), pin.value() == 0))
