"""Attempts end at their deadline by themselves: one timer on the earliest, also after a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, NoReturn

from orchestrator.claims.answers import ANSWERS_KEPT_MS
from orchestrator.claims.context import Context, MovedError, Plan
from orchestrator.claims.patience import patiently
from orchestrator.domain import claims
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import Device
from orchestrator.units import Purge, SwapDevice

DUE_AT_ONCE: Final = 500
DAY_MS: Final = 24 * 3600 * 1000

_MEANWHILE: Final = "Claims whose time is up stay open until this is mended."


async def expire_due(context: Context) -> int:
    """End every attempt whose deadline has come; how many that were."""
    ended = 0
    while due := await context.store.due_attempts(context.clock.now_ms(), DUE_AT_ONCE):
        done = await asyncio.gather(*(expire(context, attempt) for attempt in due))
        ended += sum(done)
    return ended


async def run_deadlines(context: Context) -> NoReturn:
    """Sleep until the earliest deadline, end what is due, for ever. Cancel to stop."""
    while True:
        context.deadline_moved.clear()
        context.awaited_deadline_ms = await patiently(
            context.clock, context.store.earliest_deadline_ms, _MEANWHILE
        )
        if context.awaited_deadline_ms is None:
            await context.deadline_moved.wait()
            continue
        if context.awaited_deadline_ms > context.clock.now_ms():
            await _first(context, context.awaited_deadline_ms)
        if context.awaited_deadline_ms <= context.clock.now_ms():
            await patiently(context.clock, lambda: expire_due(context), _MEANWHILE)


async def purge(context: Context) -> None:
    """Forget events and stored answers that are older than they are kept."""
    now_ms = context.clock.now_ms()
    await context.store.unit(
        [
            Purge(
                events_before_ms=now_ms - context.settings.events_kept_days * DAY_MS,
                answers_before_ms=now_ms - ANSWERS_KEPT_MS,
            )
        ]
    )


async def _first(context: Context, deadline_ms: int) -> None:
    """Wait for the deadline, or for a deadline that lies before it."""
    timer = asyncio.ensure_future(context.clock.sleep_until(deadline_ms))
    moved = asyncio.ensure_future(context.deadline_moved.wait())
    try:
        await asyncio.wait((timer, moved), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (timer, moved):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def expire(context: Context, due: Attempt) -> bool:
    """End one attempt, unless something else ended it or gave it more time meanwhile."""

    async def decide() -> Plan[bool]:
        now_ms = context.now_ms(due.namespace)
        attempt = await context.store.attempt(due.attempt_id)
        if attempt is None or attempt.outcome is not None or now_ms < attempt.deadline_ms:
            return Plan(False)
        device = await context.store.device(due.namespace, due.device_id)
        if device is None:
            ending = claims.Ending(
                attempt_id=due.attempt_id, outcome="FAILED", reason="device no longer registered"
            )
            swap, fact = context.end_attempt(attempt, ending, now_ms)
            return Plan(True, [swap], [fact])
        if device.claim.attempt_id != attempt.attempt_id:
            raise MovedError
        after, endings = timed_out(device, now_ms)
        if not endings:
            raise MovedError
        swap, fact = context.end_attempt(attempt, endings[0], now_ms)
        return Plan(True, [SwapDevice(device, after), swap], [fact])

    return await context.change(decide)


def timed_out(device: Device, now_ms: int) -> tuple[Device, Sequence[claims.Ending]]:
    """The device after its claim's deadline, and the attempt that ends by it; if it has come."""
    step = claims.expire(device.claim, now_ms)
    if not step.endings:
        return device, ()
    deadline_ms = device.claim.deadline_ms
    return changed(device, claim=step.claim, last_attempt_deadline_ms=deadline_ms), step.endings
