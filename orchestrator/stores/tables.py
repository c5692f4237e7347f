"""The tables of the store in memory, and what each operation does to them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any, Final

from orchestrator.domain.removed import added, note_name, note_of
from orchestrator.stores import rows, small_rows
from orchestrator.stores.indexed import Table
from orchestrator.stores.rows import Row
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddClaimCode,
    AddDevice,
    AddEvent,
    CountRepeat,
    ForgetUnknown,
    NoteUnknown,
    Op,
    Purge,
    PutAccessKey,
    PutAlias,
    PutDelivery,
    PutKey,
    PutMeta,
    RemoveAlias,
    RemoveDelivery,
    RemoveDevice,
    RemoveKeys,
    SwapAttempt,
    SwapClaimCode,
    SwapDevice,
)

_VERSION: Final = rows.DEVICE_COLUMNS.index("version")
_RECEIVED: Final = rows.EVENT_COLUMNS.index("received_ms")
_ANSWERED: Final = small_rows.ANSWER_COLUMNS.index("answered_ms")
_USED_BY: Final = small_rows.CLAIM_CODE_COLUMNS.index("used_by")
_FIRST_HEARD: Final = rows.UNKNOWN_COLUMNS.index("first_heard_ms")
_LAST_HEARD: Final = rows.UNKNOWN_COLUMNS.index("last_heard_ms")
_COUNT: Final = rows.UNKNOWN_COLUMNS.index("count")
_OUTCOME: Final = rows.ATTEMPT_COLUMNS.index("outcome")
_COMPARED: Final = itemgetter(*map(rows.ATTEMPT_COLUMNS.index, ("outcome", "released_ms", "marks")))
_ATTEMPT_DEVICE: Final = itemgetter(*map(rows.ATTEMPT_COLUMNS.index, rows.DEVICE_KEY))
_EVENT_DEVICE: Final = itemgetter(*map(rows.EVENT_COLUMNS.index, rows.DEVICE_KEY))
_ASKED_BY: Final = itemgetter(rows.ATTEMPT_COLUMNS.index("invocation"))


class Tables:
    """Rows by key. What the unit at work has changed can be undone."""

    def __init__(self) -> None:
        self.devices = Table()
        self.attempts = Table(device=_ATTEMPT_DEVICE, invocation=_ASKED_BY, open=_is_open)
        self.events = Table(device=_EVENT_DEVICE)
        self.unknown_devices = Table()
        self.answers = Table()
        self.access_keys = Table()
        self.claim_codes = Table()
        self.keys = Table(device=itemgetter(0, 1))
        self.aliases = Table(device=itemgetter(0, 2))
        self.deliveries = Table()
        self.meta = Table()
        self.last_seq = 0
        self._undo: list[tuple[Table, Hashable, Row | None]] = []

    def apply(self, op: Op) -> bool:
        """Do one operation; whether its compare held."""
        return _APPLY[type(op)](self, op)

    def commit(self) -> None:
        """What was done stays."""
        self._undo.clear()

    def roll_back(self) -> None:
        """Put every row back as it was at the last commit."""
        while self._undo:
            table, key, row = self._undo.pop()
            if row is None:
                table.drop(key)
            else:
                table.put(key, row)

    def add(self, table: Table, key: Hashable, row: Row) -> bool:
        """Store a row if there is none of this key."""
        if key in table:
            return False
        self.put(table, key, row)
        return True

    def put(self, table: Table, key: Hashable, row: Row) -> bool:
        """Store a row, whatever was there."""
        self._undo.append((table, key, table.put(key, row)))
        return True

    def remove(self, table: Table, key: Hashable) -> bool:
        """Drop a row, if there is one."""
        if (row := table.drop(key)) is not None:
            self._undo.append((table, key, row))
        return True


def _is_open(attempt: Row) -> bool | None:
    return True if attempt[_OUTCOME] is None else None


def _add_device(tables: Tables, op: AddDevice) -> bool:
    name = note_name(op.device.namespace, op.device.device_id)
    note = tables.meta.get(name)
    stored = added(op.device, note[1] if note else None)
    if stored is None:
        return False
    row = rows.device_row(stored, stored.version)
    return tables.add(tables.devices, row[:2], row) and tables.remove(tables.meta, name)


def _swap_device(tables: Tables, op: SwapDevice) -> bool:
    row = rows.device_row(op.after, op.before.version + 1)
    stored = tables.devices.get(row[:2])
    if stored is None or stored[_VERSION] != op.before.version:
        return False
    return tables.put(tables.devices, row[:2], row)


def _remove_device(tables: Tables, op: RemoveDevice) -> bool:
    name = (op.device.namespace, op.device.device_id)
    stored = tables.devices.get(name)
    if stored is None or stored[_VERSION] != op.device.version:
        return False
    note = note_name(*name)
    tables.put(tables.meta, note, (note, note_of(op.device)))
    for table in (tables.keys, tables.aliases):
        for key in [*table.under("device", name)]:
            tables.remove(table, key)
    return tables.remove(tables.devices, name)


def _add_attempt(tables: Tables, op: AddAttempt) -> bool:
    return tables.add(tables.attempts, op.attempt.attempt_id, rows.attempt_row(op.attempt))


def _swap_attempt(tables: Tables, op: SwapAttempt) -> bool:
    before = op.before
    compared = (before.outcome, before.released_ms, len(before.timeline))
    stored = tables.attempts.get(before.attempt_id)
    if stored is None or _COMPARED(stored) != compared:
        return False
    return tables.put(tables.attempts, op.after.attempt_id, rows.attempt_row(op.after))


def _add_event(tables: Tables, op: AddEvent) -> bool:
    row = (*rows.event_row(op.event), tables.last_seq + 1)
    if not tables.add(tables.events, op.event.event_id, row):
        return False
    tables.last_seq += 1
    return True


def _count_repeat(tables: Tables, op: CountRepeat) -> bool:
    stored = tables.events.get(op.event_id)
    if stored is None:
        return True
    *head, repeats, _last_repeat_ms, seq = stored
    return tables.put(tables.events, op.event_id, (*head, repeats + 1, op.heard_ms, seq))


def _note_unknown(tables: Tables, op: NoteUnknown) -> bool:
    table = tables.unknown_devices
    key = (op.device.namespace, op.device.address)
    stored = table.get(key)
    if stored is not None:
        again = list(rows.unknown_row(op.device, count=stored[_COUNT] + 1))
        again[_FIRST_HEARD] = stored[_FIRST_HEARD]
        return tables.put(table, key, tuple(again))
    tables.put(table, key, rows.unknown_row(op.device, count=1))
    heard = sorted(
        (other for other in table if other[0] == op.device.namespace),
        key=lambda other: (-table[other][_LAST_HEARD], other),
    )
    for other in heard[max(0, op.keep) :]:
        tables.remove(table, other)
    return True


def _forget_unknown(tables: Tables, op: ForgetUnknown) -> bool:
    return tables.remove(tables.unknown_devices, (op.namespace, op.address))


def _add_answer(tables: Tables, op: AddAnswer) -> bool:
    row = small_rows.answer_row(op.answer)
    return tables.add(tables.answers, row[:3], row)


def _put_access_key(tables: Tables, op: PutAccessKey) -> bool:
    return tables.put(tables.access_keys, op.key.access_key, small_rows.access_key_row(op.key))


def _add_claim_code(tables: Tables, op: AddClaimCode) -> bool:
    row = small_rows.claim_code_row(op.code)
    return tables.add(tables.claim_codes, row[:2], row)


def _swap_claim_code(tables: Tables, op: SwapClaimCode) -> bool:
    row = small_rows.claim_code_row(op.after)
    stored = tables.claim_codes.get(row[:2])
    if stored is None or stored[_USED_BY] != op.before.used_by:
        return False
    return tables.put(tables.claim_codes, row[:2], row)


def _put_key(tables: Tables, op: PutKey) -> bool:
    row = small_rows.key_row(op.key)
    return tables.put(tables.keys, row[:3], row)


def _remove_keys(tables: Tables, op: RemoveKeys) -> bool:
    for key in [*tables.keys.under("device", (op.namespace, op.device_id))]:
        tables.remove(tables.keys, key)
    return True


def _put_alias(tables: Tables, op: PutAlias) -> bool:
    row = (op.namespace, op.address, op.device_id)
    return tables.put(tables.aliases, row[:2], row)


def _remove_alias(tables: Tables, op: RemoveAlias) -> bool:
    return tables.remove(tables.aliases, (op.namespace, op.address))


def _put_delivery(tables: Tables, op: PutDelivery) -> bool:
    row = small_rows.delivery_row(op.delivery)
    return tables.put(tables.deliveries, op.delivery.delivery_id, row)


def _remove_delivery(tables: Tables, op: RemoveDelivery) -> bool:
    return tables.remove(tables.deliveries, op.delivery_id)


def _put_meta(tables: Tables, op: PutMeta) -> bool:
    return tables.put(tables.meta, op.name, (op.name, op.value))


def _purge(tables: Tables, op: Purge) -> bool:
    for event_id in [k for k, row in tables.events.items() if row[_RECEIVED] < op.events_before_ms]:
        tables.remove(tables.events, event_id)
    for key in [k for k, row in tables.answers.items() if row[_ANSWERED] < op.answers_before_ms]:
        tables.remove(tables.answers, key)
    return True


_APPLY: Final[dict[type[Any], Callable[[Tables, Any], bool]]] = {
    AddDevice: _add_device,
    SwapDevice: _swap_device,
    RemoveDevice: _remove_device,
    AddAttempt: _add_attempt,
    SwapAttempt: _swap_attempt,
    AddEvent: _add_event,
    CountRepeat: _count_repeat,
    NoteUnknown: _note_unknown,
    ForgetUnknown: _forget_unknown,
    AddAnswer: _add_answer,
    PutAccessKey: _put_access_key,
    AddClaimCode: _add_claim_code,
    SwapClaimCode: _swap_claim_code,
    PutKey: _put_key,
    RemoveKeys: _remove_keys,
    PutAlias: _put_alias,
    RemoveAlias: _remove_alias,
    PutDelivery: _put_delivery,
    RemoveDelivery: _remove_delivery,
    PutMeta: _put_meta,
    Purge: _purge,
}
