"""What a power cut leaves: all that was synced, and of the last write all, a part, or nothing."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from orchestrator.domain.devices import Device
from orchestrator.domain.errors import StoreError, StoreFullError
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.stores.files import BUSY_S
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import AddDevice, Committed


def unit(number: int) -> list[AddDevice]:
    return [AddDevice(Device(namespace="default", device_id=f"B{number}"))]


class Life:
    """One service's store, from its start to a power cut, and what is there after."""

    def __init__(self, folder: Path, seed: int, takes_s: tuple[float, float] = (0.0, 0.0)) -> None:
        self.loop = SimulatedLoop(seed)
        self.cut = False
        dice = random.Random(seed)
        self.disk = Disk(folder / str(seed), dice, self._gone, loop=self.loop, takes_s=takes_s)
        self.stores: list[SqliteStore] = []

    def _gone(self) -> None:
        self.cut = True

    async def open(self) -> SqliteStore:
        store = await SqliteStore.open(self.disk.folder, executor=self.disk)
        self.stores.append(store)
        return store

    async def names_after_cut(self) -> list[str]:
        self.disk = self.disk.after_cut()
        store = await self.open()
        return [device.device_id for device in await store.devices("default")]

    def close(self) -> None:
        for store in self.stores:
            store.database.close()
        self.loop.close()


async def commit_two_then_cut(life: Life, how: str) -> list[str]:
    store = await life.open()
    assert isinstance(await store.unit(unit(1)), Committed)
    assert isinstance(await store.unit(unit(2)), Committed)
    life.disk.cut_power(how)
    answer = life.loop.create_task(store.unit(unit(3)))
    await life.loop.create_task(_turns())
    assert life.cut
    assert not answer.done()  # nobody is told, neither good nor bad
    return await life.names_after_cut()


async def _turns() -> None:
    import asyncio

    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("how", "names"), [("before", ["B1", "B2"]), ("after", ["B1", "B2", "B3"])]
)
def test_a_cut_before_or_after_the_commit(tmp_path, how, names):
    life = Life(tmp_path, 1)
    assert life.loop.run(commit_two_then_cut(life, how)) == names
    life.close()


def test_a_torn_write_loses_its_unit_and_keeps_those_before(tmp_path):
    lost = torn = 0
    for seed in range(20):
        life = Life(tmp_path, seed)
        names = life.loop.run(commit_two_then_cut(life, "torn"))
        torn += life.stores[0] is not life.stores[-1]
        lost += names == ["B1", "B2"]
        assert names in (["B1", "B2"], ["B1", "B2", "B3"])
        life.close()
    assert torn == 20
    assert lost >= 15


def test_what_no_commit_synced_may_be_gone(tmp_path):
    """With less than synchronous=FULL, acknowledged units are lost: the model shows it."""

    async def live(life: Life) -> list[str]:
        store = await life.open()
        store.database.write.execute("PRAGMA synchronous = NORMAL")
        for number in range(5):
            await store.unit(unit(number))
        life.disk.pull_plug()
        return await life.names_after_cut()

    left = []
    for seed in range(10):
        life = Life(tmp_path, seed)
        left.append(len(life.loop.run(live(life))))
        life.close()
    assert min(left) < 5


def test_a_full_disk_takes_nothing_until_there_is_room(tmp_path):
    async def live(life: Life) -> list[str]:
        store = await life.open()
        life.disk.full = True
        with pytest.raises(StoreFullError):
            await store.unit(unit(1))
        assert await store.device("default", "B1") is None
        life.disk.full = False
        await store.unit(unit(2))
        life.disk.pull_plug()
        return await life.names_after_cut()

    life = Life(tmp_path, 1)
    assert life.loop.run(live(life)) == ["B2"]
    life.close()


def test_a_slow_commit_lets_time_pass_and_may_be_cut_in_the_middle(tmp_path):
    async def live(life: Life) -> tuple[int, list[str]]:
        store = await life.open()
        start_ms = life.loop.now_ms()
        await store.unit(unit(1))
        took_ms = life.loop.now_ms() - start_ms
        answer = life.loop.create_task(store.unit(unit(2)))
        life.loop.call_later(0.5, life.disk.pull_plug)
        await _turns()
        await _turns()
        assert not answer.done()
        return took_ms, await life.names_after_cut()

    found = set()
    for seed in range(12):
        life = Life(tmp_path, seed, takes_s=(1.0, 1.0))
        took_ms, names = life.loop.run(live(life))
        assert took_ms == 1000
        found.add(tuple(names))
        life.close()
    assert found == {("B1",), ("B1", "B2")}


@pytest.mark.parametrize(("holds_s", "waited_s"), [(2.0, 2.0), (30.0, BUSY_S)])
def test_a_commit_waits_for_another_process_as_long_as_sqlite_would(tmp_path, holds_s, waited_s):
    life = Life(tmp_path, 1)

    async def scenario() -> tuple[object, float]:
        store = await life.open()
        assert life.disk.lock()
        life.loop.call_later(holds_s, life.disk.unlock)
        begun_s = life.loop.time()
        (answer,) = await asyncio.gather(store.unit(unit(1)), return_exceptions=True)
        return answer, life.loop.time() - begun_s

    answer, took_s = life.loop.run(scenario())
    life.close()
    assert took_s == pytest.approx(waited_s, abs=0.001)
    if holds_s < BUSY_S:
        assert isinstance(answer, Committed)
    else:
        assert isinstance(answer, StoreError)
        assert "Another process keeps" in str(answer)


def test_nobody_takes_the_lock_while_a_commit_is_under_way(tmp_path):
    life = Life(tmp_path, 3, takes_s=(1.0, 1.0))

    async def scenario() -> bool:
        store = await life.open()
        commit = life.loop.create_task(store.unit(unit(1)))
        await asyncio.sleep(0.5)
        writing = store.database.write.in_transaction
        taken = life.disk.lock()
        assert taken is not writing
        life.disk.unlock()
        return isinstance(await commit, Committed)

    assert life.loop.run(scenario())
    life.close()
