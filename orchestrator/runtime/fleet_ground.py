"""Where a fleet's clicks should arrive, and how to look: a data folder, a service, or nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_sim.world.fleet import FleetPlan
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import Device
from orchestrator.domain.errors import StoreInUseError
from orchestrator.ports import ClaimApi, Store
from orchestrator.remote import RemoteClaims
from orchestrator.runtime.fleet_verdict import Tally
from orchestrator.settings import for_profile
from orchestrator.units import AttemptQuery, EventQuery

# Rows of one look, and devices of one commit.
_PAGE: Final = 2_000
_READING_WITHIN_S: Final = 10.0


@dataclass(slots=True, kw_only=True)
class Ground:
    """What can be looked at, and who can be asked."""

    store: Store | None = None
    registry: DeviceRegistry | None = None
    api: ClaimApi | None = None
    own_service: bool = False
    """This process itself serves the data folder."""
    _after_seq: int = 0

    async def register(self, plan: FleetPlan) -> None:
        """Let the service know the fleet's devices, and count events from here on."""
        if self.store is None or self.registry is None:
            return
        for first in range(0, plan.devices, _PAGE):
            last = min(plan.devices, first + _PAGE)
            ids = [plan.device_id(index) for index in range(first, last)]
            await self.registry.add(plan.namespace, ids)
        newest = EventQuery(namespace=plan.namespace, newest_first=True, limit=1)
        self._after_seq = max((one.seq for one in await self.store.events(newest)), default=0)

    async def read_events(self, plan: FleetPlan, tally: Tally) -> None:
        """Take in the events that were committed since the last look."""
        assert self.store is not None
        while True:
            query = EventQuery(namespace=plan.namespace, after_seq=self._after_seq, limit=_PAGE)
            page = await self.store.events(query)
            for event in page:
                tally.add(event)
            if not page:
                return
            self._after_seq = page[-1].seq

    async def devices(self, plan: FleetPlan) -> dict[str, Device]:
        """The fleet's devices as they stand."""
        assert self.store is not None
        found: dict[str, Device] = {}
        after = ""
        while page := await self.store.devices(plan.namespace, after=after, limit=_PAGE):
            found |= {
                one.device_id: one for one in page if plan.index_of(one.device_id) is not None
            }
            after = page[-1].device_id
        return found

    async def attempts(self, plan: FleetPlan, since_ms: int) -> list[Attempt]:
        """The fleet's attempts that began since then."""
        found: list[Attempt] = []
        before: tuple[int, str] | None = None
        while True:
            if self.store is not None:
                query = AttemptQuery(namespace=plan.namespace, before=before, limit=_PAGE)
                page = await self.store.attempts(query)
            else:
                assert self.api is not None
                page = await self.api.attempts(AttemptQuery(before=before, limit=_PAGE))
            found += [
                one
                for one in page
                if one.opened_ms >= since_ms and plan.index_of(one.device_id) is not None
            ]
            if len(page) < _PAGE or page[-1].opened_ms < since_ms:
                return found
            before = (page[-1].opened_ms, page[-1].attempt_id)


@asynccontextmanager
async def open_ground(
    *, url: str, data: Path | None, service: str | None, access_key: str | None
) -> AsyncIterator[Ground]:
    """Open what was named.

    A data folder on which a service runs is read beside it; on one that nobody serves, a service
    of this process's own listens to the broker at ``url``. Raises StoreError, SourceError,
    ServiceUrlError.
    """
    async with AsyncExitStack() as stack:
        ground = Ground()
        if service is not None:
            from orchestrator.runtime.reach import reach  # noqa: PLC0415

            reached = await stack.enter_async_context(
                reach(service, access_key=access_key, data=data or Path())
            )
            ground.api = reached.api
        if data is not None:
            await _open_folder(stack, ground, data, url, serve=service is None)
        yield ground


async def _open_folder(
    stack: AsyncExitStack, ground: Ground, data: Path, url: str, *, serve: bool
) -> None:
    if serve:
        from orchestrator.runtime.service import open_service  # noqa: PLC0415

        try:
            opened = await stack.enter_async_context(open_service(for_profile("dev"), data))
        except StoreInUseError:
            pass  # somebody serves it: read beside them
        else:
            source = await opened.ingest.open(url)
            await stack.enter_async_context(opened.listening([source]))
            await opened.ingest.wait_reading(_READING_WITHIN_S)
            ground.store, ground.registry = opened.store, opened.registry
            ground.api, ground.own_service = opened.api(), True
            return
    from orchestrator.runtime.folder import open_desk  # noqa: PLC0415

    desk = await stack.enter_async_context(open_desk(data, create=serve))
    ground.store, ground.registry = desk.store, desk.registry


def as_remote(api: ClaimApi | None) -> RemoteClaims | None:
    """The API when it is one over HTTP."""
    return api if isinstance(api, RemoteClaims) else None
