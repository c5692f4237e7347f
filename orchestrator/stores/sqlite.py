"""The store in one SQLite file: durable when it answers, safe beside other processes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import ClaimState, Device
from orchestrator.domain.errors import StoreError
from orchestrator.domain.events import DeviceEvent, UnknownDevice
from orchestrator.stores.cache import RowCache
from orchestrator.stores.checks import check_unit
from orchestrator.stores.faults import store_error
from orchestrator.stores.files import Database, open_database
from orchestrator.stores.groups import GroupCommit
from orchestrator.stores.reads import Reads
from orchestrator.units import (
    AccessKey,
    AttemptQuery,
    ClaimCode,
    Committed,
    Conflict,
    Delivery,
    EventQuery,
    Op,
    StoredAnswer,
    StoredKey,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")
_CLOSED: Final = "The store is closed. Open the data folder again."


class SqliteStore:
    """A ``Store`` over a data folder. Made by ``open``; used from one event loop."""

    def __init__(self, database: Database, executor: Executor, *, owns_executor: bool) -> None:
        self._database: Database | None = database
        self._executor = executor
        self._owns_executor = owns_executor
        self._path = database.path
        cache = RowCache(database)
        self._groups = GroupCommit(database, cache, executor)
        self._reads = Reads(database.read, cache)

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        exclusive: bool = True,
        create: bool = True,
        executor: Executor | None = None,
    ) -> SqliteStore:
        """Open the folder's database, migrated to today's schema.

        ``exclusive`` is for the service: StoreInUseError when another has the folder. Commands
        that change a row or two beside a running service open with ``exclusive=False``.
        ``create=False`` raises StoreError where there is no database yet. The executor, one
        thread of our own unless one is handed in, opens, commits and closes.
        """
        owns_executor = executor is None
        if executor is None:
            executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        opening = executor.submit(
            partial(open_database, folder, exclusive=exclusive, create=create)
        )
        try:
            database = opening.result() if opening.done() else await asyncio.wrap_future(opening)
        except BaseException:
            if owns_executor:
                executor.shutdown(wait=False)
            raise
        return cls(database, executor, owns_executor=owns_executor)

    @property
    def database(self) -> Database | None:
        """The open database, for a simulation that fills its disk; None when closed."""
        return self._database

    async def unit(self, ops: Sequence[Op]) -> Committed | Conflict:
        """As ``Store.unit``."""
        if self._database is None:
            raise StoreError(_CLOSED)
        check_unit(ops)
        return await self._groups.submit(ops)

    async def device(self, namespace: str, device_id: str) -> Device | None:
        """As ``Store.device``."""
        return self._read(self._reads.device, namespace, device_id)

    async def devices(
        self,
        namespace: str,
        *,
        owner: str | None = None,
        state: ClaimState | None = None,
        kind: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Device]:
        """As ``Store.devices``."""
        return self._read(
            self._reads.devices,
            namespace,
            owner=owner,
            state=state,
            kind=kind,
            after=after,
            limit=limit,
        )

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """As ``Store.attempt``."""
        return self._read(self._reads.attempt, attempt_id)

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """As ``Store.attempts``."""
        return self._read(self._reads.attempts, query)

    async def due_attempts(self, now_ms: int, limit: int) -> list[Attempt]:
        """As ``Store.due_attempts``."""
        return self._read(self._reads.due_attempts, now_ms, limit)

    async def earliest_deadline_ms(self) -> int | None:
        """As ``Store.earliest_deadline_ms``."""
        return self._read(self._reads.earliest_deadline_ms)

    async def event(self, event_id: str) -> DeviceEvent | None:
        """As ``Store.event``."""
        return self._read(self._reads.event, event_id)

    async def events(self, query: EventQuery) -> list[DeviceEvent]:
        """As ``Store.events``."""
        return self._read(self._reads.events, query)

    async def unknown_devices(self, namespace: str, limit: int = 100) -> list[UnknownDevice]:
        """As ``Store.unknown_devices``."""
        return self._read(self._reads.unknown_devices, namespace, limit)

    async def answer(self, access_key: str, operation: str, invocation: str) -> StoredAnswer | None:
        """As ``Store.answer``."""
        return self._read(self._reads.answer, access_key, operation, invocation)

    async def access_key(self, access_key: str) -> AccessKey | None:
        """As ``Store.access_key``."""
        return self._read(self._reads.access_key, access_key)

    async def access_keys(self) -> list[AccessKey]:
        """As ``Store.access_keys``."""
        return self._read(self._reads.access_keys)

    async def claim_code(self, namespace: str, code: str) -> ClaimCode | None:
        """As ``Store.claim_code``."""
        return self._read(self._reads.claim_code, namespace, code)

    async def claim_codes(self, namespace: str) -> list[ClaimCode]:
        """As ``Store.claim_codes``."""
        return self._read(self._reads.claim_codes, namespace)

    async def keys(self, namespace: str, device_id: str) -> list[StoredKey]:
        """As ``Store.keys``."""
        return self._read(self._reads.keys, namespace, device_id)

    async def alias(self, namespace: str, address: str) -> str | None:
        """As ``Store.alias``."""
        return self._read(self._reads.alias, namespace, address)

    async def aliases(self, namespace: str, device_id: str | None = None) -> list[tuple[str, str]]:
        """As ``Store.aliases``."""
        return self._read(self._reads.aliases, namespace, device_id)

    async def deliveries(self, due_ms: int, limit: int = 100) -> list[Delivery]:
        """As ``Store.deliveries``."""
        return self._read(self._reads.deliveries, due_ms, limit)

    async def meta(self, name: str) -> str | None:
        """As ``Store.meta``."""
        return self._read(self._reads.meta, name)

    async def close(self) -> None:
        """As ``Store.close``. Closing again does nothing."""
        database, self._database = self._database, None
        if database is None:
            return
        await self._groups.finish()
        await self._groups.run_aside(database.close)
        if self._owns_executor:
            self._executor.shutdown()

    def _read(self, query: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if self._database is None:
            raise StoreError(_CLOSED)
        try:
            return query(*args, **kwargs)
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error
