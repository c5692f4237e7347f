"""Every store there is, one after the other, under the same tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.ports import Store
from orchestrator.simulation.model_disk import ModelDisk
from orchestrator.stores.memory import MemoryStore
from orchestrator.stores.sqlite import SqliteStore
from tests.stores.executors import InlineExecutor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a data folder may be made."""
    return tmp_path / "data"


@pytest.fixture(params=["memory", "model", "sqlite", "sqlite inline"])
async def store(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore()
    elif request.param == "model":
        loop = asyncio.get_running_loop()
        made = await ModelDisk(random.Random(1), loop, takes_s=(0.0001, 0.001)).open()
    else:
        executor = InlineExecutor() if request.param == "sqlite inline" else None
        made = await SqliteStore.open(folder, executor=executor)
    yield made
    await made.close()


@pytest.fixture
async def sqlite(folder: Path) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(folder)
    yield made
    await made.close()
