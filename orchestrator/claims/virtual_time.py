"""Time that passes when it is told to: what ends on the way, and that it never goes back."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Final

from orchestrator.claims.context import Context
from orchestrator.claims.deadlines import DUE_AT_ONCE, expire
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.ports import Clocks, Store
from orchestrator.units import AttemptQuery, PutMeta

# Times stay far from the year 9999, where texts of times end.
END_MS: Final = 7_258_118_400_000
"""2200-01-01T00:00:00Z."""

_LATEST: Final = "virtual-clock-ms"
# More claims than these are not open at once in a test.
_MOST_OPEN: Final = 100_000


async def start_ms(store: Store, now_ms: int) -> int:
    """When virtual time begins on this store: now, or the latest that was ever reached on it."""
    reached = await store.meta(_LATEST)
    return max(now_ms, int(reached or 0))


async def resume(context: Context) -> None:
    """End every attempt that is overdue when virtual time begins."""
    begun_ms = _clocks(context).latest_ms
    while due := await context.store.due_attempts(begun_ms, DUE_AT_ONCE):
        await asyncio.gather(*(expire(context, one) for one in due))


async def advance(context: Context, namespace: str, by_ms: int) -> int:
    """Move a namespace's clock, stopping at each deadline, so that what ends there ends then.

    One call at a time."""
    clocks = _clocks(context)
    until_ms = context.now_ms(namespace) + by_ms
    if until_ms >= END_MS:
        raise InvalidRequestError(
            f"{by_ms} ms more would lead beyond the year 2199, where virtual time ends."
        )
    while due := await _due(context, namespace, until_ms):
        for at_ms, ending in groupby(due, key=_deadline_ms):
            clocks.move(namespace, max(0, at_ms - context.now_ms(namespace)))
            await asyncio.gather(*(expire(context, one) for one in ending))
    now_ms = clocks.move(namespace, until_ms - context.now_ms(namespace))
    await context.store.unit([PutMeta(_LATEST, str(clocks.latest_ms))])
    return now_ms


async def _due(context: Context, namespace: str, until_ms: int) -> list[Attempt]:
    """Open attempts that end by then, earliest deadline first."""
    query = AttemptQuery(namespace=namespace, open_only=True, limit=_MOST_OPEN)
    found = await context.store.attempts(query)
    return sorted((one for one in found if one.deadline_ms <= until_ms), key=_deadline_ms)


def _deadline_ms(attempt: Attempt) -> int:
    return attempt.deadline_ms


def _clocks(context: Context) -> Clocks:
    if context.clocks is None:
        raise InvalidRequestError("This service goes by real time.")
    return context.clocks
