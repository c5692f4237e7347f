"""What a broker kept while we were away: it counts only for a claim that was open by then."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal

import pytest

from tests.brokers import Mosquitto, publish
from tests.ingest.world import MINE, payload, topic

pytestmark = pytest.mark.mosquitto


@pytest.fixture
async def broker(tmp_path):
    async with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
async def world(durable, broker):
    await durable.registry.add("default", ["B1"])
    durable.url = broker.url
    # Which of two things in one millisecond came first, nobody knows: here none share one.
    wall, readings = durable.clock.now_ms, itertools.count()
    durable.clock.now_ms = lambda: wall() + next(readings)
    yield durable
    await durable.stop()


async def listen(world):
    await world.run(await world.ingest.open(world.url))


async def press_while_away(world, broker, counter=1):
    await world.stop()
    await publish(broker.port, topic(), payload(counter=counter))


async def first(world):
    return (await world.reported(1))[0]


async def test_pressed_while_away_for_a_claim_that_was_open_before(world, broker):
    await listen(world)
    await world.service.initiate(MINE, "B1")
    await press_while_away(world, broker)
    await listen(world)
    assert (await first(world)).disposition == "MATCHED"
    assert await world.service.finalize(MINE, "B1") == "CLAIMED"


async def test_pressed_while_away_and_initiated_while_away_is_stale(world, broker):
    """Which of the two came first, nobody knows."""
    await listen(world)
    await press_while_away(world, broker)
    await world.service.initiate(MINE, "B1")
    await listen(world)
    report = await first(world)
    assert report.disposition == "STALE"
    assert "queued" in report.reason
    await publish(broker.port, topic(), payload(counter=2))
    assert (await world.reported(2))[1].disposition == "MATCHED"


async def test_pressed_before_we_ever_listened_is_not_even_kept(world, broker):
    await publish(broker.port, topic(), payload(counter=1))
    await world.service.initiate(MINE, "B1")
    await listen(world)
    await publish(broker.port, topic(), payload(counter=2))
    report = await first(world)
    assert (report.disposition, report.event.press_id) == ("MATCHED", "7.2")


async def test_a_claimed_devices_clicks_are_its_owners_however_late(world, broker):
    await listen(world)
    await world.service.initiate(MINE, "B1")
    await publish(broker.port, topic(), payload(counter=1))
    await world.reported(1)
    await world.service.finalize(MINE, "B1")
    await press_while_away(world, broker, counter=2)
    await listen(world)
    assert (await world.reported(2))[1].disposition == "DELIVERED"


async def test_what_was_queued_counts_after_the_deadline_as_little_as_anything(world, broker):
    await listen(world)
    opened = await world.service.initiate(MINE, "B1")
    await press_while_away(world, broker)
    world.clock.now_ms = lambda: opened.deadline_ms
    await listen(world)
    assert (await first(world)).disposition == "LATE"


async def test_the_broker_restarts_in_the_middle_of_a_claim(world, broker, caplog):
    caplog.set_level(logging.INFO)
    await listen(world)
    await world.service.initiate(MINE, "B1")
    await broker.stop(signal.SIGKILL)
    source = world.ingest.supervisors[0]
    while source.situation.state != "COOLING":
        await asyncio.sleep(0.01)
    await broker.start()
    await source.wait_reading(30)
    await publish(broker.port, topic(), payload())
    assert (await first(world)).disposition == "MATCHED"
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "ended the connection" in said[0]


async def test_many_presses_while_away_all_come_in_order(world, broker):
    await listen(world)
    await world.service.initiate(MINE, "B1")
    await world.stop()
    for counter in range(1, 51):
        await publish(broker.port, topic(), payload(counter=counter))
    await listen(world)
    await world.reported(50, timeout_s=30)
    events = await world.events()
    assert [e.press_id for e in events] == [f"7.{n}" for n in range(1, 51)]
    assert [e.disposition for e in events] == ["MATCHED"] + ["LATE"] * 49
