"""Worlds on a store in memory with virtual time, and on SQLite with the wall's."""

from __future__ import annotations

import pytest

from orchestrator.clocks import VirtualClock, WallClock
from orchestrator.stores.memory import MemoryStore
from orchestrator.stores.sqlite import SqliteStore
from tests.ingest.world import World


@pytest.fixture
async def world():
    world = World(MemoryStore(), VirtualClock())
    yield world
    await world.stop()


@pytest.fixture
async def durable(tmp_path):
    store = await SqliteStore.open(tmp_path / "data")
    world = World(store, WallClock())
    yield world
    await world.stop()
    await store.close()
