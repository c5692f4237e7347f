"""Time of one's own: it passes when told to, ends what is due on the way, and moves no other's."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.api.development import MOST_ADVANCE_MS
from orchestrator.claims.service import ClaimService
from orchestrator.claims.virtual_time import END_MS
from orchestrator.clocks import VirtualClock, VirtualClocks
from orchestrator.domain.ids import Caller
from orchestrator.runtime.service import open_service
from orchestrator.settings import for_profile
from tests.development.conftest import DEVICE


async def test_a_window_of_two_minutes_costs_nothing(tester):
    opened = await tester.initiate()
    deadline_ms = int(opened.headers["x-clickclaim-deadline-ms"])
    now = await tester.advance(119_999)
    assert now["nowMs"] == deadline_ms - 1
    assert (await tester.latest())["outcome"] is None
    assert (await tester.advance(1))["nowMs"] == deadline_ms
    ended = await tester.latest()
    assert (ended["outcome"], ended["endedMs"]) == ("TIMED_OUT", deadline_ms)


async def test_what_ends_on_the_way_ends_at_its_own_time(tester):
    await tester.do("PUT", "/devices/A/initiate-claim")
    await tester.advance(30_000)
    await tester.do("PUT", "/devices/B/initiate-claim")
    began_ms = (await tester.advance(0))["nowMs"]
    await tester.advance(3_600_000)
    records = (await tester.do("GET", "/v1/records")).json()["records"]
    assert {one["deviceId"]: one["endedMs"] - began_ms for one in records} == {
        "A": 90_000,
        "B": 120_000,
    }


async def test_a_click_counts_by_the_time_of_its_namespace(tester):
    await tester.initiate()
    await tester.advance(119_999)
    assert (await tester.press())["disposition"] == "MATCHED"
    assert (await tester.finalize()).json() == {"state": "CLAIMED"}
    ended = await tester.latest()
    assert ended["latenciesMs"]["click_ms"] == 119_999


async def test_a_click_after_the_window_is_late(tester):
    await tester.initiate()
    await tester.advance(120_000)
    assert (await tester.press())["disposition"] == "LATE"


async def test_time_of_one_namespace_moves_no_other(new_tester):
    one, other = await new_tester(), await new_tester()
    assert one.namespace != other.namespace
    await one.initiate()
    await other.initiate()
    before = (await other.do("GET", "/v1/clock")).json()
    await one.advance(120_000)
    assert (await one.latest())["outcome"] == "TIMED_OUT"
    assert (await other.latest())["outcome"] is None
    assert (await other.do("GET", "/v1/clock")).json() == before
    assert before["virtual"] is True


async def test_calls_at_the_same_time_add_up(tester):
    before = (await tester.advance(0))["nowMs"]
    await asyncio.gather(*(tester.advance(1_000) for _ in range(20)))
    assert (await tester.advance(0))["nowMs"] == before + 20_000


async def test_signatures_stay_on_real_time(tester):
    await tester.advance(3_600_000)
    assert (await tester.do("GET", "/v1/clock")).status_code == 200


async def test_a_retry_is_the_same_request_for_ten_minutes_of_its_own_time(tester):
    first = await tester.initiate(**{"amz-sdk-invocation-id": "once"})
    await tester.advance(599_999)
    again = await tester.initiate(**{"amz-sdk-invocation-id": "once"})
    assert again.headers["x-clickclaim-epoch"] == first.headers["x-clickclaim-epoch"]
    await tester.advance(1)
    new = await tester.initiate(**{"amz-sdk-invocation-id": "once"})
    assert new.headers["x-clickclaim-epoch"] != first.headers["x-clickclaim-epoch"]


@pytest.mark.parametrize("ms", [-1, MOST_ADVANCE_MS + 1, "soon", 1.5, None])
async def test_time_goes_neither_back_nor_anywhere_odd(tester, ms):
    answer = await tester.do("POST", "/v1/clock/advance", {"ms": ms})
    assert (answer.status_code, answer.json()["code"]) == (400, "400")


async def test_virtual_time_has_an_end(service, tester):
    left_ms = END_MS - service.claims.now_ms(tester.namespace) - 1
    for _ in range(left_ms // MOST_ADVANCE_MS):
        service.claims.clocks.move(tester.namespace, MOST_ADVANCE_MS)
    await tester.advance(left_ms % MOST_ADVANCE_MS)
    refused = await tester.do("POST", "/v1/clock/advance", {"ms": 1})
    assert refused.status_code == 400
    assert "2199" in refused.json()["message"]


async def test_virtual_time_goes_on_where_it_was_and_ends_what_is_overdue(tmp_path):
    caller = Caller("mine", "111122223333", "KEY")
    async with open_service(for_profile("dev"), tmp_path, virtual_time=True) as first:
        opened = await first.claims.initiate(caller, DEVICE)
        other = await first.claims.initiate(Caller("other", "111122223333", "KEY"), DEVICE)
        await first.claims.advance("mine", 60_000)
    async with open_service(for_profile("dev"), tmp_path, virtual_time=True) as second:
        assert second.claims.now_ms("mine") >= opened.deadline_ms - 60_000
        reached_ms = await second.claims.advance("mine", 86_400_000)
        assert (await second.store.attempt(opened.attempt_id)).outcome == "TIMED_OUT"
        assert (await second.store.attempt(other.attempt_id)).outcome is None
    async with open_service(for_profile("dev"), tmp_path, virtual_time=True) as third:
        assert third.claims.now_ms("other") == reached_ms
        ended = await third.store.attempt(other.attempt_id)
        assert (ended.outcome, ended.ended_ms) == ("TIMED_OUT", reached_ms)


async def test_real_time_is_not_for_sale():
    async with open_service(for_profile("dev"), None, clock=VirtualClock(5_000)) as service:
        assert isinstance(service.claims, ClaimService)
        assert service.claims.clocks is None
        assert service.claims.now_ms("anywhere") == 5_000


def test_a_clock_that_was_never_moved_costs_nothing():
    clocks = VirtualClocks(1_000)
    assert clocks.clock_for("a") is clocks.clock_for("b")
    assert clocks.move("a", 5) == 1_005
    assert clocks.clock_for("b").now_ms() == 1_000
    assert clocks.latest_ms == 1_005
