"""What every operation works with, and the loop in which it decides, commits, and tells."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from orchestrator.domain.attempts import Attempt, ended
from orchestrator.domain.claims import Ending
from orchestrator.domain.errors import ClickclaimError
from orchestrator.ports import Clock, Clocks, Fact, Notifier, Store
from orchestrator.settings import Settings
from orchestrator.units import Committed, Op, SwapAttempt

T = TypeVar("T")

# Each lost race means that somebody else's unit went through, so progress is certain; this many
# in a row on one device is a fault, not traffic.
MOST_TRIES: Final = 100


class ContentionError(ClickclaimError):
    """A unit lost the race for its device again and again."""


class MovedError(Exception):
    """Rows read one after the other do not fit together: a commit came between. Read again."""


@dataclass(frozen=True, slots=True)
class Plan(Generic[T]):
    """What one operation decided: what to store, what to answer, what to tell after."""

    answer: T
    ops: Sequence[Op] = ()
    facts: Sequence[Fact] = ()


@dataclass(slots=True)
class Context:
    """A store, a clock, settings, and somebody to tell."""

    store: Store
    clock: Clock
    settings: Settings
    notifier: Notifier | None
    new_id: Callable[[], str]
    clocks: Clocks | None = None
    """Each namespace's own clock; None when all go by ``clock``."""
    deadline_moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an attempt's deadline came to lie before the one that is waited for."""
    awaited_deadline_ms: int | None = None

    def now_ms(self, namespace: str) -> int:
        """What time it is for the claims of this namespace."""
        if self.clocks is None:
            return self.clock.now_ms()
        return self.clocks.clock_for(namespace).now_ms()

    async def change(self, decide: Callable[[], Awaitable[Plan[T]]]) -> T:
        """Decide, commit, tell, answer; when the device has moved on meanwhile, decide anew.

        ``decide`` reads committed rows, may raise a refusal, and has no effect of its own.
        """
        for _ in range(MOST_TRIES):
            try:
                plan = await decide()
            except MovedError:
                # The commit that came between is on its way to our reads.
                await asyncio.sleep(0)
                continue
            if plan.ops and not isinstance(await self.store.unit(plan.ops), Committed):
                continue
            for fact in plan.facts:
                self.tell(fact)
            return plan.answer
        raise ContentionError(
            f"gave up after {MOST_TRIES} lost races; is another process writing without pause?"
        )

    def tell(self, fact: Fact) -> None:
        """Pass a committed fact on, and let the timer know of a new deadline."""
        if fact.kind == "claim-initiated":
            self._note_deadline(fact.data["deadlineMs"])
        if self.notifier is not None:
            self.notifier.tell(fact)

    async def end_attempts(
        self, endings: Sequence[Ending], now_ms: int
    ) -> list[tuple[SwapAttempt, Fact]]:
        """What it takes to end these attempts, and the facts to tell after."""
        return [
            self.end_attempt(await self.open_attempt(one.attempt_id), one, now_ms)
            for one in endings
        ]

    @staticmethod
    def end_attempt(before: Attempt, ending: Ending, now_ms: int) -> tuple[SwapAttempt, Fact]:
        """What it takes to end this attempt, and the fact to tell after."""
        after = ended(before, ending.outcome, ending.reason, now_ms)
        return SwapAttempt(before, after), attempt_ended(after)

    async def open_attempt(self, attempt_id: str) -> Attempt:
        """An attempt that the device row says is open."""
        attempt = await self.store.attempt(attempt_id)
        if attempt is None or attempt.outcome is not None:
            raise MovedError
        return attempt

    def _note_deadline(self, deadline_ms: int) -> None:
        # Only after the commit: the timer reads the store when it wakes.
        if self.awaited_deadline_ms is None or deadline_ms < self.awaited_deadline_ms:
            self.deadline_moved.set()


def attempt_ended(attempt: Attempt) -> Fact:
    """The fact that an attempt has its outcome."""
    return Fact(
        kind="attempt-ended",
        at_ms=attempt.ended_ms or 0,
        namespace=attempt.namespace,
        device_id=attempt.device_id,
        account=attempt.account,
        attempt_id=attempt.attempt_id,
        data={"outcome": attempt.outcome, "reason": attempt.reason, "epoch": attempt.epoch},
    )
