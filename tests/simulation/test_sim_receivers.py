"""Owners are told of their own clicks, after the commit, at least once; anything else is found."""

from __future__ import annotations

import json
import random
from collections import Counter
from types import SimpleNamespace

import httpx
import pytest

from orchestrator.domain.changes import changed
from orchestrator.domain.devices import Claim, Device
from orchestrator.simulation.receivers import HOST, Receivers
from orchestrator.simulation.truth import InvariantError
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import AddAttempt, AddEvent, Delivery, PutDelivery, SwapDevice
from tests.simulation.rows import CLICK, MINE, OPENED

THEIRS = "444455556666"
URL = f"http://{HOST}/{MINE}/default/B1"
EVENT = changed(CLICK, disposition="DELIVERED")
CALL = PutDelivery(
    Delivery(
        delivery_id="e1-click",
        namespace="default",
        device_id="B1",
        url=URL,
        payload=b"",
        created_ms=5_000,
        due_ms=5_000,
    )
)


def device(*, enabled=True, url=URL, owner=MINE):
    claim = Claim(state="CLAIMED", owner=owner, epoch=1, attempt_id="a1")
    callbacks = {"onClick": {"callback": {"url": url}}} if url else {}
    return Device(
        namespace="default", device_id="B1", claim=claim, enabled=enabled, callbacks=callbacks
    )


def unit(*more, **about):
    after = device(**about)
    return [SwapDevice(after, after), AddEvent(EVENT), *more]


@pytest.fixture
def counts():
    return Counter()


@pytest.fixture
def receivers(counts):
    return Receivers(random.Random(1), 0.0, lambda what: counts.update([what]))


async def post(receivers, *rows, url=URL, told="B1"):
    store = MemoryStore()
    await store.unit(rows)
    body = json.dumps({"deviceInfo": {"deviceId": told}})
    request = httpx.Request(
        "POST", url, content=body, headers={"x-clickclaim-event-id": "e1-click"}
    )
    node = SimpleNamespace(name="S1", store=store)
    return node, await receivers.take(node, request)


async def test_an_owner_who_is_told_at_least_once_is_content(receivers, counts):
    receivers.committed(unit(CALL))
    with pytest.raises(InvariantError, match=r"invariant 3.*was never told of e1"):
        receivers.check_all_told()
    for _ in range(2):
        node, status = await post(receivers, AddEvent(EVENT), AddAttempt(OPENED))
        assert 200 <= status < 300
    receivers.check_all_told()
    await receivers.check_restarted(node)
    assert counts == {"callback taken": 1, "callback taken again": 1}


async def test_a_server_that_does_not_take_it_was_not_told(receivers, counts):
    receivers.fails = 1.0
    receivers.committed(unit(CALL))
    _, status = await post(receivers, AddEvent(EVENT), AddAttempt(OPENED))
    assert status >= 300
    assert counts == {"callback refused": 1}
    with pytest.raises(InvariantError, match="never told"):
        receivers.check_all_told()


async def test_what_is_not_on_record_or_is_lost_later_is_found(receivers):
    with pytest.raises(InvariantError, match=r"invariant 3.*not on record"):
        await post(receivers)
    with pytest.raises(InvariantError, match=r"invariant 3.*which is gone"):
        await receivers.check_restarted(SimpleNamespace(name="S1", store=MemoryStore()))


async def test_whoever_is_told_of_what_is_not_theirs_is_found(receivers):
    rows = [AddEvent(EVENT), AddAttempt(OPENED)]
    with pytest.raises(InvariantError, match="invariant 2"):
        await post(receivers, *rows, url=f"http://{HOST}/{THEIRS}/default/B1")
    with pytest.raises(InvariantError, match=r"invariant 2.*told of B2"):
        await post(receivers, *rows, told="B2")
    receivers.committed(unit(enabled=False))
    with pytest.raises(InvariantError, match=r"invariant 6.*asked for none"):
        await post(receivers, *rows)


def test_a_callback_that_is_not_committed_with_its_click_is_found(receivers):
    with pytest.raises(InvariantError, match=r"invariant 3.*its callback is not yet"):
        receivers.committed(unit())


def test_a_new_owner_with_the_callback_of_the_last_is_found(receivers):
    with pytest.raises(InvariantError, match="invariant 2"):
        receivers.committed(unit(owner=THEIRS))
    receivers.committed(unit(owner=THEIRS, url=None))
