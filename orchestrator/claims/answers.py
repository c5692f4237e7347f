"""Retries are safe: a request sent again gets the answer that was stored with the change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import msgspec

from orchestrator.claims.context import Context, Plan
from orchestrator.domain.errors import RefusedError
from orchestrator.domain.ids import Caller
from orchestrator.units import AddAnswer, Op, Purge, StoredAnswer

T = TypeVar("T")

# SDKs give up re-sending after seconds; a flow that was killed comes back within minutes.
ANSWERS_KEPT_MS: Final = 10 * 60_000


async def answer_once(
    context: Context,
    caller: Caller,
    operation: str,
    invocation: str | None,
    answer_type: type[T],
    decide: Callable[[], Awaitable[Plan[T]]],
) -> T:
    """Do ``decide``'s change once for this caller, operation and invocation.

    ``operation`` names the resource as well, so that an id used twice for two things is two
    requests. Only changes that were made are kept; a refusal may be asked for again.
    """
    if invocation is None:
        return await context.change(decide)
    kept = _Kept(context, caller, operation, invocation, answer_type)
    first = True

    async def decide_once() -> Plan[T]:
        nonlocal first
        now_ms = context.now_ms(caller.namespace)
        # Hardly any request is one sent again: the first try asks nobody. If it was answered
        # before, its AddAnswer conflicts, or the change it made stands in its way.
        looks, first = not first, False
        if looks and (answered := await kept.read(now_ms)) is not None:
            return answered
        try:
            plan = await decide()
        except RefusedError:
            if not looks and (answered := await kept.read(now_ms)) is not None:
                return answered
            raise
        return Plan(plan.answer, [*kept.ops(plan.answer, now_ms), *plan.ops], plan.facts)

    return await context.change(decide_once)


class _Kept(Generic[T]):
    """The answer that is kept for one request, if there is one."""

    def __init__(
        self,
        context: Context,
        caller: Caller,
        operation: str,
        invocation: str,
        answer_type: type[T],
    ) -> None:
        self._store = context.store
        self._key = (caller.access_key, operation, invocation)
        self._answer_type = answer_type
        self._old = False

    async def read(self, now_ms: int) -> Plan[T] | None:
        """A plan that only answers; None when there is no answer, or one that is too old."""
        found = await self._store.answer(*self._key)
        self._old = found is not None and now_ms - found.answered_ms >= ANSWERS_KEPT_MS
        if found is None or self._old:
            return None
        return Plan(msgspec.json.decode(found.body, type=self._answer_type))

    def ops(self, answer: T, now_ms: int) -> list[Op]:
        """What keeps this answer. First in the unit: it is the compare that fails most."""
        access_key, operation, invocation = self._key
        stored = StoredAnswer(
            access_key=access_key,
            operation=operation,
            invocation=invocation,
            answered_ms=now_ms,
            body=msgspec.json.encode(answer),
        )
        if not self._old:
            return [AddAnswer(stored)]
        before_ms = now_ms - ANSWERS_KEPT_MS + 1
        return [Purge(events_before_ms=0, answers_before_ms=before_ms), AddAnswer(stored)]
