"""Every query is answered from an index, so that a year's record does not slow a claim down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddDevice,
    AddEvent,
    AttemptQuery,
    CountRepeat,
    EventQuery,
    Op,
    Purge,
    RemoveDevice,
    SwapAttempt,
    SwapClaimCode,
    SwapDevice,
)
from tests.stores import values
from tests.stores.values import ACCOUNT, NOW_MS, device

Ask = Callable[[SqliteStore], Awaitable[object]]

QUERIES: dict[str, Ask] = {
    "a device": lambda s: s.device("default", "D1"),
    "devices": lambda s: s.devices("default", after="D1"),
    "devices of an owner": lambda s: s.devices("default", owner=ACCOUNT, after="D1"),
    "an attempt": lambda s: s.attempt("a1"),
    "attempts": lambda s: s.attempts(AttemptQuery()),
    "attempts of a namespace": lambda s: s.attempts(AttemptQuery(namespace="default")),
    "attempts of an account": lambda s: s.attempts(
        AttemptQuery(namespace="default", account=ACCOUNT, before=(NOW_MS, "a1"))
    ),
    "attempts of a device": lambda s: s.attempts(AttemptQuery(namespace="default", device_id="D")),
    "attempts of an invocation": lambda s: s.attempts(
        AttemptQuery(namespace="default", account=ACCOUNT, invocation="i", open_only=True)
    ),
    "open attempts": lambda s: s.attempts(
        AttemptQuery(namespace="default", account=ACCOUNT, open_only=True)
    ),
    "due attempts": lambda s: s.due_attempts(NOW_MS, 10),
    "the earliest deadline": lambda s: s.earliest_deadline_ms(),
    "an event": lambda s: s.event("e1"),
    "events": lambda s: s.events(EventQuery(namespace="default")),
    "newest events": lambda s: s.events(EventQuery(namespace="default", newest_first=True)),
    "events of a device": lambda s: s.events(
        EventQuery(namespace="default", device_id="D1", from_ms=1, to_ms=2, epoch=1, after_seq=4)
    ),
    "unknown devices": lambda s: s.unknown_devices("default"),
    "an answer": lambda s: s.answer("AKIA1", "InitiateDeviceClaim", "i1"),
    "an access key": lambda s: s.access_key("AKIA1"),
    "a claim code": lambda s: s.claim_code("default", "C-1"),
    "keys": lambda s: s.keys("default", "D1"),
    "an alias": lambda s: s.alias("default", "A"),
    "aliases": lambda s: s.aliases("default"),
    "aliases of a device": lambda s: s.aliases("default", "D1"),
    "deliveries": lambda s: s.deliveries(NOW_MS),
    "meta": lambda s: s.meta("m"),
}

OPERATIONS: list[Op] = [
    AddDevice(device()),
    SwapDevice(device(version=1), device()),
    AddAttempt(values.attempt()),
    SwapAttempt(values.attempt(), values.attempt()),
    AddEvent(values.event()),
    CountRepeat("e1", NOW_MS),
    AddAnswer(values.answer()),
    SwapClaimCode(values.claim_code(), values.claim_code()),
    Purge(events_before_ms=1, answers_before_ms=1),
    RemoveDevice(device(version=2)),
]


def plans(connection, statements: list[str]) -> list[str]:
    """What SQLite would do for these: one line a step."""
    connection.set_trace_callback(None)
    return [
        step
        for text in statements
        if text.split()[0] in {"SELECT", "UPDATE", "DELETE"}
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {text}")
    ]


# Read from end to end, but in the order that was asked for, up to the limit.
IN_ORDER = {"SCAN events", "SCAN attempts USING INDEX attempts_by_time"}
# Sorted, but few: all that share one invocation, all that are open.
FEW = {"attempts of an invocation", "open attempts"}


def slow(steps: list[str]) -> list[str]:
    """Steps that take longer the more is on record."""
    return [
        step
        for step in steps
        if step == "USE TEMP B-TREE FOR ORDER BY"
        or (step.startswith("SCAN") and step not in IN_ORDER)
    ]


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_neither_scans_nor_sorts(sqlite: SqliteStore, name: str):
    statements: list[str] = []
    sqlite._database.read.set_trace_callback(statements.append)
    await QUERIES[name](sqlite)
    found = plans(sqlite._database.read, statements)
    assert found
    if name in FEW:
        assert "USING INDEX attempts_asked_by" in found[0] or "attempts_due" in found[0], found
    else:
        assert slow(found) == []


async def test_no_operation_scans(sqlite: SqliteStore):
    statements: list[str] = []
    sqlite._database.write.set_trace_callback(statements.append)
    for op in OPERATIONS:
        await sqlite.unit([op])
    found = plans(sqlite._database.write, statements)
    assert len(found) >= len(OPERATIONS) - 4
    assert slow(found) == []
