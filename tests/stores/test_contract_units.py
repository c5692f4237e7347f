"""Units: all of their operations or none, whoever else commits with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from orchestrator.domain.attempts import ended, with_mark
from orchestrator.domain.devices import Claim, Device
from orchestrator.domain.errors import StoreError
from orchestrator.ports import Store
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddClaimCode,
    AddDevice,
    AddEvent,
    AttemptQuery,
    Committed,
    Conflict,
    CountRepeat,
    EventQuery,
    PutAlias,
    PutKey,
    PutMeta,
    RemoveDevice,
    SwapAttempt,
    SwapClaimCode,
    SwapDevice,
)
from tests.stores import values
from tests.stores.values import ACCOUNT, NOW_MS, device, stored


async def test_a_unit_without_operations_is_committed(store: Store):
    assert await store.unit([]) == Committed()


async def test_a_unit_stores_all_its_operations(store: Store):
    unit = [AddDevice(device("D1")), AddAttempt(values.attempt("a1")), PutMeta("m", "1")]
    assert await store.unit(unit) == Committed()
    assert await store.device("default", "D1") == stored(device("D1"))
    assert await store.attempt("a1") == values.attempt("a1")
    assert await store.meta("m") == "1"


async def test_a_conflict_names_the_operation_and_stores_nothing(store: Store):
    await store.unit([AddDevice(device("D1"))])
    again = AddDevice(device("D1", kind="other"))
    assert await store.unit([PutMeta("m", "1"), again, PutMeta("n", "2")]) == Conflict(again)
    assert await store.device("default", "D1") == stored(device("D1"))
    assert await store.meta("m") is None
    assert await store.meta("n") is None


async def test_a_conflict_undoes_only_its_own_unit(store: Store):
    await store.unit([AddDevice(device("D1"))])
    before = await store.device("default", "D1")
    swaps = [SwapDevice(before, replace(before, clicks=clicks)) for clicks in (1, 2, 3)]
    results = await asyncio.gather(
        store.unit([PutMeta("first", "1"), swaps[0]]),
        store.unit([PutMeta("second", "1"), PutMeta("first", "2"), swaps[1]]),
        store.unit([PutMeta("third", "1")]),
        store.unit([swaps[2], PutMeta("fourth", "1")]),
    )
    assert results == [Committed(), Conflict(swaps[1]), Committed(), Conflict(swaps[2])]
    assert (await store.device("default", "D1")).clicks == 1
    metas = [await store.meta(name) for name in ("first", "second", "third", "fourth")]
    assert metas == ["1", None, "1", None]


async def test_of_many_swaps_at_once_exactly_one_goes_through(store: Store):
    await store.unit([AddDevice(device("D1"))])
    before = await store.device("default", "D1")
    results = await asyncio.gather(
        *(store.unit([SwapDevice(before, replace(before, clicks=n))]) for n in range(50))
    )
    assert results.count(Committed()) == 1
    after = await store.device("default", "D1")
    assert after.version == 2
    assert results[after.clicks] == Committed()


async def test_later_units_of_a_group_build_on_earlier_ones(store: Store):
    first = stored(device("D1"))
    results = await asyncio.gather(
        store.unit([AddDevice(device("D1"))]),
        store.unit([SwapDevice(first, replace(first, clicks=1))]),
        store.unit([SwapDevice(replace(first, version=2), replace(first, clicks=2))]),
    )
    assert results == [Committed()] * 3
    assert await store.device("default", "D1") == replace(first, version=3, clicks=2)


async def test_a_cancelled_waiter_does_not_undo_its_unit(store: Store):
    waiter = asyncio.create_task(store.unit([PutMeta("m", "1")]))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    # Units commit in order, so when this one has, the other has too.
    await store.unit([PutMeta("n", "2")])
    assert await store.meta("m") == "1"


async def test_values_that_cannot_be_stored_fail_their_own_unit_only(store: Store):
    not_json = device("D1", tags={"what": object()})
    not_a_device = cast("Device", None)
    results = await asyncio.gather(
        store.unit([PutMeta("before", "1")]),
        store.unit([PutMeta("lost", "1"), AddDevice(not_json)]),
        store.unit([PutMeta("lost", "1"), AddDevice(not_a_device)]),
        store.unit([PutMeta("after", "1")]),
        return_exceptions=True,
    )
    assert results[0] == results[3] == Committed()
    assert isinstance(results[1], TypeError)
    assert isinstance(results[2], AttributeError)
    metas = [await store.meta(name) for name in ("before", "lost", "after")]
    assert metas == ["1", None, "1"]


@pytest.mark.parametrize(
    "swap",
    [
        SwapDevice(device("D1"), device("D2")),
        SwapDevice(device("D1"), device("D1", namespace="other")),
        SwapAttempt(values.attempt("a1"), values.attempt("a2")),
        SwapAttempt(values.attempt("a1"), values.attempt("a1", account="999999999999")),
        SwapAttempt(values.attempt("a1"), values.attempt("a1", opened_ms=0)),
        SwapClaimCode(values.claim_code("C-1"), values.claim_code("C-2")),
    ],
)
async def test_a_swap_of_two_different_things_is_a_fault_of_ours(store: Store, swap):
    with pytest.raises(ValueError, match="two different things"):
        await store.unit([PutMeta("m", "1"), swap])
    assert await store.meta("m") is None


async def test_a_closed_store_says_so(store: Store):
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.unit([])
    with pytest.raises(StoreError, match="closed"):
        await store.device("default", "D1")
    await store.close()


# --- devices ------------------------------------------------------------------------------------


async def test_a_swap_raises_the_version_whatever_after_says(store: Store):
    await store.unit([AddDevice(device("D1", version=40))])
    assert (await store.device("default", "D1")).version == 1
    before = await store.device("default", "D1")
    await store.unit([SwapDevice(before, replace(before, version=99, enabled=True))])
    assert await store.device("default", "D1") == replace(before, version=2, enabled=True)


async def test_a_swap_compares_the_version_and_nothing_else(store: Store):
    await store.unit([AddDevice(device("D1", clicks=5))])
    told_otherwise = device("D1", version=1, clicks=77)
    after = device("D1", clicks=6)
    assert await store.unit([SwapDevice(told_otherwise, after)]) == Committed()
    assert await store.device("default", "D1") == stored(after, version=2)


@pytest.mark.parametrize("version", [0, 2])
async def test_a_swap_from_another_version_is_a_conflict(store: Store, version):
    await store.unit([AddDevice(device("D1"))])
    swap = SwapDevice(device("D1", version=version), device("D1", clicks=6))
    assert await store.unit([swap]) == Conflict(swap)


async def test_a_swap_or_removal_of_an_unknown_device_is_a_conflict(store: Store):
    for op in (SwapDevice(device("D1"), device("D1")), RemoveDevice(device("D1"))):
        assert await store.unit([op]) == Conflict(op)


async def test_namespaces_keep_devices_of_one_name_apart(store: Store):
    await store.unit([AddDevice(device("D1", "one")), AddDevice(device("D1", "two"))])
    one = await store.device("one", "D1")
    await store.unit([SwapDevice(one, replace(one, clicks=1))])
    assert (await store.device("one", "D1")).clicks == 1
    assert (await store.device("two", "D1")).clicks == 0
    assert await store.device("three", "D1") is None


async def test_a_removed_device_takes_its_keys_and_aliases_along(store: Store):
    for name in ("D1", "D2"):
        await store.unit(
            [
                AddDevice(device(name)),
                PutKey(values.key(name)),
                PutAlias("default", f"mac of {name}", name),
                AddEvent(values.event(f"event of {name}", device_id=name)),
                AddAttempt(values.attempt(f"attempt of {name}", device_id=name)),
            ]
        )
    await store.unit([PutKey(values.key("D1", namespace="other"))])
    await store.unit([PutAlias("other", "mac of D1", "D1")])
    before = await store.device("default", "D1")
    stale = RemoveDevice(replace(before, version=9))
    assert await store.unit([stale]) == Conflict(stale)
    assert await store.unit([RemoveDevice(before)]) == Committed()

    assert await store.device("default", "D1") is None
    assert await store.keys("default", "D1") == []
    assert await store.aliases("default") == [("mac of D2", "D2")]
    assert await store.keys("default", "D2") == [values.key("D2")]
    assert await store.keys("other", "D1") == [values.key("D1", namespace="other")]
    assert await store.alias("other", "mac of D1") == "D1"
    assert await store.event("event of D1") is not None
    assert await store.attempt("attempt of D1") is not None


async def test_what_was_decided_before_a_removal_fits_nothing_that_came_after(store: Store):
    """Added again, a device goes on counting: versions and epochs that were given stay given."""
    await store.unit([AddDevice(device("D1"))])
    old = []
    for epoch in (1, 2, 3):
        before = await store.device("default", "D1")
        old.append(before)
        await store.unit([SwapDevice(before, replace(before, claim=Claim(epoch=epoch)))])
    last = await store.device("default", "D1")
    assert await store.unit([RemoveDevice(last), AddDevice(device("D1"))]) == Committed()

    again = await store.device("default", "D1")
    assert again == device("D1", version=last.version + 1, claim=Claim(epoch=3))
    for before in (*old, last):
        for late in (SwapDevice(before, replace(before, clicks=9)), RemoveDevice(before)):
            assert await store.unit([late]) == Conflict(late)

    await store.unit([RemoveDevice(again)])
    assert await store.device("default", "D1") is None
    assert await store.unit([AddDevice(device("D1", claim=Claim(epoch=8)))]) == Committed()
    third = await store.device("default", "D1")
    assert (third.version, third.claim.epoch) == (again.version + 1, 8)


async def test_a_claim_that_begins_on_a_removed_device_must_know_where_it_ended(store: Store):
    await store.unit([AddDevice(device("D1", claim=Claim(epoch=3)))])
    await store.unit([RemoveDevice(await store.device("default", "D1"))])
    begun = [
        device("D1", claim=Claim(state="CLAIM_INITIATED", owner=values.ACCOUNT, epoch=epoch))
        for epoch in (1, 3, 4)
    ]
    for unaware in begun[:2]:
        assert await store.unit([AddDevice(unaware)]) == Conflict(AddDevice(unaware))
    assert await store.device("default", "D1") is None
    assert await store.unit([AddDevice(begun[2])]) == Committed()
    assert (await store.device("default", "D1")).claim == begun[2].claim


async def test_a_removed_device_says_nothing_of_its_namesakes(store: Store):
    await store.unit([AddDevice(device("D1", "one"))])
    before = await store.device("one", "D1")
    after = replace(before, claim=Claim(epoch=5))
    await store.unit([SwapDevice(before, after)])
    await store.unit([RemoveDevice(await store.device("one", "D1"))])
    await store.unit([AddDevice(device("D1", "two")), AddDevice(device("D2", "one"))])
    assert await store.device("two", "D1") == stored(device("D1", "two"))
    assert await store.device("one", "D2") == stored(device("D2", "one"))


async def test_a_removal_that_is_undone_leaves_the_device_as_it_was(store: Store):
    await store.unit([AddDevice(device("D1"))])
    before = await store.device("default", "D1")
    taken = AddDevice(device("D2"))
    await store.unit([taken])
    assert await store.unit([RemoveDevice(before), taken]) == Conflict(taken)
    swap = SwapDevice(before, replace(before, clicks=1))
    assert await store.unit([swap]) == Committed()


# --- attempts -----------------------------------------------------------------------------------


async def test_an_attempt_is_added_once(store: Store):
    await store.unit([AddAttempt(values.attempt("a1"))])
    again = AddAttempt(values.attempt("a1", reason="other"))
    assert await store.unit([again]) == Conflict(again)
    assert await store.attempt("a1") == values.attempt("a1")


async def test_an_attempt_gets_exactly_one_outcome(store: Store):
    before = values.attempt("a1")
    await store.unit([AddAttempt(before)])
    claimed = SwapAttempt(before, ended(before, "CLAIMED", "", NOW_MS))
    timed_out = SwapAttempt(before, ended(before, "TIMED_OUT", "", NOW_MS))
    results = await asyncio.gather(store.unit([claimed]), store.unit([timed_out]))
    assert results == [Committed(), Conflict(timed_out)]
    assert (await store.attempt("a1")).outcome == "CLAIMED"


async def test_a_swap_of_an_attempt_compares_outcome_release_and_marks(store: Store):
    plain = values.attempt("a1")
    marked = with_mark(plain, "click", NOW_MS)
    finished = ended(marked, "CLAIMED", "", NOW_MS)
    released = replace(finished, released_ms=NOW_MS + 1)
    after = replace(finished, released_ms=NOW_MS + 2)
    await store.unit([AddAttempt(finished)])
    unlike = [plain, marked, released, replace(finished, outcome="FAILED")]
    for before in unlike:
        swap = SwapAttempt(before, after)
        assert await store.unit([swap]) == Conflict(swap)
    # The deadline and the reason are not compared.
    alike = replace(finished, deadline_ms=0, reason="other")
    assert await store.unit([SwapAttempt(alike, after)]) == Committed()
    assert await store.attempt("a1") == after


async def test_a_swap_of_an_unknown_attempt_is_a_conflict(store: Store):
    swap = SwapAttempt(values.attempt("a1"), values.attempt("a1"))
    assert await store.unit([swap]) == Conflict(swap)


async def test_an_undone_attempt_is_nowhere_to_be_found(store: Store):
    swap = SwapDevice(device("D1"), device("D1"))
    await store.unit([AddAttempt(values.attempt("a1", invocation="i")), swap])
    assert await store.attempt("a1") is None
    assert await store.attempts(AttemptQuery(invocation="i")) == []
    assert await store.earliest_deadline_ms() is None


# --- events, answers, codes ---------------------------------------------------------------------


async def test_an_event_is_added_once(store: Store):
    await store.unit([AddEvent(values.event("e1"))])
    again = AddEvent(values.event("e1", source="another"))
    assert await store.unit([PutMeta("m", "1"), again]) == Conflict(again)
    assert await store.meta("m") is None
    assert len(await store.events(EventQuery(namespace="default"))) == 1


async def test_repeats_are_counted_on_the_event(store: Store):
    await store.unit([AddEvent(values.event("e1")), AddEvent(values.event("e2"))])
    await store.unit([CountRepeat("e1", NOW_MS + 10), CountRepeat("e1", NOW_MS + 20)])
    found = await store.event("e1")
    assert (found.repeats, found.last_repeat_ms) == (2, NOW_MS + 20)
    assert (await store.event("e2")).repeats == 0


async def test_a_repeat_of_a_purged_event_is_nothing(store: Store):
    assert await store.unit([CountRepeat("gone", NOW_MS)]) == Committed()
    assert await store.event("gone") is None


async def test_an_answer_is_kept_once_for_its_request(store: Store):
    kept = values.answer("i1")
    await store.unit([AddAnswer(kept)])
    again = AddAnswer(replace(kept, body=b"other"))
    assert await store.unit([again]) == Conflict(again)
    assert await store.answer("AKIA1", "InitiateDeviceClaim", "i1") == kept
    others = [
        replace(kept, access_key="AKIA2"),
        replace(kept, operation="FinalizeDeviceClaim"),
        replace(kept, invocation="i2"),
    ]
    assert await store.unit([AddAnswer(other) for other in others]) == Committed()


async def test_a_claim_code_is_used_once(store: Store):
    code = values.claim_code()
    await store.unit([AddClaimCode(code)])
    again = AddClaimCode(replace(code, device_ids=()))
    assert await store.unit([again]) == Conflict(again)
    used = SwapClaimCode(code, replace(code, used_by=ACCOUNT, used_ms=NOW_MS))
    late = SwapClaimCode(code, replace(code, used_by="999999999999", used_ms=NOW_MS))
    assert await asyncio.gather(store.unit([used]), store.unit([late])) == [
        Committed(),
        Conflict(late),
    ]
    assert await store.claim_code("default", code.code) == used.after
    unknown = SwapClaimCode(values.claim_code("C-OTHER"), values.claim_code("C-OTHER"))
    assert await store.unit([unknown]) == Conflict(unknown)


async def test_a_whole_claim_goes_through_in_three_units(store: Store):
    await store.unit([AddDevice(device("D1"))])
    fresh = await store.device("default", "D1")
    opened = values.attempt("a1")
    waiting = replace(
        fresh, claim=Claim(state="CLAIM_INITIATED", owner=ACCOUNT, epoch=1, attempt_id="a1")
    )
    await store.unit([SwapDevice(fresh, waiting), AddAttempt(opened), AddAnswer(values.answer())])

    found = await store.device("default", "D1")
    pressed = replace(found, claim=replace(found.claim, click_event_id="e1"), clicks=1)
    clicked = with_mark(opened, "click", NOW_MS + 5)
    click = AddEvent(values.event("e1", disposition="MATCHED", attempt_id="a1", epoch=1))
    await store.unit([SwapDevice(found, pressed), click, SwapAttempt(opened, clicked)])

    found = await store.device("default", "D1")
    claimed = replace(found, claim=replace(found.claim, state="CLAIMED"))
    recorded = ended(clicked, "CLAIMED", "", NOW_MS + 9)
    await store.unit([SwapDevice(found, claimed), SwapAttempt(clicked, recorded)])

    assert await store.device("default", "D1") == replace(claimed, version=4)
    assert await store.attempt("a1") == recorded
    assert await store.earliest_deadline_ms() is None
