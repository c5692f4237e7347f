"""The store in memory: the same answers as SQLite's, and nothing on a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import ClaimState, Device
from orchestrator.domain.errors import StoreError
from orchestrator.domain.events import DeviceEvent, UnknownDevice
from orchestrator.stores import rows, small_rows
from orchestrator.stores.checks import check_unit
from orchestrator.stores.rows import Kept
from orchestrator.stores.tables import Tables
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

_COMMITTED: Final = Committed()
_DEADLINE: Final = rows.ATTEMPT_COLUMNS.index("deadline_ms")


class MemoryStore:
    """A ``Store`` that lasts as long as the object, or as the tables that it is handed."""

    def __init__(self, tables: Tables | None = None) -> None:
        self._tables = Tables() if tables is None else tables

    async def unit(self, ops: Sequence[Op]) -> Committed | Conflict:
        """As ``Store.unit``."""
        check_unit(ops)
        outcome = self.apply(ops)
        # A disk would let others run now, so they may here: a caller that counts on nothing
        # happening before its answer is found out in memory too.
        await asyncio.sleep(0)
        return outcome

    def apply(self, ops: Sequence[Op]) -> Committed | Conflict:
        """Do a unit that was checked, at once."""
        tables = self._tables
        try:
            for op in ops:
                if not tables.apply(op):
                    tables.roll_back()
                    return Conflict(op)
        except BaseException:
            tables.roll_back()
            raise
        tables.commit()
        return _COMMITTED

    async def device(self, namespace: str, device_id: str) -> Device | None:
        """As ``Store.device``."""
        row = self._tables.devices.get((namespace, device_id))
        return None if row is None else row.made or row.value(rows.to_device)

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
        devices = [row.value(rows.to_device) for row in _of(namespace, 0, self._tables.devices)]
        found = [
            device
            for device in devices
            if (owner is None or device.claim.owner == owner)
            and (state is None or device.claim.state == state)
            and (kind is None or device.kind == kind)
            and device.device_id > after
        ]
        return sorted(found, key=lambda device: device.device_id)[: max(0, limit)]

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """As ``Store.attempt``."""
        row = self._tables.attempts.get(attempt_id)
        return None if row is None else row.made or row.value(rows.to_attempt)

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """As ``Store.attempts``."""
        found = [
            attempt
            for row in self._attempts_to_look_at(query)
            if _wanted_attempt(attempt := row.made or row.value(rows.to_attempt), query)
        ]
        if len(found) > 1:
            found.sort(key=lambda attempt: (attempt.opened_ms, attempt.attempt_id), reverse=True)
        return found[: max(0, query.limit)]

    async def due_attempts(self, now_ms: int, limit: int) -> list[Attempt]:
        """As ``Store.due_attempts``."""
        open_ones = self._tables.attempts.under("open", True)
        found = (row for row in open_ones.values() if row[_DEADLINE] <= now_ms)
        due = [row.value(rows.to_attempt) for row in found]
        due.sort(key=lambda attempt: (attempt.deadline_ms, attempt.attempt_id))
        return due[: max(0, limit)]

    async def earliest_deadline_ms(self) -> int | None:
        """As ``Store.earliest_deadline_ms``."""
        open_ones = self._tables.attempts.under("open", True)
        return min((row[_DEADLINE] for row in open_ones.values()), default=None)

    async def event(self, event_id: str) -> DeviceEvent | None:
        """As ``Store.event``."""
        row = self._tables.events.get(event_id)
        return None if row is None else row.value(rows.to_event)

    async def events(self, query: EventQuery) -> list[DeviceEvent]:
        """As ``Store.events``."""
        found = [
            event
            for row in self._events_to_look_at(query)
            if _wanted_event(event := row.made or row.value(rows.to_event), query)
        ]
        if len(found) > 1:
            found.sort(key=lambda event: event.seq, reverse=query.newest_first)
        return found[: max(0, query.limit)]

    async def unknown_devices(self, namespace: str, limit: int = 100) -> list[UnknownDevice]:
        """As ``Store.unknown_devices``."""
        devices = map(rows.to_unknown, self._tables.unknown_devices.values())
        found = [device for device in devices if device.namespace == namespace]
        found.sort(key=lambda device: (-device.last_heard_ms, device.address))
        return found[: max(0, limit)]

    async def answer(self, access_key: str, operation: str, invocation: str) -> StoredAnswer | None:
        """As ``Store.answer``."""
        row = self._tables.answers.get((access_key, operation, invocation))
        return None if row is None else small_rows.to_answer(row)

    async def access_key(self, access_key: str) -> AccessKey | None:
        """As ``Store.access_key``."""
        row = self._tables.access_keys.get(access_key)
        return None if row is None else small_rows.to_access_key(row)

    async def access_keys(self) -> list[AccessKey]:
        """As ``Store.access_keys``."""
        found = map(small_rows.to_access_key, self._tables.access_keys.values())
        return sorted(found, key=lambda key: (key.created_ms, key.access_key))

    async def claim_code(self, namespace: str, code: str) -> ClaimCode | None:
        """As ``Store.claim_code``."""
        row = self._tables.claim_codes.get((namespace, code))
        return None if row is None else small_rows.to_claim_code(row)

    async def claim_codes(self, namespace: str) -> list[ClaimCode]:
        """As ``Store.claim_codes``."""
        codes = map(small_rows.to_claim_code, self._tables.claim_codes.values())
        found = [code for code in codes if code.namespace == namespace]
        return sorted(found, key=lambda code: (code.created_ms, code.code))

    async def keys(self, namespace: str, device_id: str) -> list[StoredKey]:
        """As ``Store.keys``."""
        keys = self._tables.keys.under("device", (namespace, device_id))
        return [small_rows.to_key(row) for row in sorted(keys.values())]

    async def alias(self, namespace: str, address: str) -> str | None:
        """As ``Store.alias``."""
        row = self._tables.aliases.get((namespace, address))
        return None if row is None else str(row[2])

    async def aliases(self, namespace: str, device_id: str | None = None) -> list[tuple[str, str]]:
        """As ``Store.aliases``."""
        return sorted(
            (address, alias_of)
            for row_namespace, address, alias_of in self._tables.aliases.values()
            if row_namespace == namespace and device_id in {None, alias_of}
        )

    async def deliveries(self, due_ms: int, limit: int = 100) -> list[Delivery]:
        """As ``Store.deliveries``."""
        deliveries = map(small_rows.to_delivery, self._tables.deliveries.values())
        due = [delivery for delivery in deliveries if delivery.due_ms <= due_ms]
        due.sort(key=lambda delivery: (delivery.due_ms, delivery.delivery_id))
        return due[: max(0, limit)]

    async def meta(self, name: str) -> str | None:
        """As ``Store.meta``."""
        row = self._tables.meta.get(name)
        return None if row is None else str(row[1])

    async def close(self) -> None:
        """As ``Store.close``. Closing again does nothing."""
        self._tables = cast("Tables", _NoTables())

    def _attempts_to_look_at(self, query: AttemptQuery) -> Iterable[Kept]:
        """Those among which all that are asked for are, and as few others as can be had."""
        attempts = self._tables.attempts
        if query.invocation is not None:
            return attempts.under("invocation", query.invocation).values()
        if query.namespace is not None and query.device_id is not None:
            return attempts.under("device", (query.namespace, query.device_id)).values()
        return _of(query.namespace, 1, attempts)

    def _events_to_look_at(self, query: EventQuery) -> Iterable[Kept]:
        events = self._tables.events
        if query.device_id is not None:
            return events.under("device", (query.namespace, query.device_id)).values()
        return _of(query.namespace, 1, events)


class _NoTables:
    """The tables of a store that is closed."""

    def __getattr__(self, _name: str) -> NoReturn:
        raise StoreError("The store is closed. Make another one.")


def _of(namespace: str | None, column: int, table: Mapping[Any, Kept]) -> Iterable[Kept]:
    """The rows of a namespace. Reading them all would make each test of thousands pay for all."""
    if namespace is None:
        return table.values()
    return (row for row in table.values() if row[column] == namespace)


def _wanted_attempt(attempt: Attempt, query: AttemptQuery) -> bool:
    return (
        (query.namespace is None or attempt.namespace == query.namespace)
        and (query.account is None or attempt.account == query.account)
        and (query.device_id is None or attempt.device_id == query.device_id)
        and (query.outcome is None or attempt.outcome == query.outcome)
        and (query.invocation is None or attempt.invocation == query.invocation)
        and (not query.open_only or attempt.outcome is None)
        and (query.before is None or (attempt.opened_ms, attempt.attempt_id) < query.before)
    )


def _wanted_event(event: DeviceEvent, query: EventQuery) -> bool:
    return (
        (query.device_id is None or event.device_id == query.device_id)
        and (query.epoch is None or event.epoch == query.epoch)
        and (query.dispositions is None or event.disposition in query.dispositions)
        and (query.from_ms is None or event.received_ms >= query.from_ms)
        and (query.to_ms is None or event.received_ms < query.to_ms)
        and (query.newest_first or event.seq > query.after_seq)
    )
