"""What each operation does to the tables, in SQL. True: done. False: its compare failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

from orchestrator.domain.removed import added, note_name, note_of
from orchestrator.stores import rows, small_rows
from orchestrator.stores.rows import Key, Row
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


def _insert(table: str, columns: Iterable[str]) -> str:
    """INSERT of a whole row. Names are ours, never a caller's."""
    names = tuple(columns)
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608


def _add(table: str, columns: Iterable[str], key: Iterable[str]) -> str:
    """INSERT that changes no row when the key is there already."""
    return f"{_insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO NOTHING"


def _put(table: str, columns: Iterable[str], key: Iterable[str]) -> str:
    """INSERT, or the new row in place of the one with the same key."""
    names, keys = tuple(columns), tuple(key)
    rest = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    return f"{_insert(table, names)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {rest}"


def _set(columns: Iterable[str]) -> str:
    return ", ".join(f"{name} = ?" for name in columns)


_ADD_DEVICE: Final = _add("devices", rows.DEVICE_COLUMNS, rows.DEVICE_KEY)
_SWAP_DEVICE: Final = (
    f"UPDATE devices SET {_set(rows.DEVICE_REST)}"  # noqa: S608
    " WHERE namespace = ? AND device_id = ? AND version = ?"
)
_REMOVE_DEVICE: Final = "DELETE FROM devices WHERE namespace = ? AND device_id = ? AND version = ?"
_REMOVE_KEYS: Final = "DELETE FROM keys WHERE namespace = ? AND device_id = ?"
_REMOVE_ALIASES: Final = "DELETE FROM aliases WHERE namespace = ? AND device_id = ?"
_ADD_ATTEMPT: Final = _add("attempts", rows.ATTEMPT_COLUMNS, ["attempt_id"])
_SWAP_ATTEMPT: Final = (
    f"UPDATE attempts SET {_set(rows.ATTEMPT_REST)}"  # noqa: S608
    " WHERE attempt_id = ? AND outcome IS ? AND released_ms IS ? AND marks = ?"
)
_ADD_EVENT: Final = _add("events", rows.EVENT_COLUMNS, ["event_id"])
_COUNT_REPEAT: Final = (
    "UPDATE events SET repeats = repeats + 1, last_repeat_ms = ? WHERE event_id = ?"
)
_HEAR_UNKNOWN_AGAIN: Final = (
    "UPDATE unknown_devices SET family = ?, click_type = ?, source = ?, last_heard_ms = ?,"
    " count = count + 1, extra = ? WHERE namespace = ? AND address = ?"
)
_ADD_UNKNOWN: Final = _insert("unknown_devices", rows.UNKNOWN_COLUMNS)
_DROP_LONGEST_UNHEARD: Final = (
    "DELETE FROM unknown_devices WHERE namespace = ? AND address IN ("
    "SELECT address FROM unknown_devices WHERE namespace = ?"
    " ORDER BY last_heard_ms DESC, address LIMIT -1 OFFSET ?)"
)
_FORGET_UNKNOWN: Final = "DELETE FROM unknown_devices WHERE namespace = ? AND address = ?"
_ADD_ANSWER: Final = _add(
    "answers", small_rows.ANSWER_COLUMNS, ["access_key", "operation", "invocation"]
)
_PUT_ACCESS_KEY: Final = _put("access_keys", small_rows.ACCESS_KEY_COLUMNS, ["access_key"])
_ADD_CLAIM_CODE: Final = _add("claim_codes", small_rows.CLAIM_CODE_COLUMNS, ["namespace", "code"])
_SWAP_CLAIM_CODE: Final = (
    "UPDATE claim_codes SET created_ms = ?, device_ids = ?, used_by = ?, used_ms = ?"
    " WHERE namespace = ? AND code = ? AND used_by IS ?"
)
_PUT_KEY: Final = _put("keys", small_rows.KEY_COLUMNS, ["namespace", "device_id", "kind"])
_PUT_ALIAS: Final = _put("aliases", ["namespace", "address", "device_id"], ["namespace", "address"])
_REMOVE_ALIAS: Final = "DELETE FROM aliases WHERE namespace = ? AND address = ?"
_PUT_DELIVERY: Final = _put("deliveries", small_rows.DELIVERY_COLUMNS, ["delivery_id"])
_REMOVE_DELIVERY: Final = "DELETE FROM deliveries WHERE delivery_id = ?"
_PUT_META: Final = _put("meta", ["name", "value"], ["name"])
_READ_META: Final = "SELECT value FROM meta WHERE name = ?"
_REMOVE_META: Final = "DELETE FROM meta WHERE name = ?"
_PURGE_EVENTS: Final = "DELETE FROM events WHERE received_ms < ?"
_PURGE_ANSWERS: Final = "DELETE FROM answers WHERE answered_ms < ?"


class Cursor(sqlite3.Cursor):
    """A cursor inside a transaction that notes which devices and attempts it changes."""

    changes: dict[Key, Row | None]
    """The new rows; None for one that was removed."""


def apply(cursor: Cursor, op: Op) -> bool:
    """Do one operation inside the open transaction; whether its compare held."""
    return _APPLY[type(op)](cursor, op)


def reads_whole_tables(op: Op) -> bool:
    """Whether an operation may take long, so that no loop should wait for it."""
    return type(op) is Purge


def _add_device(cursor: Cursor, op: AddDevice) -> bool:
    device = op.device
    name = note_name(device.namespace, device.device_id)
    notes = cursor.execute(_READ_META, (name,)).fetchall()
    stored = added(device, notes[0][0] if notes else None)
    if stored is None:
        return False
    row = rows.device_row(stored, stored.version)
    cursor.execute(_ADD_DEVICE, row)
    if cursor.rowcount != 1:
        return False
    cursor.changes[device.namespace, device.device_id] = row
    if notes:
        cursor.execute(_REMOVE_META, (name,))
    return True


def _swap_device(cursor: Cursor, op: SwapDevice) -> bool:
    version = op.before.version
    key = (op.before.namespace, op.before.device_id)
    values = rows.device_rest(op.after, version + 1)
    cursor.execute(_SWAP_DEVICE, (*values, *key, version))
    if cursor.rowcount != 1:
        return False
    cursor.changes[key] = (*key, *values)
    return True


def _remove_device(cursor: Cursor, op: RemoveDevice) -> bool:
    name = (op.device.namespace, op.device.device_id)
    cursor.execute(_REMOVE_DEVICE, (*name, op.device.version))
    if cursor.rowcount != 1:
        return False
    cursor.changes[name] = None
    cursor.execute(_PUT_META, (note_name(*name), note_of(op.device)))
    cursor.execute(_REMOVE_KEYS, name)
    cursor.execute(_REMOVE_ALIASES, name)
    return True


def _add_attempt(cursor: Cursor, op: AddAttempt) -> bool:
    row = rows.attempt_row(op.attempt)
    cursor.execute(_ADD_ATTEMPT, row)
    if cursor.rowcount != 1:
        return False
    cursor.changes[op.attempt.attempt_id] = row
    return True


def _swap_attempt(cursor: Cursor, op: SwapAttempt) -> bool:
    before = op.before
    compared = (before.attempt_id, before.outcome, before.released_ms, len(before.timeline))
    values = rows.attempt_rest(op.after)
    cursor.execute(_SWAP_ATTEMPT, (*values, *compared))
    if cursor.rowcount != 1:
        return False
    cursor.changes[before.attempt_id] = (*rows.attempt_key(before), *values)
    return True


def _add_event(cursor: Cursor, op: AddEvent) -> bool:
    cursor.execute(_ADD_EVENT, rows.event_row(op.event))
    return cursor.rowcount == 1


def _count_repeat(cursor: Cursor, op: CountRepeat) -> bool:
    cursor.execute(_COUNT_REPEAT, (op.heard_ms, op.event_id))
    return True


def _note_unknown(cursor: Cursor, op: NoteUnknown) -> bool:
    row = rows.unknown_row(op.device, count=1)
    namespace, address, family, click_type, source, _first_ms, last_ms, _count, extra = row
    again = (family, click_type, source, last_ms, extra, namespace, address)
    cursor.execute(_HEAR_UNKNOWN_AGAIN, again)
    if cursor.rowcount == 0:
        cursor.execute(_ADD_UNKNOWN, row)
        cursor.execute(_DROP_LONGEST_UNHEARD, (namespace, namespace, max(0, op.keep)))
    return True


def _forget_unknown(cursor: Cursor, op: ForgetUnknown) -> bool:
    cursor.execute(_FORGET_UNKNOWN, (op.namespace, op.address))
    return True


def _add_answer(cursor: Cursor, op: AddAnswer) -> bool:
    cursor.execute(_ADD_ANSWER, small_rows.answer_row(op.answer))
    return cursor.rowcount == 1


def _put_access_key(cursor: Cursor, op: PutAccessKey) -> bool:
    cursor.execute(_PUT_ACCESS_KEY, small_rows.access_key_row(op.key))
    return True


def _add_claim_code(cursor: Cursor, op: AddClaimCode) -> bool:
    cursor.execute(_ADD_CLAIM_CODE, small_rows.claim_code_row(op.code))
    return cursor.rowcount == 1


def _swap_claim_code(cursor: Cursor, op: SwapClaimCode) -> bool:
    _namespace, _code, *rest = small_rows.claim_code_row(op.after)
    before = op.before
    cursor.execute(_SWAP_CLAIM_CODE, (*rest, before.namespace, before.code, before.used_by))
    return cursor.rowcount == 1


def _put_key(cursor: Cursor, op: PutKey) -> bool:
    cursor.execute(_PUT_KEY, small_rows.key_row(op.key))
    return True


def _remove_keys(cursor: Cursor, op: RemoveKeys) -> bool:
    cursor.execute(_REMOVE_KEYS, (op.namespace, op.device_id))
    return True


def _put_alias(cursor: Cursor, op: PutAlias) -> bool:
    cursor.execute(_PUT_ALIAS, (op.namespace, op.address, op.device_id))
    return True


def _remove_alias(cursor: Cursor, op: RemoveAlias) -> bool:
    cursor.execute(_REMOVE_ALIAS, (op.namespace, op.address))
    return True


def _put_delivery(cursor: Cursor, op: PutDelivery) -> bool:
    cursor.execute(_PUT_DELIVERY, small_rows.delivery_row(op.delivery))
    return True


def _remove_delivery(cursor: Cursor, op: RemoveDelivery) -> bool:
    cursor.execute(_REMOVE_DELIVERY, (op.delivery_id,))
    return True


def _put_meta(cursor: Cursor, op: PutMeta) -> bool:
    cursor.execute(_PUT_META, (op.name, op.value))
    return True


def _purge(cursor: Cursor, op: Purge) -> bool:
    cursor.execute(_PURGE_EVENTS, (op.events_before_ms,))
    cursor.execute(_PURGE_ANSWERS, (op.answers_before_ms,))
    return True


_APPLY: Final[dict[type[Any], Callable[[Cursor, Any], bool]]] = {
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
