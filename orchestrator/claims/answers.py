"""Retries are safe: a request sent again gets the answer that was stored with the change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from orchestrator.claims.context import Context, Plan
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
    asked = invocation

    async def decide_once() -> Plan[T]:
        now_ms = context.now_ms(caller.namespace)
        kept = await context.store.answer(caller.access_key, operation, asked)
        if kept is not None and now_ms - kept.answered_ms < ANSWERS_KEPT_MS:
            return Plan(msgspec.json.decode(kept.body, type=answer_type))
        plan = await decide()
        answer = StoredAnswer(
            access_key=caller.access_key,
            operation=operation,
            invocation=asked,
            answered_ms=now_ms,
            body=msgspec.json.encode(plan.answer),
        )
        ops: list[Op] = [*plan.ops, AddAnswer(answer)]
        if kept is not None:
            ops.insert(0, Purge(events_before_ms=0, answers_before_ms=now_ms - ANSWERS_KEPT_MS + 1))
        return Plan(plan.answer, ops, plan.facts)

    return await context.change(decide_once)
