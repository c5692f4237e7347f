"""Frames that a station heard and posted: whose they are, when they came, what is answered."""

from __future__ import annotations

import asyncio

import pytest

from hardware.click import RawFrame
from orchestrator.clocks import VirtualClock
from orchestrator.domain.errors import StoreError
from orchestrator.domain.ids import Caller
from orchestrator.ingest.answered import Answered
from orchestrator.settings import for_profile
from orchestrator.stores.memory import MemoryStore
from tests.ingest.world import ELSEWHERE, MINE, World

STATION = Caller(MINE.namespace, MINE.account, "KEYSTATION")


def line(world, text: bytes, **said) -> RawFrame:
    facts = {
        "transport": "serial",
        "source": "serial:/dev/ttyACM0",
        "heard_ms": world.clock.now_ms(),
        "payload": text,
        "address": "E6614C311B6A9F32",
        "direct": True,
    }
    return RawFrame(**(facts | said))


def sentence(device_id: str = "B1", counter: int = 1) -> bytes:
    from firmware_sim.core.wire import ButtonClick, encode_sentence

    return encode_sentence(ButtonClick(device_id, 7, counter, "SINGLE", test_mode=False))


@pytest.fixture
async def world():
    world = World(MemoryStore(), VirtualClock(), for_profile("production"))
    await world.registry.add("default", ["B1", "B2"])
    await world.registry.add("elsewhere", ["B1"])
    yield world
    await world.stop()


async def test_a_click_at_the_stations_own_port_claims_in_production(world):
    await world.service.initiate(MINE, "B1")
    (receipt,) = await world.ingest.receive_frames(MINE, [line(world, sentence())])
    assert (receipt.disposition, receipt.device_id) == ("MATCHED", "B1")
    assert receipt.reason
    assert await world.service.finalize(MINE, "B1") == "CLAIMED"


async def test_what_the_station_heard_through_a_network_is_not_heard_by_its_driver(world):
    await world.service.initiate(MINE, "B1")
    frame = line(world, sentence(), source="serial:socket://gateway:4000", direct=False)
    (receipt,) = await world.ingest.receive_frames(MINE, [frame])
    assert receipt.disposition == "EVIDENCE_TOO_WEAK"


async def test_a_recording_that_a_station_plays_is_simulated(world):
    await world.service.initiate(MINE, "B1")
    frame = line(world, sentence(), source="replay:night.jsonl")
    (receipt,) = await world.ingest.receive_frames(MINE, [frame])
    assert receipt.disposition == "SIMULATED_REFUSED"


async def test_frames_are_the_namespaces_of_whoever_posts_them(world):
    await world.service.initiate(MINE, "B1")
    (receipt,) = await world.ingest.receive_frames(ELSEWHERE, [line(world, sentence())])
    assert receipt.disposition == "NO_CLAIM"
    assert await world.events("B1", "default") == []


async def test_a_topic_of_another_namespace_is_refused(world):
    await world.service.initiate(MINE, "B1")
    frame = world.frame("B1", namespace="default")
    (receipt,) = await world.ingest.receive_frames(ELSEWHERE, [frame])
    assert receipt.disposition is None
    assert "namespace default" in receipt.reason
    assert await world.events("B1", "default") == []


async def test_each_frame_has_its_receipt_in_order(world):
    receipts = await world.ingest.receive_frames(
        MINE,
        [
            line(world, sentence("B2", 1)),
            line(world, b"noise"),
            line(world, sentence("B9", 1)),
            line(world, sentence("B2", 1)),
        ],
    )
    assert [(r.disposition, r.device_id) for r in receipts] == [
        ("NO_CLAIM", "B2"),
        (None, None),
        ("UNKNOWN_DEVICE", "B9"),
        ("DUPLICATE", "B2"),
    ]


async def test_a_press_that_waited_at_the_station_since_before_initiate_does_not_count(world):
    frame = line(world, sentence())
    await world.clock.advance(30_000)
    await world.service.initiate(MINE, "B1")
    (receipt,) = await world.ingest.receive_frames(MINE, [frame])
    assert receipt.disposition == "EARLY"


async def test_a_press_that_waited_at_the_station_since_the_window_opened_counts(world):
    await world.service.initiate(MINE, "B1")
    await world.clock.advance(1_000)
    frame = line(world, sentence())
    await world.clock.advance(30_000)
    (receipt,) = await world.ingest.receive_frames(MINE, [frame])
    assert receipt.disposition == "MATCHED"


async def test_a_station_whose_clock_is_ahead_moves_nothing_into_the_future(world):
    await world.service.initiate(MINE, "B1")
    now_ms = world.clock.now_ms()
    frame = line(world, sentence(), heard_ms=now_ms + 3_600_000)
    (receipt,) = await world.ingest.receive_frames(MINE, [frame])
    assert receipt.disposition == "MATCHED"
    assert (await world.events())[0].received_ms == now_ms


async def test_a_frame_that_is_sent_again_after_a_lost_reply_counts_once(world):
    await world.service.initiate(MINE, "B1")
    frame = line(world, sentence())
    first = await world.ingest.receive_frames(MINE, [frame])
    second = await world.ingest.receive_frames(MINE, [frame])
    assert [r.disposition for r in (*first, *second)] == ["MATCHED", "DUPLICATE"]


async def test_a_request_that_is_sent_again_gets_the_same_receipts(world):
    await world.service.initiate(MINE, "B1")
    frame = line(world, sentence())
    first = await world.ingest.receive_frames(MINE, [frame], "i1")
    again = await world.ingest.receive_frames(MINE, [frame], "i1")
    assert [r.disposition for r in (*first, *again)] == ["MATCHED", "MATCHED"]
    other = await world.ingest.receive_frames(STATION, [frame], "i1")
    assert [r.disposition for r in other] == ["DUPLICATE"]  # another station's i1
    await world.clock.advance(600_000)
    late = await world.ingest.receive_frames(MINE, [frame], "i1")
    assert [r.disposition for r in late] == ["DUPLICATE"]


async def test_a_request_that_is_sent_again_while_it_is_at_work_waits_for_the_same(world):
    await world.service.initiate(MINE, "B1")
    frame = line(world, sentence())
    both = await asyncio.gather(
        *(world.ingest.receive_frames(MINE, [frame], "i1") for _ in range(2))
    )
    assert [r.disposition for receipts in both for r in receipts] == ["MATCHED", "MATCHED"]
    assert (await world.events())[0].repeats == 0


async def test_whoever_asks_may_leave_and_ask_again(world):
    await world.service.initiate(MINE, "B1")
    frame = line(world, sentence())
    asked = asyncio.ensure_future(world.ingest.receive_frames(MINE, [frame], "i1"))
    await asyncio.sleep(0)
    asked.cancel()
    (receipt,) = await world.ingest.receive_frames(MINE, [frame], "i1")
    assert receipt.disposition == "MATCHED"


async def test_a_request_that_failed_may_be_asked_for_again(world):
    answered = Answered(world.clock)
    calls = []

    async def fail_once():
        calls.append(1)
        if len(calls) == 1:
            raise StoreError("full")
        return []

    with pytest.raises(StoreError):
        await answered.once(MINE, "i1", fail_once)
    assert await answered.once(MINE, "i1", fail_once) == []
    assert await answered.once(MINE, "i1", fail_once) == []
    assert len(calls) == 2


async def test_the_record_says_which_station_heard_it(world):
    await world.ingest.receive_frames(MINE, [line(world, sentence())])
    assert (await world.events())[0].source == "serial:/dev/ttyACM0 at KEYMINE"


async def test_two_stations_with_ports_of_the_same_name_are_told_apart(world):
    """Half a press at each must not become a whole one."""
    stations = (MINE, MINE.__class__("default", "999900001111", "KEYOTHER"))
    await world.registry.add("default", ["LEVEL1"])
    await world.registry.alias("default", "E6614C311B6A9F32", "LEVEL1")
    await world.run()
    await world.ingest.receive_frames(stations[0], [line(world, b"1")])
    await world.clock.advance(100)
    await world.ingest.receive_frames(stations[1], [line(world, b"0")])
    await world.clock.advance(1_300)
    assert [r.disposition for r in world.reports] == [None, None]


async def test_no_frames_give_no_receipts(world):
    assert await world.ingest.receive_frames(MINE, []) == []
