"""A claim service without a port: store, rules, inbox and timers, and who ends before whom."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hardware.source import Source
from hardware.supervisor import StateChange
from orchestrator.claims.access import AccessKeys
from orchestrator.claims.facts import FactHub
from orchestrator.claims.local import LocalClaims
from orchestrator.claims.patience import patiently
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import VirtualClocks, WallClock
from orchestrator.domain.ids import Caller
from orchestrator.faults import FaultTable
from orchestrator.ingest import Ingest
from orchestrator.ports import Clock, Fact, Notifier, Store
from orchestrator.settings import Settings

# Old events and stored answers are looked for this often.
_PURGE_EVERY_MS: Final = 10 * 60_000
# A purge reads whole tables, so one that failed is not tried again at once.
_PURGE_AGAIN_MS: Final = 30_000


class Doorbell:
    """A Notifier that passes facts on, and rings when one of them put a callback in the outbox."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self.ring: Callable[[], None] = _nobody

    def tell(self, fact: Fact) -> None:
        """Pass the fact on; ring for a click that is for a device's owner."""
        self._notifier.tell(fact)
        if fact.kind == "click" and fact.data["disposition"] == "DELIVERED":
            self.ring()


@dataclass(frozen=True, slots=True)
class Service:
    """A running claim service. It hears only what ``listen`` is given and stations send."""

    settings: Settings
    store: Store
    clock: Clock
    claims: ClaimService
    hub: FactHub
    access: AccessKeys
    registry: DeviceRegistry
    ingest: Ingest
    outbox: Doorbell
    faults: FaultTable | None = None
    """What goes wrong on purpose; profile dev alone has it."""

    def api(self, caller: Caller | None = None) -> LocalClaims:
        """The claim API with the rights of ``caller``; without one, of whoever has no key."""
        return LocalClaims(
            self.claims,
            self.hub,
            caller or self.access.anonymous(),
            self.ingest.receive_frames,
        )

    @asynccontextmanager
    async def listening(
        self,
        sources: Sequence[Source],
        *,
        on_state: Callable[[StateChange], None] | None = None,
    ) -> AsyncIterator[None]:
        """Hear these sources; ``ingest.wait_reading`` tells when they all do.

        What stations send is heard throughout, also when the last source has ended.
        """
        work = self.ingest.run(sources, on_state=on_state, stay=True)
        async with beside(work, "ingest"):
            yield


@asynccontextmanager
async def open_service(
    settings: Settings,
    folder: Path | None,
    *,
    clock: Clock | None = None,
    virtual_time: bool = False,
) -> AsyncIterator[Service]:
    """A claim service on a data folder, for itself alone; in memory when ``folder`` is None.

    In virtual time each namespace has a clock of its own that moves when it is told to; whatever
    is not a claim goes by ``clock``.

    Raises StoreError: the folder is in use, unreadable, or not to be written.
    """
    clock = clock or WallClock()
    store = await _open_store(folder)
    try:
        hub = FactHub()
        outbox = Doorbell(hub)
        clocks = await _virtual_clocks(store, clock) if virtual_time else None
        claims = ClaimService(store, clock, settings, outbox, clocks=clocks)
        faults = FaultTable() if settings.profile == "dev" else None
        async with contextlib.AsyncExitStack() as stack:
            if virtual_time:
                await claims.resume_time()
            for work, name in _timers(claims):
                await stack.enter_async_context(beside(work, name))
            yield Service(
                settings=settings,
                store=store,
                clock=clock,
                claims=claims,
                hub=hub,
                access=AccessKeys(store, clock, settings),
                registry=DeviceRegistry(store, clock, settings),
                ingest=Ingest(claims, faults=faults),
                outbox=outbox,
                faults=faults,
            )
    finally:
        await store.close()


def _nobody() -> None:
    """No callbacks are posted: what is in the outbox waits for a service that may."""


async def _open_store(folder: Path | None) -> Store:
    if folder is None:
        from orchestrator.stores.memory import MemoryStore  # noqa: PLC0415 - one of the two

        return MemoryStore()
    from orchestrator.stores.sqlite import SqliteStore  # noqa: PLC0415

    return await SqliteStore.open(folder)


async def _virtual_clocks(store: Store, clock: Clock) -> VirtualClocks:
    from orchestrator.claims.virtual_time import start_ms  # noqa: PLC0415 - few ask for it

    return VirtualClocks(await start_ms(store, clock.now_ms()))


def _timers(claims: ClaimService) -> list[tuple[Coroutine[Any, Any, Any], str]]:
    if claims.clocks is not None:
        return []  # time passes when it is told to, and nothing gets old
    return [
        (claims.run_deadlines(), "deadlines"),
        (_purge(claims), "purge"),
    ]


async def _purge(claims: ClaimService) -> None:
    while True:
        await patiently(
            claims.clock,
            claims.purge,
            "Old events and stored answers stay until this is mended.",
            first_ms=_PURGE_AGAIN_MS,
            cap_ms=_PURGE_EVERY_MS,
        )
        await claims.clock.sleep_until(claims.clock.now_ms() + _PURGE_EVERY_MS)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, Any], name: str) -> AsyncIterator[None]:
    """Run ``work`` beside the body; should it fail, the body is cancelled and its error raised."""
    body = asyncio.current_task()
    task = asyncio.create_task(work, name=name)
    failed = False

    def ended(done: asyncio.Task[Any]) -> None:
        nonlocal failed
        if not done.cancelled() and done.exception() is not None and body is not None:
            failed = True
            body.cancel()

    task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if not failed or body is None or body.uncancel() > 0:
            raise
        task.result()
    finally:
        task.remove_done_callback(ended)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
