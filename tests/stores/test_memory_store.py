"""What only the store in memory has to see to: that it keeps nothing of what it has forgotten."""

from __future__ import annotations

import weakref

from orchestrator.stores.memory import MemoryStore
from orchestrator.units import AddEvent, EventQuery, Purge
from tests.stores import values


async def test_events_that_were_read_and_purged_take_no_memory():
    store = MemoryStore()
    everything = EventQuery(namespace="default")
    await store.unit([AddEvent(values.event(f"old {number}")) for number in range(10)])
    read = [weakref.ref(event) for event in await store.events(everything)]
    assert len(read) == 10
    await store.unit([Purge(values.NOW_MS + 1, values.NOW_MS + 1)])
    await store.unit([AddEvent(values.event("new", received_ms=values.NOW_MS + 2))])
    assert [event.event_id for event in await store.events(everything)] == ["new"]
    assert [event() for event in read] == [None] * 10
