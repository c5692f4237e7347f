"""When a source is opened, read, left alone and opened again: one table, and its async driver."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from hardware.click import RawFrame
from hardware.source import (
    Source,
    SourceAwayError,
    SourceEndedError,
    SourceError,
)
from hardware.sources import Clock

State = Literal["CLOSED", "OPENING", "READING", "COOLING"]
Input = Literal["start", "opened", "away", "refused", "ended", "wake", "elapsed", "stop"]

# The whole machine. What is not in the table cannot happen, and raises.
_NEXT: Final[dict[tuple[State, Input], State]] = {
    ("CLOSED", "start"): "OPENING",
    ("OPENING", "opened"): "READING",
    ("OPENING", "away"): "COOLING",
    ("OPENING", "refused"): "CLOSED",
    ("READING", "away"): "COOLING",
    ("READING", "refused"): "CLOSED",
    ("READING", "ended"): "CLOSED",
    ("COOLING", "elapsed"): "OPENING",
    ("COOLING", "wake"): "OPENING",
    ("CLOSED", "stop"): "CLOSED",
    ("OPENING", "stop"): "CLOSED",
    ("READING", "stop"): "CLOSED",
    ("COOLING", "stop"): "CLOSED",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to leave a source alone after it failed."""

    first_ms: int = 250
    factor: float = 2.0
    # Five seconds: somebody who plugs the button in again looks at the screen about that long,
    # and a claim window of two minutes still holds many tries.
    cap_ms: int = 5_000
    # A wake that comes at once, again and again, must not become a busy loop.
    floor_ms: int = 50
    # Open that succeeds and breaks right away is the same outage; this long is a new one.
    stable_ms: int = 10_000

    def delay_ms(self, failures: int) -> int:
        """The pause after this many failures in a row, the first being 1."""
        # Growth ends long before 64 steps; without the bound the power would overflow.
        return int(min(self.cap_ms, self.first_ms * self.factor ** min(failures - 1, 64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where a source stands, as shown in logs and in ``watch``."""

    state: State = "CLOSED"
    since_ms: int = 0
    """When this state began (UTC ms)."""
    reason: str = ""
    """Why it is not READING: the sentence of the last error; empty when all is well."""
    failures: int = 0
    """Failures in a row."""
    delay_ms: int = 0
    """In COOLING: the pause before the next try."""
    away_since_ms: int | None = None
    """When the present outage began; None while nothing is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A source went from one state to another."""

    spec: str
    before: State
    now: Situation


def step(
    at: Situation, happened: Input, *, now_ms: int, backoff: Backoff, reason: str = ""
) -> Situation:
    """The situation after something happened. Raises ValueError for what cannot happen."""
    try:
        state = _NEXT[at.state, happened]
    except KeyError:
        raise ValueError(f"{happened!r} cannot happen in {at.state}") from None
    after = replace(at, state=state, since_ms=now_ms, delay_ms=0)
    match happened:
        case "opened":
            return replace(after, reason="", away_since_ms=None)
        case "away":
            lasted = at.state == "READING" and now_ms - at.since_ms >= backoff.stable_ms
            failures = 1 if lasted else at.failures + 1
            since_ms = now_ms if at.away_since_ms is None else at.away_since_ms
            return replace(
                after,
                reason=reason,
                failures=failures,
                delay_ms=backoff.delay_ms(failures),
                away_since_ms=since_ms,
            )
        case "refused":
            return replace(after, reason=reason, failures=at.failures + 1)
        case "ended" | "stop":
            return replace(after, reason=reason, failures=0, away_since_ms=None)
        case _:
            return after


def words(change: StateChange, *, before: Situation) -> tuple[int, str]:
    """Log level and sentence for a change: an outage is said once, and so is its end."""
    now, spec = change.now, change.spec
    match now.state:
        case "COOLING" if before.away_since_ms is None:
            return logging.WARNING, f"{now.reason}; COOLING, trying again until it is back"
        case "COOLING" if before.reason != now.reason:
            return logging.INFO, f"{now.reason}; COOLING for {now.delay_ms} ms"
        case "READING" if before.away_since_ms is not None:
            away_s = (now.since_ms - before.away_since_ms) / 1000
            return logging.INFO, f"{spec}: READING again, was away for {away_s:.1f} s"
        case "READING":
            return logging.INFO, f"{spec}: READING"
        case "CLOSED" if now.reason:
            return logging.ERROR, f"{now.reason}; CLOSED"
        case _:
            return logging.DEBUG, f"{spec}: {change.before} -> {now.state} {now.reason}".rstrip()


@dataclass(slots=True)
class _Waiters:
    """Wakes whoever waits for the next change of state."""

    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    async def wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future

    def wake(self) -> None:
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Supervisor:
    """Keeps one source open and hands out its frames, through every outage.

    ``retry_refused`` treats a refusal as an outage, for commands that wait while somebody mends
    the permission. Without it a refusal ends ``frames`` with that SourceRefusedError.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_state: Callable[[StateChange], None] | None = None,
        retry_refused: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._sleep = sleep
        self._on_state = on_state
        self._retry_refused = retry_refused
        self._backoff = backoff or Backoff()
        self._situation = Situation(since_ms=clock.now_ms())
        self._failure: SourceError | None = None
        self._waiters = _Waiters()

    @property
    def spec(self) -> str:
        """The source's spec string, without secrets."""
        return self._source.spec

    @property
    def situation(self) -> Situation:
        """Where the source stands now."""
        return self._situation

    async def acknowledge(self, frame: RawFrame) -> None:
        """What this frame led to is durable."""
        await self._source.acknowledge(frame)

    async def wait_reading(self, timeout_s: float | None = None) -> None:
        """Return when the source hears; while it does, at once.

        Raises:
            SourceRefusedError: it never will.
            SourceEndedError: it is over.
            SourceAwayError: it did not within ``timeout_s``; the message says why not.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._situation.state != "READING":
                    if self._failure is not None:
                        raise self._failure
                    await self._waiters.wait()
        except TimeoutError:
            reason = self._situation.reason or f"still {self._situation.state}"
            reason = reason.removeprefix(f"{self.spec}: ")
            raise SourceAwayError(self.spec, f"not READING after {timeout_s} s: {reason}") from None

    async def frames(self) -> AsyncIterator[RawFrame]:
        """Every frame heard, opening the source again and again. One consumer at a time.

        Ends when the source ends; raises SourceRefusedError when it will not let us in. Close the
        iterator (or cancel its task) to stop; the source is closed then.
        """
        self._failure = None
        self._move("start")
        try:
            while True:
                error: SourceError | None = None
                try:
                    await self._source.open()
                    self._move("opened")
                    while True:
                        yield await self._source.read()
                except SourceError as failure:
                    error = failure
                except OSError as failure:  # drivers leak these past their own exceptions
                    error = SourceAwayError(self.spec, str(failure) or type(failure).__name__)
                finally:
                    await self._source.close()
                if not await self._try_again(error):
                    return
        finally:
            if self._situation.state != "CLOSED":
                self._move("stop")

    async def _try_again(self, error: SourceError) -> bool:
        """Cool down after an error. False when the source ended; raises when it refused."""
        if isinstance(error, SourceEndedError):
            self._failure = error
            self._move("ended")
            return False
        if isinstance(error, SourceAwayError) or self._retry_refused:
            self._move("away", str(error))
            self._move(await self._cool())
            return True
        self._failure = error
        self._move("refused", str(error))
        raise error

    async def _cool(self) -> Literal["wake", "elapsed"]:
        """Wait for the delay to pass, or for a sign that opening may work now."""
        floor_ms = min(self._backoff.floor_ms, self._situation.delay_ms)
        await self._sleep(floor_ms / 1000)
        async with asyncio.TaskGroup() as group:
            name = f"wake {self.spec}"
            wake = group.create_task(self._source.wait_for_wake(), name=name)
            pause = group.create_task(self._pause(floor_ms), name=f"cooling {self.spec}")
            await asyncio.wait({wake, pause}, return_when=asyncio.FIRST_COMPLETED)
            woken = wake.done()
            wake.cancel()
            pause.cancel()
        return "wake" if woken else "elapsed"

    async def _pause(self, slept_ms: int) -> None:
        await self._sleep((self._situation.delay_ms - slept_ms) / 1000)

    def _move(self, happened: Input, reason: str = "") -> None:
        before = self._situation
        self._situation = step(
            before, happened, now_ms=self._clock.now_ms(), backoff=self._backoff, reason=reason
        )
        change = StateChange(spec=self.spec, before=before.state, now=self._situation)
        level, sentence = words(change, before=before)
        _log.log(level, "%s", sentence)
        if self._on_state is not None:
            self._on_state(change)
        self._waiters.wake()
