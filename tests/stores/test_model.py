"""SQLite against the store in memory, over histories that nobody thought of."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.domain.attempts import OUTCOMES, with_mark
from orchestrator.domain.devices import Claim
from orchestrator.stores.memory import MemoryStore
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddClaimCode,
    AddDevice,
    AddEvent,
    AttemptQuery,
    CountRepeat,
    EventQuery,
    ForgetUnknown,
    NoteUnknown,
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
from tests.stores import values
from tests.stores.executors import InlineExecutor

# Few names, so that histories meet in them.
namespaces = st.sampled_from(["n1", "n2"])
device_ids = st.sampled_from(["D1", "D2", "D3"])
attempt_ids = st.sampled_from(["a1", "a2", "a3"])
event_ids = st.sampled_from(["e1", "e2", "e3", "e4"])
accounts = st.sampled_from(["111111111111", "222222222222"])
times_ms = st.integers(0, 5)
maybe_ms = st.none() | times_ms
texts = st.sampled_from(["x", "y"])
dispositions = st.sampled_from(["MATCHED", "EARLY", "DELIVERED"])

claims = st.builds(
    Claim,
    state=st.sampled_from(["UNCLAIMED", "CLAIMED"]),
    owner=st.none() | accounts,
    epoch=times_ms,
    deadline_ms=maybe_ms,
)
devices = st.builds(
    values.device,
    device_ids,
    namespaces,
    version=st.integers(0, 3),
    kind=texts,
    claim=claims,
    clicks=times_ms,
    tags=st.dictionaries(texts, texts),
)
marks = st.lists(st.tuples(texts, times_ms), max_size=2)


@st.composite
def attempts(draw, attempt_id=attempt_ids):
    """Fields that never change depend on the id, as they do in life."""
    name = draw(attempt_id)
    attempt = values.attempt(
        name,
        opened_ms=int(name[1]) // 2,
        account="111111111111" if name == "a1" else "222222222222",
        invocation=None if name == "a2" else f"i {name}",
        deadline_ms=draw(times_ms),
        outcome=draw(st.none() | st.sampled_from(OUTCOMES)),
        reason=draw(texts),
        released_ms=draw(maybe_ms),
    )
    for what, at_ms in draw(marks):
        attempt = with_mark(attempt, what, at_ms)
    return attempt


events = st.builds(
    values.event,
    event_ids,
    namespace=namespaces,
    device_id=device_ids,
    received_ms=times_ms,
    disposition=dispositions,
    epoch=st.integers(0, 2),
)
codes = st.builds(
    values.claim_code,
    st.just("C-1"),
    used_by=st.none() | accounts,
    used_ms=maybe_ms,
    created_ms=times_ms,
)
blind_ops = st.one_of(
    st.builds(AddDevice, devices),
    st.builds(RemoveDevice, devices),
    st.builds(AddAttempt, attempts()),
    st.builds(AddEvent, events),
    st.builds(CountRepeat, event_ids, times_ms),
    st.builds(
        NoteUnknown,
        st.builds(values.unknown, device_ids, times_ms, namespace=namespaces),
        st.integers(0, 3),
    ),
    st.builds(ForgetUnknown, namespaces, device_ids),
    st.builds(AddAnswer, st.builds(values.answer, texts, answered_ms=times_ms)),
    st.builds(PutAccessKey, st.builds(values.access_key, texts, created_ms=times_ms)),
    st.builds(AddClaimCode, codes),
    st.builds(SwapClaimCode, codes, codes),
    st.builds(PutKey, st.builds(values.key, device_ids, namespace=namespaces)),
    st.builds(RemoveKeys, namespaces, device_ids),
    st.builds(PutAlias, namespaces, texts, device_ids),
    st.builds(RemoveAlias, namespaces, texts),
    st.builds(PutDelivery, st.builds(values.delivery, texts, times_ms, tries=times_ms)),
    st.builds(RemoveDelivery, texts),
    st.builds(PutMeta, texts, texts),
    st.builds(Purge, times_ms, times_ms),
)
queries = st.builds(
    EventQuery,
    namespace=namespaces,
    device_id=st.none() | device_ids,
    dispositions=st.none() | st.lists(dispositions, max_size=2),
    epoch=st.none() | st.integers(0, 2),
    from_ms=maybe_ms,
    to_ms=maybe_ms,
    limit=st.integers(0, 3),
    newest_first=st.booleans(),
)
attempt_queries = st.builds(
    AttemptQuery,
    namespace=st.none() | st.just("default"),
    account=st.none() | accounts,
    device_id=st.none() | st.just("D1"),
    outcome=st.none() | st.sampled_from(OUTCOMES),
    open_only=st.booleans(),
    invocation=st.none() | st.just("i a1"),
    before=st.none() | st.tuples(times_ms, attempt_ids),
    limit=st.integers(0, 3),
)


class TwoStores(RuleBasedStateMachine):
    """Whatever is done to both, both answer the same."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryStore()
        self.sqlite = self.run(self.open())

    def open(self):
        return SqliteStore.open(self.folder, executor=InlineExecutor())

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        self.run(self.sqlite.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def swap(self, data):
        """A swap from what is stored, or from what was never so."""
        if data.draw(st.booleans(), "of a device"):
            after = data.draw(devices)
            before = self.run(self.memory.device(after.namespace, after.device_id))
            if before is None or data.draw(st.booleans(), "stale"):
                before = replace(after, version=data.draw(st.integers(0, 3)))
            return SwapDevice(before, after)
        after = data.draw(attempts())
        before = self.run(self.memory.attempt(after.attempt_id))
        if before is None or data.draw(st.booleans(), "stale"):
            before = data.draw(attempts(st.just(after.attempt_id)))
        return SwapAttempt(before, after)

    @rule(data=st.data(), sizes=st.lists(st.integers(0, 4), min_size=1, max_size=4))
    def group(self, data, sizes):
        """A few units at once, each of a few operations."""
        units = [
            [
                self.swap(data) if data.draw(st.booleans(), "swap") else data.draw(blind_ops)
                for _ in range(size)
            ]
            for size in sizes
        ]

        async def all_of(store):
            return await asyncio.gather(*(store.unit(unit) for unit in units))

        assert self.run(all_of(self.sqlite)) == self.run(all_of(self.memory))

    @rule()
    def open_again(self):
        self.run(self.sqlite.close())
        self.sqlite = self.run(self.open())

    @rule(query=queries, after=st.integers(0, 4))
    def list_events(self, query, after):
        """Numbers may have gaps, and not the same ones: the page starts after the same event."""
        found = []
        for store in (self.memory, self.sqlite):
            everything = self.run(store.events(EventQuery(namespace=query.namespace)))
            numbers = [0, *(event.seq for event in everything)]
            paged = replace(query, after_seq=numbers[min(after, len(everything))])
            page = self.run(store.events(paged))
            found.append([replace(event, seq=numbers.index(event.seq)) for event in page])
        assert found[0] == found[1]

    @rule(query=attempt_queries)
    def list_attempts(self, query):
        self.same("attempts", query)

    @rule(namespace=namespaces, owner=st.none() | accounts, kind=st.none() | texts, data=st.data())
    def list_devices(self, namespace, owner, kind, data):
        after = data.draw(st.just("") | device_ids)
        limit = data.draw(st.integers(0, 3))
        self.same("devices", namespace, owner=owner, kind=kind, after=after, limit=limit)

    @rule(now_ms=times_ms, limit=st.integers(0, 3))
    def ask_what_is_due(self, now_ms, limit):
        self.same("due_attempts", now_ms, limit)
        self.same("deliveries", now_ms, limit)

    @invariant()
    def every_row_is_the_same(self):
        self.same("earliest_deadline_ms")
        self.same("access_keys")
        for attempt_id in ("a1", "a2", "a3"):
            self.same("attempt", attempt_id)
        for text in ("x", "y"):
            self.same("meta", text)
            self.same("answer", "AKIA1", "InitiateDeviceClaim", text)
        for namespace in ("n1", "n2"):
            self.same("devices", namespace)
            self.same("unknown_devices", namespace)
            self.same("claim_codes", namespace)
            self.same("aliases", namespace)
            for device_id in ("D1", "D2", "D3"):
                self.same("device", namespace, device_id)
                self.same("keys", namespace, device_id)

    def same(self, read, *args, **kwargs):
        memory = self.run(getattr(self.memory, read)(*args, **kwargs))
        sqlite = self.run(getattr(self.sqlite, read)(*args, **kwargs))
        assert sqlite == memory


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
