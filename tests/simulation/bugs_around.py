"""Bugs of what stands around a claim: clocks, searches, callbacks, other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator import callbacks, discovery
from orchestrator.claims import claiming, codes, inbox
from orchestrator.claims.context import Context, Plan
from orchestrator.clocks import WallClock
from orchestrator.discovery import _Search
from orchestrator.domain import claims
from orchestrator.domain import discovery as rules
from orchestrator.domain.changes import changed
from orchestrator.domain.discovery import Discovery, Found
from orchestrator.ports import ClaimApi
from orchestrator.stores import cache
from orchestrator.units import Committed, PutDelivery
from tests.simulation.planting import Patch, bug, changing

# --- time ----------------------------------------------------------------------------------------


@bug("the clock goes by the wall clock, also when somebody sets it")
def clock_follows_the_wall() -> list[Patch]:
    begin = WallClock.__init__

    def keeping_the_wall(self: Any, wall_ns: Any, monotonic_ns: Any) -> None:
        begin(self, wall_ns, monotonic_ns)
        self._wall_ns = wall_ns

    return [
        (WallClock, "__init__", keeping_the_wall),
        (WallClock, "now_ms", lambda self: self._wall_ns() // 1_000_000),
    ]


# --- who cannot wait -----------------------------------------------------------------------------


@bug("a claim can be finalized before its button was pressed")
def finalize_without_press() -> list[Patch]:
    return [(claims.TABLE, ("WAITING", "finalize", "owner"), "CLAIMED")]


@bug("an account may initiate a device in vain as often as it likes")
def vain_initiates_not_counted() -> list[Patch]:
    return [(claims, "count_initiate", lambda *_, **__: {})]


# --- a button whose id nobody knows --------------------------------------------------------------


@bug("a search does not mind that other buttons were pressed, before or between")
def overlap_ignored() -> list[Patch]:
    def hear(state: Discovery, device_id: str, now_ms: int) -> tuple[Discovery, Found]:
        candidate = state.candidate or device_id
        found = Found("named" if state.candidate is None else "again", device_id)
        return Discovery(candidate=candidate, heard=((device_id, now_ms),)), found

    return [(discovery, "hear", hear)]


@bug("a search forgets after 12 seconds, not 120, who else was pressed")
def overlap_forgotten_early() -> list[Patch]:
    return [(rules, "QUIET_MS", 12_000)]


@bug("an overlap is told, and the claim that had begun goes on")
def overlap_cancels_nothing() -> list[Patch]:
    cancel = _Search._cancel

    async def only_at_the_end(self: _Search, reason: str = "") -> None:
        if not reason.startswith("overlap"):
            await cancel(self, reason)

    return [(_Search, "_cancel", only_at_the_end)]


@bug("the click that names a button claims it as well")
def one_click_claims() -> list[Patch]:
    async def at_once(api: ClaimApi, device_id: str, *, claim_id: str, **_: Any) -> Any:
        opened = await api.initiate(device_id, invocation=claim_id)
        await api.finalize(device_id, tags=None, if_epoch=opened.epoch, invocation=claim_id)
        return await api.attempt(opened.attempt_id)

    return [
        (discovery, "claim_device", at_once),
        (claims.TABLE, ("WAITING", "finalize", "owner"), "CLAIMED"),
    ]


# --- who is told of clicks -----------------------------------------------------------------------


def _deliveries_apart(order: Callable[[list[Any], list[Any]], list[list[Any]]]) -> list[Patch]:
    """A click and the callbacks that it calls for, in two units."""

    async def commit(self: Context, plan: Plan[Any]) -> Any:
        calls = [one for one in plan.ops if isinstance(one, PutDelivery)]
        if not calls:
            return await self.store.unit(plan.ops)
        rest = [one for one in plan.ops if one not in calls]
        first, second = order(rest, calls)
        outcome = await self.store.unit(first)
        return await self.store.unit(second) if isinstance(outcome, Committed) else outcome

    return changing(commit)


@bug("a callback is put into the outbox after its click, not with it")
def callback_after_its_click() -> list[Patch]:
    return _deliveries_apart(lambda rest, calls: [rest, calls])


@bug("a callback is put into the outbox before its click is committed")
def callback_before_its_click() -> list[Patch]:
    return _deliveries_apart(lambda rest, calls: [calls, rest])


@bug("a callback that its receiver did not take is given up")
def callback_tried_once() -> list[Patch]:
    return [(callbacks, "MOST_TRIES", 1)]


@bug("callbacks are called while their device is disabled")
def callback_while_disabled() -> list[Patch]:
    deliveries = inbox.callback_deliveries

    def enabled(context: Any, before: Any, after: Any, event: Any) -> Any:
        return deliveries(context, before, changed(after, enabled=True), event)

    return [(inbox, "callback_deliveries", enabled)]


@bug("a device keeps the callbacks of those who had it before")
def callbacks_outlive_their_owner() -> list[Patch]:
    def keeping(row: Any, **news: Any) -> Any:
        kept = {"callbacks", "enabled"} if "callbacks" in news else set()
        return changed(row, **{name: new for name, new in news.items() if name not in kept})

    return [(module, "changed", keeping) for module in (claiming, codes)]


# --- other processes on the same files -----------------------------------------------------------


@bug("rows that another process has changed go on being read from the cache")
def other_processes_unnoticed() -> list[Patch]:
    return [(cache, "_data_version", lambda _connection: 1)]
