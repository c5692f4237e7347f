"""How frames flow: in order for each button, side by side for many, acknowledged when durable."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hardware.source import SourceAwayError, SourceRefusedError
from hardware.sources.memory import MemorySource
from orchestrator.clocks import VirtualClock
from orchestrator.domain.errors import StoreFullError
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import AddEvent
from tests.ingest.world import MINE, World


class GatedStore(MemoryStore):
    """Commits clicks of a device, or one press, only while its gate is open."""

    def __init__(self):
        super().__init__()
        self.gates = {}
        self.arrived = asyncio.Event()
        self.failures = []
        self.committed = []

    async def unit(self, ops):
        clicks = [op.event for op in ops if isinstance(op, AddEvent)]
        if clicks and self.failures:
            raise self.failures.pop(0)
        for click in clicks:
            self.arrived.set()
            for name in (click.device_id, click.press_id):
                if name in self.gates:
                    await self.gates[name].wait()
        outcome = await super().unit(ops)
        self.committed += [(click.device_id, click.press_id) for click in clicks]
        return outcome


@pytest.fixture
async def gated():
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        await asyncio.sleep(0)

    world = World(GatedStore(), VirtualClock(), sleep=sleep, max_in_flight=3)
    world.pauses = pauses
    for device_id in ("B1", "B2"):
        await world.registry.add("default", [device_id])
    await world.run()
    yield world
    await world.stop()


async def turns(count=50):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_click_in_the_window_is_matched(world):
    await world.run()
    await world.service.initiate(MINE, "B1")
    (report,) = await world.told(world.frame())
    assert (report.disposition, report.device_id, report.namespace) == ("MATCHED", "B1", "default")
    assert await world.service.finalize(MINE, "B1") == "CLAIMED"


async def test_a_frame_is_acknowledged_when_what_it_led_to_is_durable_and_not_before(gated):
    gate = gated.store.gates["B1"] = asyncio.Event()
    gated.hear(gated.frame())
    await gated.store.arrived.wait()
    await turns()
    assert gated.source.acknowledged == []
    gate.set()
    await gated.reported(1)
    await turns()
    assert [f.channel for f in gated.source.acknowledged] == [gated.frame().channel]


async def test_clicks_of_one_button_are_committed_in_the_order_in_which_they_were_heard(gated):
    first = gated.store.gates["7.1"] = asyncio.Event()
    gated.hear(*[gated.frame(counter=number) for number in range(1, 9)])
    await gated.store.arrived.wait()
    await turns()
    assert gated.store.committed == []  # none overtakes the first
    first.set()
    await gated.reported(8)
    assert gated.store.committed == [("B1", f"7.{number}") for number in range(1, 9)]


async def test_one_button_that_waits_keeps_no_other_waiting(gated):
    gated.store.gates["B1"] = asyncio.Event()
    gated.hear(gated.frame("B1"), gated.frame("B2"))
    await gated.reported(1)
    assert gated.store.committed == [("B2", "7.1")]


async def test_no_more_is_in_flight_than_allowed(gated):
    gated.store.gates["B1"] = asyncio.Event()
    gated.hear(*[gated.frame("B1", number) for number in range(1, 4)], gated.frame("B2"))
    await gated.store.arrived.wait()
    await turns()
    assert gated.reports == []  # B2 waits at the source: three are in flight
    gated.store.gates["B1"].set()
    await gated.reported(4)


async def test_what_a_full_disk_refuses_waits_and_is_told_once(gated, caplog):
    full = "The disk is full."
    gated.store.failures = [StoreFullError(full), StoreFullError(full), StoreFullError(full)]
    gated.hear(gated.frame())
    (report,) = await gated.reported(1)
    assert report.disposition == "NO_CLAIM"
    assert gated.pauses[:3] == [0.25, 0.5, 1.0]
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert said == ["The disk is full. What was heard waits until this is mended."]
    await turns()
    assert len(gated.source.acknowledged) == 1


async def test_a_fault_of_ours_in_one_frame_is_logged_and_silences_no_other(gated, caplog):
    gated.store.failures = [ZeroDivisionError("a fault of ours")]
    first, second = await gated.told(gated.frame("B1"), gated.frame("B2"))
    assert "internal error, ZeroDivisionError: a fault of ours" in first.reason
    assert second.disposition == "NO_CLAIM"
    assert [r.levelname for r in caplog.records if r.levelno >= logging.ERROR] == ["ERROR"]
    await turns()
    assert len(gated.source.acknowledged) == 2


async def test_every_ignored_frame_is_reported_with_its_reason_and_acknowledged(world):
    await world.run()
    noise, foreign = await world.told(
        world.frame(payload=b"\x00\xff not json"), world.frame(channel="weather/today")
    )
    assert noise.disposition is None
    assert foreign.disposition is None
    assert "JSON" in noise.reason or "object" in noise.reason
    assert "weather/today" in foreign.reason
    await turns()
    assert len(world.source.acknowledged) == 2


async def test_cancelling_in_the_middle_leaves_the_frame_unacknowledged_and_the_source_closed(
    gated,
):
    gated.store.gates["B1"] = asyncio.Event()
    gated.hear(gated.frame())
    await gated.store.arrived.wait()
    await gated.stop()
    assert gated.source.acknowledged == []
    assert not gated.source.is_open


async def test_a_source_that_went_away_is_heard_again(world):
    await world.registry.add("default", ["B1"])
    world.ingest._sleep = lambda _s: asyncio.sleep(0)
    await world.run()
    await world.told(world.frame(counter=1))
    world.source.fail()
    while world.source.opened < 2:
        await asyncio.sleep(0)
    await world.told(world.frame(counter=2))
    assert [e.press_id for e in await world.events()] == ["7.1", "7.2"]


async def test_a_source_that_refuses_us_stops_no_other_and_is_told_when_asked_for(world):
    locked = MemorySource("memory:locked")
    locked.refuse(SourceRefusedError(locked.spec, "no permission", "join the group"))
    running = asyncio.create_task(world.ingest.run([world.source, locked]))
    with pytest.raises(SourceRefusedError, match="no permission"):
        await world.ingest.wait_reading(30)
    assert (await world.told(world.frame()))[0].disposition == "UNKNOWN_DEVICE"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_source_that_is_away_is_told_when_asked_for_in_time(world):
    away = MemorySource("memory:away")
    away.refuse(SourceAwayError(away.spec, "nobody there"))
    running = asyncio.create_task(world.ingest.run([away]))
    with pytest.raises(SourceAwayError, match="nobody there"):
        await world.ingest.wait_reading(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_it_ends_when_every_source_has_ended_and_all_is_committed(world):
    await world.registry.add("default", ["B1"])
    running = asyncio.create_task(world.ingest.run([world.source]))
    await world.ingest.wait_reading(30)
    world.hear(*[world.frame(counter=number) for number in range(1, 6)])
    world.source.end()
    async with asyncio.timeout(30):
        await running
    assert len(await world.events()) == 5
    assert len(world.source.acknowledged) == 5


async def test_without_a_source_it_runs_until_cancelled_and_takes_frames_of_stations(world):
    await world.registry.add("default", ["B1"])
    running = asyncio.create_task(world.ingest.run([]))
    await world.ingest.wait_reading(30)
    (receipt,) = await world.ingest.receive_frames(MINE, [world.frame()])
    assert receipt.disposition == "NO_CLAIM"
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
