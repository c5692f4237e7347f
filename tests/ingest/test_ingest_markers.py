"""How a broker knows us again: one session for each data folder, and a marker that is kept."""

from __future__ import annotations

import asyncio
import re

import pytest

from hardware.source import SourceSpecError
from orchestrator.clocks import VirtualClock
from orchestrator.ingest.markers import Markers
from orchestrator.stores.memory import MemoryStore
from tests.ingest.world import MINE, World

SPEC = "mqtt://ann:secret@127.0.0.1:1/"


class Resumed:
    """A source whose marker a test moves."""

    def __init__(self, spec):
        self.spec = spec
        self.heard_until_ms = None


class CountingStore(MemoryStore):
    units = 0

    async def unit(self, ops):
        self.units += 1
        return await super().unit(ops)


async def test_a_data_folder_keeps_its_name_at_a_broker_and_gives_it_to_nobody_else():
    store, clock = MemoryStore(), VirtualClock()
    first = await Markers(store, clock).open(SPEC)
    again = await Markers(store, clock).open(SPEC)
    other = await Markers(MemoryStore(), clock).open(SPEC)
    names = [source._client_id for source in (first, again, other)]
    assert names[0] == names[1] != names[2]
    assert re.fullmatch(r"clickclaim[0-9a-f]{12}", names[0])


async def test_two_brokers_have_two_sessions():
    markers = Markers(MemoryStore(), VirtualClock())
    one, two = await markers.open(SPEC), await markers.open("mqtt://127.0.0.1:2/")
    assert one._client_id != two._client_id


async def test_the_password_is_not_kept():
    store = MemoryStore()
    await Markers(store, VirtualClock()).open(SPEC)
    assert await store.meta("session mqtt://127.0.0.1:1/") is not None
    assert await store.meta(f"session {SPEC}") is None


async def test_a_marker_survives_a_restart():
    store, clock = MemoryStore(), VirtualClock()
    markers = Markers(store, clock)
    source = await markers.open(SPEC)
    resumed = Resumed(source.spec)
    resumed.heard_until_ms = 4711
    await markers.keep(resumed, always=True)
    assert (await Markers(store, clock).open(SPEC)).heard_until_ms == 4711


async def test_a_marker_is_written_while_a_claim_is_open_and_only_then():
    world = World(CountingStore(), VirtualClock())
    markers = Markers(world.store, world.clock)
    source = await markers.open(SPEC)
    running = asyncio.create_task(markers.run([source]))

    async def move(published_ms):
        source._alive(published_ms)
        for _ in range(10):
            await asyncio.sleep(0)

    written = world.store.units
    await move(1)
    await move(2)
    assert world.store.units == written
    await world.service.initiate(MINE, "B1")
    written = world.store.units
    await move(3)
    assert world.store.units == written + 1
    await move(2)  # it does not go back
    assert world.store.units == written + 1
    assert '"heardUntilMs":3' in await world.store.meta(f"session {source.spec}")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_other_sources_are_opened_as_they_are():
    source = await Markers(MemoryStore(), VirtualClock()).open("serial:/dev/ttyACM9")
    assert source.spec == "serial:/dev/ttyACM9"


async def test_a_spec_that_means_nothing_is_refused_before_anything_is_kept():
    store = MemoryStore()
    with pytest.raises(SourceSpecError):
        await Markers(store, VirtualClock()).open("mqtt://")
