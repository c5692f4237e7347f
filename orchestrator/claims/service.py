"""The claim service: every operation in one place, each told in a file of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from orchestrator.claims import (
    claiming,
    codes,
    deadlines,
    devices,
    inbox,
    methods,
    records,
    tags,
    virtual_time,
)
from orchestrator.claims.context import Context
from orchestrator.claims.views import CodeClaimed, DeviceView, EventView, Page
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.events import ClickHeard, DeviceEvent, RepeatRule, UnknownDevice
from orchestrator.domain.ids import Caller
from orchestrator.ports import Clock, Clocks, Initiated, Notifier, Store
from orchestrator.settings import Settings
from orchestrator.units import AttemptQuery


def ordered_ids(clock: Clock) -> Callable[[], str]:
    """Ids of 24 hex digits: the time and 48 random bits.

    In the order of time, they fill the pages of an index one after the other, and a commit
    writes few of them.
    """
    return lambda: f"{clock.now_ms():012x}{secrets.token_hex(6)}"


class ClaimService:
    """Who owns which button, over a store. Refusals are ``domain.errors``.

    Every change is committed when its method returns. The operations' answers are the situation
    table of the docs; ``invocation`` makes sending one again safe for ten minutes. Claims are
    decided by ``clock``, or by their namespace's where ``clocks`` gives each its own.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        notifier: Notifier | None = None,
        *,
        clocks: Clocks | None = None,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.clocks = clocks
        self.settings = settings
        self._context = Context(
            store, clock, settings, notifier, new_id or ordered_ids(clock), clocks
        )
        self._tries = codes.FailedTries()
        self._advancing = asyncio.Lock()

    # --- the claim -----------------------------------------------------------------------------

    async def initiate(
        self, caller: Caller, device_id: str, *, invocation: str | None = None
    ) -> Initiated:
        """InitiateDeviceClaim: open the window."""
        return await claiming.initiate(self._context, caller, device_id, invocation)

    async def finalize(
        self,
        caller: Caller,
        device_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        if_epoch: int | None = None,
        invocation: str | None = None,
    ) -> str:
        """FinalizeDeviceClaim: take the device over; its state, CLAIMED."""
        return await claiming.finalize(self._context, caller, device_id, tags, if_epoch, invocation)

    async def unclaim(
        self,
        caller: Caller,
        device_id: str,
        *,
        if_epoch: int | None = None,
        if_state: str | None = None,
        reason: str = "",
        invocation: str | None = None,
    ) -> str:
        """UnclaimDevice: give it up; its state, UNCLAIMED. ``reason`` goes into the record."""
        return await claiming.unclaim(
            self._context, caller, device_id, if_epoch, if_state, reason, invocation
        )

    async def claim_by_code(
        self, caller: Caller, code: str, *, invocation: str | None = None
    ) -> CodeClaimed:
        """ClaimDevicesByClaimCode: every device of the code at once."""
        return await codes.claim_by_code(self._context, self._tries, caller, code, invocation)

    # --- claimed devices -------------------------------------------------------------------------

    async def describe(self, caller: Caller, device_id: str) -> DeviceView:
        """DescribeDevice."""
        return await devices.describe(self._context, caller, device_id)

    async def list_devices(
        self,
        caller: Caller,
        *,
        device_type: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Page[DeviceView]:
        """ListDevices: the caller's own, in order of device id."""
        return await devices.list_devices(
            self._context, caller, device_type, max_results, next_token
        )

    async def list_events(
        self,
        caller: Caller,
        device_id: str,
        *,
        from_ms: int,
        to_ms: int,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Page[EventView]:
        """ListDeviceEvents: from ``from_ms`` on, before ``to_ms``, oldest first."""
        return await devices.list_events(
            self._context, caller, device_id, from_ms, to_ms, max_results, next_token
        )

    async def update_state(
        self, caller: Caller, device_id: str, *, enabled: bool, invocation: str | None = None
    ) -> None:
        """UpdateDeviceState."""
        await devices.update_state(self._context, caller, device_id, enabled, invocation)

    async def methods(self, caller: Caller, device_id: str) -> tuple[tuple[str, str], ...]:
        """GetDeviceMethods: (device type, method name) pairs in the published order."""
        return await methods.methods(self._context, caller, device_id)

    async def invoke(
        self,
        caller: Caller,
        device_id: str,
        *,
        device_type: str,
        method_name: str,
        parameters: str | None,
        invocation: str | None = None,
    ) -> str:
        """InvokeDeviceMethod: the method's answer, a JSON string."""
        return await methods.invoke(
            self._context, caller, device_id, device_type, method_name, parameters, invocation
        )

    async def tag(
        self,
        caller: Caller,
        arn: str,
        tags_to_add: Mapping[str, str],
        *,
        invocation: str | None = None,
    ) -> None:
        """TagResource."""
        await tags.tag(self._context, caller, arn, tags_to_add, invocation)

    async def untag(
        self, caller: Caller, arn: str, keys: Sequence[str], *, invocation: str | None = None
    ) -> None:
        """UntagResource."""
        await tags.untag(self._context, caller, arn, keys, invocation)

    async def list_tags(self, caller: Caller, arn: str) -> dict[str, str]:
        """ListTagsForResource."""
        return await tags.list_tags(self._context, caller, arn)

    # --- records ---------------------------------------------------------------------------------

    async def attempt(self, caller: Caller, attempt_id: str) -> Attempt | None:
        """One attempt of the caller's account."""
        return await records.attempt(self._context, caller, attempt_id)

    async def attempts(self, caller: Caller, query: AttemptQuery) -> list[Attempt]:
        """Attempts of the caller's account; the query's namespace and account are ignored."""
        return await records.attempts(self._context, caller, query)

    async def records(
        self,
        caller: Caller,
        query: AttemptQuery,
        *,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Page[Attempt]:
        """One page of ``attempts``; the query's limit is ignored, too."""
        return await records.page(self._context, caller, query, max_results, next_token)

    # --- clicks and time -------------------------------------------------------------------------

    async def receive(self, heard: ClickHeard, rule: RepeatRule) -> DeviceEvent:
        """Judge one click; it is on record, with its disposition, when this returns."""
        return await inbox.receive(self._context, heard, rule)

    async def note_unknown(self, unknown: UnknownDevice) -> None:
        """Remember a button that is heard and not registered."""
        await inbox.note_unknown(self._context, unknown)

    async def expire_due(self) -> int:
        """End every attempt whose deadline has come; how many that were."""
        return await deadlines.expire_due(self._context)

    def now_ms(self, namespace: str) -> int:
        """What time it is for the claims of this namespace."""
        return self._context.now_ms(namespace)

    async def advance(self, namespace: str, by_ms: int) -> int:
        """Let time pass in a namespace that has a clock of its own; what the clock says then.

        Whatever became due on the way is committed, each at its time, when this returns.
        """
        async with self._advancing:
            return await virtual_time.advance(self._context, namespace, by_ms)

    async def resume_time(self) -> None:
        """End what is overdue at the start of clocks of one's own. Before anything else."""
        await virtual_time.resume(self._context)

    async def run_deadlines(self) -> NoReturn:
        """End attempts at their deadlines, for ever. One task a service; cancel to stop."""
        await deadlines.run_deadlines(self._context)

    async def purge(self) -> None:
        """Forget old events and stored answers."""
        await deadlines.purge(self._context)
