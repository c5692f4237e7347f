"""Killed between any two steps, with a real broker: nothing acknowledged is lost, and each press
counts once."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import WallClock
from orchestrator.settings import Settings
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import EventQuery
from tests.brokers import Mosquitto
from tests.ingest.worker import POINTS
from tests.ingest.world import MINE, payload, topic

pytestmark = [pytest.mark.mosquitto, pytest.mark.kills, pytest.mark.timeout(180)]

DEVICES = ("B1", "B2", "B3")
PRESSES = 8


@pytest.fixture
async def broker(tmp_path):
    async with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@asynccontextmanager
async def worker(folder: Path, url: str, point: str = "never", count: int = 0):
    """A worker that is heard to be ready; killed at the end if it has not killed itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.ingest.worker",
        str(folder),
        url,
        point,
        str(count),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
            # What was left for it may make it die before it can say so.
            assert line == b"ready\n" or await process.wait() == -signal.SIGKILL
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def prepare(folder: Path) -> None:
    """Three registered devices, each with a claim in progress."""
    store = await SqliteStore.open(folder)
    clock, settings = WallClock(), Settings()
    await DeviceRegistry(store, clock, settings).add("default", list(DEVICES))
    service = ClaimService(store, clock, settings)
    for device_id in DEVICES:
        await service.initiate(MINE, device_id)
    await store.close()


async def press(broker: Mosquitto, counters: range) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as finger:
        for counter in counters:
            for device_id in DEVICES:
                await finger.publish(topic(device_id), payload(device_id, counter), qos=1)


async def events(folder: Path, device_id: str):
    store = await SqliteStore.open(folder, exclusive=False)
    try:
        return await store.events(EventQuery(namespace="default", device_id=device_id, limit=250))
    finally:
        await store.close()


async def all_on_record(folder: Path, presses: int) -> None:
    async with asyncio.timeout(60):
        for device_id in DEVICES:
            while len({e.press_id for e in await events(folder, device_id)}) < presses:
                await asyncio.sleep(0.1)


async def assert_each_press_counted_once(folder: Path, presses: int) -> None:
    for device_id in DEVICES:
        found = await events(folder, device_id)
        assert [e.press_id for e in found] == [f"7.{n}" for n in range(1, presses + 1)]
        assert [e.disposition for e in found].count("MATCHED") == 1, device_id


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("count", [1, pytest.param(5, marks=pytest.mark.slow)])
async def test_killed_at_a_point_and_started_again(broker, folder, point, count):
    await prepare(folder)
    async with worker(folder, broker.url, point, count) as process:
        await press(broker, range(1, PRESSES + 1))
        async with asyncio.timeout(30):
            assert await process.wait() == -signal.SIGKILL
    async with worker(folder, broker.url):
        await all_on_record(folder, PRESSES)
    await assert_each_press_counted_once(folder, PRESSES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_killed_again_and_again_under_load(broker, folder, seed):
    chance = random.Random(seed)
    presses = 60
    await prepare(folder)
    async with worker(folder, broker.url):
        pass  # from now on the broker keeps what comes for us
    pressing = asyncio.create_task(press(broker, range(1, presses + 1)))
    for _ in range(5):
        point, count = chance.choice(POINTS), chance.randint(1, 40)
        async with worker(folder, broker.url, point, count) as process:
            try:
                async with asyncio.timeout(chance.uniform(0.2, 1.0)):
                    await process.wait()
            except TimeoutError:
                process.kill()
    async with worker(folder, broker.url):
        await pressing
        await all_on_record(folder, presses)
    await assert_each_press_counted_once(folder, presses)
