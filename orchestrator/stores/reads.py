"""What is asked of the tables, in SQL; order and limits as the port promises them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import ClaimState, Device
from orchestrator.domain.events import DeviceEvent, UnknownDevice
from orchestrator.stores import rows, small_rows
from orchestrator.stores.cache import RowCache
from orchestrator.stores.rows import Key, Row
from orchestrator.units import (
    AccessKey,
    AttemptQuery,
    ClaimCode,
    Delivery,
    EventQuery,
    StoredAnswer,
    StoredKey,
)

T = TypeVar("T")


def _select(columns: Sequence[str], table: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names are ours


_DEVICES: Final = _select(rows.DEVICE_COLUMNS, "devices")
_ATTEMPTS: Final = _select(rows.ATTEMPT_COLUMNS, "attempts")
_EVENTS: Final = _select((*rows.EVENT_COLUMNS, "seq"), "events")
_UNKNOWN: Final = _select(rows.UNKNOWN_COLUMNS, "unknown_devices")
_ANSWERS: Final = _select(small_rows.ANSWER_COLUMNS, "answers")
_ACCESS_KEYS: Final = _select(small_rows.ACCESS_KEY_COLUMNS, "access_keys")
_CLAIM_CODES: Final = _select(small_rows.CLAIM_CODE_COLUMNS, "claim_codes")
_KEYS: Final = _select(small_rows.KEY_COLUMNS, "keys")
_DELIVERIES: Final = _select(small_rows.DELIVERY_COLUMNS, "deliveries")

_DEVICE: Final = f"{_DEVICES} WHERE namespace = ? AND device_id = ?"
_ATTEMPT: Final = f"{_ATTEMPTS} WHERE attempt_id = ?"
_DUE_ATTEMPTS: Final = (
    f"{_ATTEMPTS} WHERE outcome IS NULL AND deadline_ms <= ?"
    " ORDER BY deadline_ms, attempt_id LIMIT ?"
)
_EARLIEST_DEADLINE: Final = "SELECT min(deadline_ms) FROM attempts WHERE outcome IS NULL"
_ALIAS: Final = "SELECT device_id FROM aliases WHERE namespace = ? AND address = ?"
_ANSWER: Final = f"{_ANSWERS} WHERE access_key = ? AND operation = ? AND invocation = ?"


class Where:
    """Conditions of a query, and their values, gathered as they apply."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """One more condition, with the values of its question marks."""
        self._conditions.append(condition)
        self.values.extend(values)

    def equal(self, sign: str = "", /, **columns: Any) -> None:
        """Each of these columns has this value; None asks nothing of it.

        With a plus before it SQLite looks for no index of the column.
        """
        for column, value in columns.items():
            if value is not None:
                self.add(f"{sign}{column} = ?", value)

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


class Reads:
    """All queries over one connection, each against what is committed when it starts."""

    def __init__(self, connection: sqlite3.Connection, cache: RowCache) -> None:
        self._connection = connection
        self._cache = cache

    def device(self, namespace: str, device_id: str) -> Device | None:
        """As ``Store.device``."""
        key = (namespace, device_id)
        return self._cached(key, _DEVICE, key, rows.to_device)

    def devices(
        self,
        namespace: str,
        *,
        owner: str | None,
        state: ClaimState | None,
        kind: str | None,
        after: str,
        limit: int,
    ) -> list[Device]:
        """As ``Store.devices``."""
        where = Where()
        where.equal(namespace=namespace, owner=owner, state=state, kind=kind)
        where.add("device_id > ?", after)
        sql = f"{_DEVICES}{where} ORDER BY device_id LIMIT ?"
        return [rows.to_device(row) for row in self._rows(sql, (*where.values, max(0, limit)))]

    def attempt(self, attempt_id: str) -> Attempt | None:
        """As ``Store.attempt``."""
        return self._cached(attempt_id, _ATTEMPT, (attempt_id,), rows.to_attempt)

    def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """As ``Store.attempts``."""
        where = Where()
        if query.invocation is not None:
            # Few attempts share one: the other conditions must not tempt SQLite to another index.
            where.equal(invocation=query.invocation)
            where.equal("+", namespace=query.namespace, account=query.account)
            where.equal("+", device_id=query.device_id)
        elif query.account is None and query.device_id is None:
            # All of them lie in order of time; a namespace's would have to be sorted.
            where.equal("+", namespace=query.namespace)
        else:
            where.equal(namespace=query.namespace, account=query.account, device_id=query.device_id)
        where.equal(outcome=query.outcome)
        if query.open_only:
            where.add("outcome IS NULL")
        if query.before is not None:
            where.add("(opened_ms, attempt_id) < (?, ?)", *query.before)
        # Few are open, however long the record is.
        index = " INDEXED BY attempts_due" if query.open_only and query.invocation is None else ""
        sql = f"{_ATTEMPTS}{index}{where} ORDER BY opened_ms DESC, attempt_id DESC LIMIT ?"
        found = self._rows(sql, (*where.values, max(0, query.limit)))
        return [rows.to_attempt(row) for row in found]

    def due_attempts(self, now_ms: int, limit: int) -> list[Attempt]:
        """As ``Store.due_attempts``."""
        return [rows.to_attempt(row) for row in self._rows(_DUE_ATTEMPTS, (now_ms, max(0, limit)))]

    def earliest_deadline_ms(self) -> int | None:
        """As ``Store.earliest_deadline_ms``."""
        ((deadline_ms,),) = self._rows(_EARLIEST_DEADLINE, ())
        return None if deadline_ms is None else int(deadline_ms)

    def event(self, event_id: str) -> DeviceEvent | None:
        """As ``Store.event``."""
        found = self._rows(f"{_EVENTS} WHERE event_id = ?", (event_id,))
        return rows.to_event(found[0]) if found else None

    def events(self, query: EventQuery) -> list[DeviceEvent]:
        """As ``Store.events``."""
        where = Where()
        if query.device_id is None:
            # All of them lie in order of seq; a namespace's would have to be sorted.
            where.equal("+", namespace=query.namespace)
        else:
            where.equal(namespace=query.namespace, device_id=query.device_id)
        where.equal(epoch=query.epoch)
        if query.dispositions is not None:
            marks = ", ".join("?" * len(query.dispositions))
            where.add(f"disposition IN ({marks})", *query.dispositions)
        if query.from_ms is not None:
            where.add("+received_ms >= ?", query.from_ms)
        if query.to_ms is not None:
            where.add("+received_ms < ?", query.to_ms)
        if not query.newest_first:
            where.add("seq > ?", query.after_seq)
        order = "DESC" if query.newest_first else "ASC"
        sql = f"{_EVENTS}{where} ORDER BY seq {order} LIMIT ?"
        return [rows.to_event(row) for row in self._rows(sql, (*where.values, max(0, query.limit)))]

    def unknown_devices(self, namespace: str, limit: int) -> list[UnknownDevice]:
        """As ``Store.unknown_devices``."""
        sql = f"{_UNKNOWN} WHERE namespace = ? ORDER BY last_heard_ms DESC, address LIMIT ?"
        return [rows.to_unknown(row) for row in self._rows(sql, (namespace, max(0, limit)))]

    def answer(self, access_key: str, operation: str, invocation: str) -> StoredAnswer | None:
        """As ``Store.answer``."""
        found = self._rows(_ANSWER, (access_key, operation, invocation))
        return small_rows.to_answer(found[0]) if found else None

    def access_key(self, access_key: str) -> AccessKey | None:
        """As ``Store.access_key``."""
        found = self._rows(f"{_ACCESS_KEYS} WHERE access_key = ?", (access_key,))
        return small_rows.to_access_key(found[0]) if found else None

    def access_keys(self) -> list[AccessKey]:
        """As ``Store.access_keys``."""
        found = self._rows(f"{_ACCESS_KEYS} ORDER BY created_ms, access_key", ())
        return [small_rows.to_access_key(row) for row in found]

    def claim_code(self, namespace: str, code: str) -> ClaimCode | None:
        """As ``Store.claim_code``."""
        found = self._rows(f"{_CLAIM_CODES} WHERE namespace = ? AND code = ?", (namespace, code))
        return small_rows.to_claim_code(found[0]) if found else None

    def claim_codes(self, namespace: str) -> list[ClaimCode]:
        """As ``Store.claim_codes``."""
        sql = f"{_CLAIM_CODES} WHERE namespace = ? ORDER BY created_ms, code"
        return [small_rows.to_claim_code(row) for row in self._rows(sql, (namespace,))]

    def keys(self, namespace: str, device_id: str) -> list[StoredKey]:
        """As ``Store.keys``."""
        sql = f"{_KEYS} WHERE namespace = ? AND device_id = ? ORDER BY kind"
        return [small_rows.to_key(row) for row in self._rows(sql, (namespace, device_id))]

    def alias(self, namespace: str, address: str) -> str | None:
        """As ``Store.alias``."""
        found = self._rows(_ALIAS, (namespace, address))
        return str(found[0][0]) if found else None

    def aliases(self, namespace: str, device_id: str | None) -> list[tuple[str, str]]:
        """As ``Store.aliases``."""
        where = Where()
        where.equal(namespace=namespace, device_id=device_id)
        sql = f"SELECT address, device_id FROM aliases{where} ORDER BY address"  # noqa: S608
        return self._rows(sql, where.values)

    def deliveries(self, due_ms: int, limit: int) -> list[Delivery]:
        """As ``Store.deliveries``."""
        sql = f"{_DELIVERIES} WHERE due_ms <= ? ORDER BY due_ms, delivery_id LIMIT ?"
        return [small_rows.to_delivery(row) for row in self._rows(sql, (due_ms, max(0, limit)))]

    def meta(self, name: str) -> str | None:
        """As ``Store.meta``."""
        found = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def _cached(
        self, key: Key, sql: str, values: Sequence[Any], decode: Callable[[Row], T]
    ) -> T | None:
        """What ``decode`` makes of a row, made once for each row that the cache has."""
        kept = self._cache.get(key)
        if kept is None:
            found = self._rows(sql, values)
            if not found:
                return None
            kept = self._cache.put(key, found[0])
        return kept.value(decode)

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        # fetchall, also for one row: a statement that is not read to its end keeps its snapshot,
        # and the next read would not see what was committed since.
        return self._connection.execute(sql, values).fetchall()
