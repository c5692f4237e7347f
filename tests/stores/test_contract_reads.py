"""Queries: which rows, in which order, how many, and what is exactly at the edge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.attempts import ended
from orchestrator.domain.devices import Claim
from orchestrator.ports import Store
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddClaimCode,
    AddDevice,
    AddEvent,
    AttemptQuery,
    EventQuery,
    NoteUnknown,
    Purge,
    PutAccessKey,
    PutDelivery,
    SwapAttempt,
)
from tests.stores import values
from tests.stores.values import ACCOUNT, NOW_MS, device

OTHER = "999999999999"


def names(found) -> list[str]:
    """Ids of what a query found, whatever it is."""
    ids = ("event_id", "attempt_id", "delivery_id", "address", "code", "device_id", "access_key")
    return [next(getattr(one, i) for i in ids if hasattr(one, i)) for one in found]


# --- devices ------------------------------------------------------------------------------------


async def test_devices_come_in_order_of_their_ids(store: Store):
    # Code points, not an alphabet: digits, capitals, underscore, small letters.
    ids = ["b", "B", "a", "_", "-", "10", "9", "A"]
    await store.unit([AddDevice(device(name)) for name in ids])
    await store.unit([AddDevice(device("elsewhere", "other"))])
    assert names(await store.devices("default")) == ["-", "10", "9", "A", "B", "_", "a", "b"]


async def test_devices_are_paged(store: Store):
    await store.unit([AddDevice(device(f"D{n}")) for n in range(7)])
    page = await store.devices("default", limit=3)
    assert names(page) == ["D0", "D1", "D2"]
    page = await store.devices("default", after="D2", limit=3)
    assert names(page) == ["D3", "D4", "D5"]
    assert names(await store.devices("default", after="D5", limit=3)) == ["D6"]
    assert await store.devices("default", after="D6", limit=3) == []
    assert names(await store.devices("default", after="D45")) == ["D5", "D6"]
    assert await store.devices("default", limit=0) == []


async def test_devices_by_owner_state_and_kind(store: Store):
    mine = Claim(state="CLAIMED", owner=ACCOUNT)
    await store.unit(
        [
            AddDevice(device("D1")),
            AddDevice(device("D2", claim=mine)),
            AddDevice(device("D3", claim=replace(mine, state="CLAIM_INITIATED"))),
            AddDevice(device("D4", claim=replace(mine, owner=OTHER))),
            AddDevice(device("D5", claim=mine, kind="lever")),
            AddDevice(device("D6", "other", claim=mine)),
        ]
    )
    assert names(await store.devices("default", owner=ACCOUNT)) == ["D2", "D3", "D5"]
    assert names(await store.devices("default", owner=ACCOUNT, after="D2")) == ["D3", "D5"]
    assert names(await store.devices("default", state="UNCLAIMED")) == ["D1"]
    assert names(await store.devices("default", kind="lever")) == ["D5"]
    both = await store.devices("default", owner=ACCOUNT, state="CLAIMED", kind="button")
    assert names(both) == ["D2"]


# --- attempts -----------------------------------------------------------------------------------


async def test_attempts_come_newest_first_then_by_id(store: Store):
    await store.unit(
        [
            AddAttempt(values.attempt(name, opened_ms=NOW_MS + at))
            for name, at in [("b", 5), ("d", 0), ("a", 5), ("c", 9)]
        ]
    )
    assert names(await store.attempts(AttemptQuery())) == ["c", "b", "a", "d"]


async def test_attempts_are_paged_without_losing_those_of_one_millisecond(store: Store):
    rows = [values.attempt(f"a{n}", opened_ms=NOW_MS + n // 4) for n in range(12)]
    await store.unit([AddAttempt(row) for row in rows])
    seen: list[str] = []
    query = AttemptQuery(namespace="default", limit=3)
    while page := await store.attempts(query):
        seen += names(page)
        query = replace(query, before=(page[-1].opened_ms, page[-1].attempt_id))
    wanted = sorted(rows, key=lambda row: (row.opened_ms, row.attempt_id), reverse=True)
    assert seen == names(wanted)
    assert await store.attempts(AttemptQuery(limit=0)) == []


async def test_attempts_by_what_is_known_of_them(store: Store):
    await store.unit(
        [
            AddAttempt(values.attempt("open", invocation="i1")),
            AddAttempt(values.attempt("lost", outcome="TIMED_OUT", ended_ms=NOW_MS)),
            AddAttempt(values.attempt("theirs", account=OTHER)),
            AddAttempt(values.attempt("there", namespace="other")),
            AddAttempt(values.attempt("second", device_id="D2", invocation="i2")),
        ]
    )

    async def found(**query) -> set[str]:
        return set(names(await store.attempts(AttemptQuery(**query))))

    assert await found() == {"open", "lost", "theirs", "there", "second"}
    assert await found(namespace="default") == {"open", "lost", "theirs", "second"}
    assert await found(namespace="default", account=ACCOUNT) == {"open", "lost", "second"}
    assert await found(device_id="D2") == {"second"}
    assert await found(outcome="TIMED_OUT") == {"lost"}
    assert await found(open_only=True) == {"open", "theirs", "there", "second"}
    assert await found(open_only=True, outcome="TIMED_OUT") == set()
    assert await found(account=ACCOUNT, invocation="i1") == {"open"}
    assert await found(account=OTHER, invocation="i1") == set()


async def test_due_attempts_are_open_and_at_their_deadline(store: Store):
    await store.unit(
        [
            AddAttempt(values.attempt("later", deadline_ms=NOW_MS + 1)),
            AddAttempt(values.attempt("b", deadline_ms=NOW_MS)),
            AddAttempt(values.attempt("a", deadline_ms=NOW_MS)),
            AddAttempt(values.attempt("first", deadline_ms=NOW_MS - 9)),
            AddAttempt(values.attempt("over", deadline_ms=NOW_MS - 99, outcome="CANCELLED")),
        ]
    )
    assert names(await store.due_attempts(NOW_MS, 10)) == ["first", "a", "b"]
    assert names(await store.due_attempts(NOW_MS, 2)) == ["first", "a"]
    assert await store.due_attempts(NOW_MS - 10, 10) == []
    assert await store.due_attempts(NOW_MS, 0) == []


async def test_the_earliest_deadline_is_that_of_an_open_attempt(store: Store):
    assert await store.earliest_deadline_ms() is None
    soon = values.attempt("soon", deadline_ms=NOW_MS)
    await store.unit([AddAttempt(soon), AddAttempt(values.attempt("on", deadline_ms=NOW_MS + 5))])
    assert await store.earliest_deadline_ms() == NOW_MS
    await store.unit([SwapAttempt(soon, ended(soon, "TIMED_OUT", "", NOW_MS))])
    assert await store.earliest_deadline_ms() == NOW_MS + 5
    moved = values.attempt("on", deadline_ms=NOW_MS + 60)
    await store.unit([SwapAttempt(moved, moved)])
    assert await store.earliest_deadline_ms() == NOW_MS + 60


# --- events -------------------------------------------------------------------------------------


async def fill_with_events(store: Store) -> None:
    """Six events, in the order of their names; received in another order."""
    await store.unit(
        [
            AddEvent(values.event("e1", received_ms=30, disposition="EARLY")),
            AddEvent(values.event("e2", received_ms=10, disposition="MATCHED", epoch=1)),
            AddEvent(values.event("e3", received_ms=20, device_id="D2")),
        ]
    )
    await store.unit([AddEvent(values.event("e4", namespace="other"))])
    await store.unit(
        [
            AddEvent(values.event("e5", received_ms=40, disposition="DELIVERED", epoch=1)),
            AddEvent(values.event("e6", received_ms=20, disposition="DELIVERED", epoch=2)),
        ]
    )


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, "e1 e2 e3 e5 e6"),
        ({"newest_first": True}, "e6 e5 e3 e2 e1"),
        ({"device_id": "D1"}, "e1 e2 e5 e6"),
        ({"device_id": "D1", "newest_first": True, "limit": 2}, "e6 e5"),
        ({"dispositions": ["MATCHED", "DELIVERED"]}, "e2 e5 e6"),
        ({"dispositions": []}, ""),
        ({"epoch": 1}, "e2 e5"),
        ({"epoch": 0}, "e1 e3"),
        ({"from_ms": 20}, "e1 e3 e5 e6"),
        ({"to_ms": 20}, "e2"),
        ({"from_ms": 20, "to_ms": 30}, "e3 e6"),
        ({"from_ms": 30, "to_ms": 30}, ""),
        ({"device_id": "D1", "from_ms": 10, "to_ms": 31, "epoch": 1}, "e2"),
        ({"limit": 2}, "e1 e2"),
        ({"limit": 0}, ""),
        ({"device_id": "D3"}, ""),
    ],
)
async def test_events_in_order_of_commit(store: Store, asked, wanted):
    await fill_with_events(store)
    found = await store.events(EventQuery(namespace="default", **asked))
    assert " ".join(names(found)) == wanted


async def test_events_are_paged_by_their_number(store: Store):
    await fill_with_events(store)
    seen = []
    query = EventQuery(namespace="default", limit=2)
    while page := await store.events(query):
        seen += page
        query = replace(query, after_seq=page[-1].seq)
    assert names(seen) == ["e1", "e2", "e3", "e5", "e6"]
    numbers = [one.seq for one in seen]
    assert numbers == sorted(set(numbers))
    newest = EventQuery(namespace="default", newest_first=True, after_seq=numbers[-1], limit=1)
    assert names(await store.events(newest)) == ["e6"]


async def test_a_purge_takes_what_is_older_and_leaves_what_is_exactly_as_old(store: Store):
    await fill_with_events(store)
    kept = values.answer("kept", answered_ms=NOW_MS)
    await store.unit([AddAnswer(kept), AddAnswer(values.answer("old", answered_ms=NOW_MS - 1))])
    await store.unit([AddAttempt(values.attempt("a1", opened_ms=0))])
    await store.unit([Purge(events_before_ms=20, answers_before_ms=NOW_MS)])
    found = await store.events(EventQuery(namespace="default"))
    assert names(found) == ["e1", "e3", "e5", "e6"]
    assert await store.answer(kept.access_key, kept.operation, "kept") == kept
    assert await store.answer(kept.access_key, kept.operation, "old") is None
    assert await store.attempt("a1") is not None


async def test_a_number_is_never_given_to_another_event(store: Store):
    await store.unit([AddEvent(values.event("e1"))])
    first = await store.event("e1")
    await store.unit([Purge(events_before_ms=NOW_MS + 1, answers_before_ms=0)])
    assert await store.event("e1") is None
    await store.unit([AddEvent(values.event("e2"))])
    assert (await store.event("e2")).seq > first.seq


# --- the rest -----------------------------------------------------------------------------------


async def test_unknown_devices_are_counted_and_come_latest_first(store: Store):
    for address, heard_ms in [("A", 10), ("B", 20), ("A", 30), ("C", 20), ("A", 31)]:
        await store.unit([NoteUnknown(values.unknown(address, heard_ms), keep=10)])
    await store.unit([NoteUnknown(values.unknown("Z", 99, namespace="other"), keep=10)])
    found = await store.unknown_devices("default")
    assert [(one.address, one.count) for one in found] == [("A", 3), ("B", 1), ("C", 1)]
    assert (found[0].first_heard_ms, found[0].last_heard_ms) == (10, 31)
    assert names(await store.unknown_devices("default", limit=2)) == ["A", "B"]


async def test_the_latest_click_of_an_unknown_device_is_the_one_that_is_kept(store: Store):
    await store.unit([NoteUnknown(values.unknown("A", 10, extra={"name": "old"}), keep=10)])
    latest = values.unknown("A", 5, click_type="LONG", family="itag", source="mqtt:", extra={})
    await store.unit([NoteUnknown(latest, keep=10)])
    assert await store.unknown_devices("default") == [replace(latest, first_heard_ms=10, count=2)]


async def test_beyond_the_limit_the_longest_unheard_are_dropped(store: Store):
    for n, address in enumerate(["A", "B", "C"]):
        await store.unit([NoteUnknown(values.unknown(address, n), keep=3)])
    await store.unit([NoteUnknown(values.unknown("A", 50), keep=3)])
    await store.unit([NoteUnknown(values.unknown("Y", 1, namespace="other"), keep=3)])
    await store.unit([NoteUnknown(values.unknown("D", 60), keep=3)])
    assert names(await store.unknown_devices("default")) == ["D", "A", "C"]
    await store.unit([NoteUnknown(values.unknown("E", 60), keep=2)])
    assert names(await store.unknown_devices("default")) == ["D", "E"]
    assert names(await store.unknown_devices("other")) == ["Y"]
    await store.unit([NoteUnknown(values.unknown("F", 70), keep=0)])
    assert await store.unknown_devices("default") == []


async def test_access_keys_and_claim_codes_come_oldest_first(store: Store):
    await store.unit(
        [
            PutAccessKey(values.access_key("B", created_ms=1)),
            PutAccessKey(values.access_key("C", created_ms=0)),
            PutAccessKey(values.access_key("A", created_ms=1)),
        ]
    )
    assert names(await store.access_keys()) == ["C", "A", "B"]
    await store.unit(
        [
            AddClaimCode(values.claim_code("C-B", created_ms=1)),
            AddClaimCode(values.claim_code("C-C", created_ms=0)),
            AddClaimCode(values.claim_code("C-A", created_ms=1)),
            AddClaimCode(values.claim_code("C-D", namespace="other")),
        ]
    )
    assert names(await store.claim_codes("default")) == ["C-C", "C-A", "C-B"]


async def test_deliveries_come_earliest_due_first(store: Store):
    for name, due_ms in [("b", 5), ("c", 4), ("a", 5), ("d", 6)]:
        await store.unit([PutDelivery(values.delivery(name, due_ms))])
    assert names(await store.deliveries(5)) == ["c", "a", "b"]
    assert names(await store.deliveries(5, limit=2)) == ["c", "a"]
    assert await store.deliveries(3) == []
