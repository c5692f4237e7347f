"""Every field of every value comes back as it was given."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace

import pytest

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.ports import Store
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddClaimCode,
    AddDevice,
    AddEvent,
    EventQuery,
    ForgetUnknown,
    NoteUnknown,
    PutAccessKey,
    PutAlias,
    PutDelivery,
    PutKey,
    PutMeta,
    RemoveAlias,
    RemoveDelivery,
    RemoveKeys,
    SwapAttempt,
    SwapDevice,
)
from tests.stores import values
from tests.stores.values import FULL_ATTEMPT, FULL_DEVICE, FULL_EVENT, NOW_MS


@pytest.mark.parametrize(
    "full",
    [FULL_DEVICE, FULL_DEVICE.claim, FULL_ATTEMPT, FULL_EVENT, FULL_EVENT.evidence],
    ids=lambda full: type(full).__name__,
)
def test_the_full_values_have_no_field_at_its_default(full):
    """Guards the tests below: a field that a row forgets would come back at its default."""
    for field in fields(full):
        given = getattr(full, field.name)
        assert given != field.default, field.name
        assert field.default_factory is MISSING or given != field.default_factory(), field.name


async def test_a_device_with_every_field_set(store: Store):
    await store.unit([AddDevice(FULL_DEVICE)])
    added = replace(FULL_DEVICE, version=1)
    assert await store.device("factory", FULL_DEVICE.device_id) == added
    assert await store.devices("factory") == [added]
    bare = Device(namespace="factory", device_id=FULL_DEVICE.device_id)
    await store.unit([SwapDevice(added, bare)])
    assert await store.devices("factory") == [replace(bare, version=2)]
    await store.unit([SwapDevice(replace(bare, version=2), FULL_DEVICE)])
    full_again = replace(FULL_DEVICE, version=3)
    assert await store.device("factory", FULL_DEVICE.device_id) == full_again
    assert await store.devices("factory") == [full_again]


async def test_no_repeat_state_is_not_an_empty_one(store: Store):
    await store.unit([AddDevice(values.device("D1", repeats={}))])
    await store.unit([AddDevice(values.device("D2", repeats=None))])
    assert [found.repeats for found in await store.devices("default")] == [{}, None]


async def test_an_attempt_with_every_field_set(store: Store):
    await store.unit([AddAttempt(FULL_ATTEMPT)])
    assert await store.attempt("a4") == FULL_ATTEMPT
    changed = replace(
        FULL_ATTEMPT,
        epoch=5,
        deadline_ms=1,
        outcome=None,
        reason="",
        ended_ms=None,
        released_ms=None,
        simulated=False,
        timeline=(),
    )
    await store.unit([SwapAttempt(FULL_ATTEMPT, changed)])
    assert await store.attempt("a4") == changed
    assert await store.due_attempts(NOW_MS, 10) == [changed]


async def test_an_event_with_every_field_set(store: Store):
    # Repeats are counted by the store, but an event may come with some.
    await store.unit([AddEvent(FULL_EVENT)])
    assert await store.event("e9") == FULL_EVENT
    assert await store.events(EventQuery(namespace="factory")) == [FULL_EVENT]


async def test_types_are_those_that_were_given(store: Store):
    await store.unit([AddDevice(FULL_DEVICE), AddEvent(FULL_EVENT), AddAttempt(FULL_ATTEMPT)])
    device = await store.device("factory", FULL_DEVICE.device_id)
    attempt = await store.attempt("a4")
    event = await store.event("e9")
    for found, given in ((device, FULL_DEVICE), (attempt, FULL_ATTEMPT), (event, FULL_EVENT)):
        for field in fields(given):
            assert type(getattr(found, field.name)) is type(getattr(given, field.name)), field.name


async def test_changing_a_mapping_afterwards_changes_nothing_stored(store: Store):
    tags = {"line": "3"}
    await store.unit([AddDevice(values.device("D1", tags=tags))])
    tags["line"] = "4"
    found = await store.device("default", "D1")
    assert found.tags == {"line": "3"}


async def test_a_row_that_is_read_again_is_not_decoded_again(store: Store):
    await store.unit([AddDevice(values.device("D1")), AddAttempt(values.attempt("a1"))])
    device, attempt = await store.device("default", "D1"), await store.attempt("a1")
    assert await store.device("default", "D1") is device
    assert await store.attempt("a1") is attempt
    await store.unit([SwapDevice(device, replace(device, enabled=True))])
    assert (await store.device("default", "D1")).enabled
    assert await store.attempt("a1") is attempt


async def test_large_numbers_and_strange_text(store: Store):
    text = "quotes \"' and \\ and \n newline, zero \x00, emoji 🔘"
    event = values.event("e1", reported_ms=2**63 - 1, received_ms=-1, reason=text)
    attempt = values.attempt("a1", reason=text)
    assert isinstance(event, DeviceEvent)
    assert isinstance(attempt, Attempt)
    await store.unit([AddEvent(event), AddAttempt(attempt), PutMeta(text, text)])
    assert await store.event("e1") == replace(event, seq=1)
    assert await store.attempt("a1") == attempt
    assert await store.meta(text) == text


async def test_answers_keep_their_bytes(store: Store):
    kept = values.answer(body=bytes(range(256)))
    await store.unit([AddAnswer(kept)])
    assert await store.answer("AKIA1", "InitiateDeviceClaim", "i1") == kept
    assert await store.answer("AKIA1", "InitiateDeviceClaim", "i2") is None


async def test_access_keys_are_put_and_put_again(store: Store):
    first = values.access_key("AKIA2", label="line 3")
    await store.unit([PutAccessKey(first)])
    await store.unit([PutAccessKey(values.access_key("AKIA1"))])
    assert await store.access_key("AKIA2") == first
    revoked = replace(first, revoked_ms=NOW_MS + 1)
    await store.unit([PutAccessKey(revoked)])
    assert await store.access_key("AKIA2") == revoked
    assert await store.access_keys() == [values.access_key("AKIA1"), revoked]
    assert await store.access_key("AKIA3") is None


async def test_a_claim_code_with_every_field_set(store: Store):
    code = values.claim_code(used_by="123456789012", used_ms=NOW_MS)
    await store.unit([AddClaimCode(code)])
    assert await store.claim_code("default", code.code) == code
    assert await store.claim_code("other", code.code) is None


async def test_keys_of_a_device(store: Store):
    hmac = values.key("D1", "hmac")
    bthome = values.key("D1", "bthome", simulated=True)
    await store.unit([PutKey(hmac), PutKey(bthome), PutKey(values.key("D2"))])
    assert await store.keys("default", "D1") == [bthome, hmac]
    await store.unit([PutKey(replace(hmac, secret=b"new"))])
    assert await store.keys("default", "D1") == [bthome, replace(hmac, secret=b"new")]
    await store.unit([RemoveKeys("default", "D1")])
    assert await store.keys("default", "D1") == []
    assert await store.keys("default", "D2") == [values.key("D2")]


async def test_aliases_are_put_moved_and_removed(store: Store):
    await store.unit(
        [
            PutAlias("default", "B", "D1"),
            PutAlias("default", "A", "D1"),
            PutAlias("other", "A", "X"),
        ]
    )
    assert await store.aliases("default") == [("A", "D1"), ("B", "D1")]
    await store.unit([PutAlias("default", "A", "D2")])
    assert await store.alias("default", "A") == "D2"
    assert await store.aliases("default", "D1") == [("B", "D1")]
    await store.unit([RemoveAlias("default", "A"), RemoveAlias("default", "unknown")])
    assert await store.alias("default", "A") is None
    assert await store.alias("other", "A") == "X"


async def test_deliveries_are_put_put_off_and_done(store: Store):
    first = values.delivery("d1")
    await store.unit([PutDelivery(first)])
    assert await store.deliveries(NOW_MS) == [first]
    put_off = replace(first, due_ms=NOW_MS + 1, tries=1, last_error="timed out")
    await store.unit([PutDelivery(put_off)])
    assert await store.deliveries(NOW_MS) == []
    assert await store.deliveries(NOW_MS + 1) == [put_off]
    await store.unit([RemoveDelivery("d1"), RemoveDelivery("unknown")])
    assert await store.deliveries(NOW_MS + 1) == []


async def test_an_unknown_device_with_every_field_set(store: Store):
    heard = values.unknown("A1", extra={"rssi_dbm": -70, "name": "ATC_1"}, count=77)
    await store.unit([NoteUnknown(heard, keep=10)])
    assert await store.unknown_devices("default") == [replace(heard, count=1)]
    await store.unit([ForgetUnknown("default", "A1"), ForgetUnknown("default", "A2")])
    assert await store.unknown_devices("default") == []
