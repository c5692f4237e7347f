"""A modelled store commits as SQLite does: in its own time, many at once, all or nothing, or never
when its service was killed."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from orchestrator.domain.devices import Device
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.model_disk import ModelDisk, ModelStore
from orchestrator.simulation.plan import draw_plan
from orchestrator.simulation.seeds import run_plan
from orchestrator.units import AddDevice, Committed, Conflict


def unit(number: int) -> list[AddDevice]:
    return [AddDevice(Device(namespace="default", device_id=f"B{number}"))]


def live(seed: int, act, takes_s=(1.0, 1.0)):
    """What ``act`` makes of a loop and a disk on it."""
    loop = SimulatedLoop(seed)
    disk = ModelDisk(random.Random(seed), loop, takes_s=takes_s)
    try:
        return loop.run(act(loop, disk))
    finally:
        loop.close()


async def names(store: ModelStore) -> list[str]:
    return [device.device_id for device in await store.devices("default")]


def test_units_that_wait_share_a_commit_and_those_that_come_later_the_next():
    async def act(loop: SimulatedLoop, disk: ModelDisk) -> list[float]:
        store, start_s, took_s = await disk.open(), loop.time(), []

        async def one(number: int) -> None:
            await asyncio.sleep(0.5 * (number >= 5))
            assert isinstance(await store.unit(unit(number)), Committed)
            took_s.append(round(loop.time() - start_s, 3))

        await asyncio.gather(*(one(number) for number in range(10)))
        return took_s

    assert live(1, act) == [1.0] * 5 + [2.0] * 5


def test_a_commit_lands_at_the_beginning_or_at_the_end_of_its_time():
    async def act(loop: SimulatedLoop, disk: ModelDisk) -> tuple[int, int]:
        store = await disk.open()
        answer = loop.create_task(store.unit(unit(1)))
        await asyncio.sleep(0.5)
        assert not answer.done()
        halfway = len(await names(store))
        await answer
        return halfway, len(await names(store))

    assert {live(seed, act) for seed in range(12)} == {(0, 1), (1, 1)}


def test_without_a_time_a_commit_takes_none():
    async def act(loop: SimulatedLoop, disk: ModelDisk) -> float:
        store, start_s = await disk.open(), loop.time()
        await store.unit(unit(1))
        return loop.time() - start_s

    assert live(1, act, takes_s=(0.0, 0.0)) == 0


def test_one_of_a_group_that_conflicts_undoes_only_itself():
    async def act(_loop: SimulatedLoop, disk: ModelDisk) -> list[str]:
        store = await disk.open()
        await store.unit(unit(1))
        again, mixed, other = await asyncio.gather(
            store.unit(unit(1)), store.unit([*unit(2), *unit(1)]), store.unit(unit(3))
        )
        assert [type(one) for one in (again, mixed, other)] == [Conflict, Conflict, Committed]
        return await names(store)

    assert live(1, act) == ["B1", "B3"]


def test_what_has_not_landed_when_the_service_is_killed_never_does():
    async def act(loop: SimulatedLoop, disk: ModelDisk) -> tuple[str, ...]:
        store = await disk.open()
        await store.unit(unit(1))
        answer = loop.create_task(store.unit(unit(2)))
        await asyncio.sleep(0.5)
        after = await disk.after_cut().open()
        found = await names(after)
        await asyncio.sleep(2)
        assert await names(after) == found
        answer.cancel()
        return tuple(found)

    assert {live(seed, act) for seed in range(12)} == {("B1",), ("B1", "B2")}


@pytest.mark.parametrize(
    "fail",
    [
        lambda disk: setattr(disk, "full", True),
        lambda disk: disk.pull_plug(),
        lambda disk: disk.cut_power("torn"),
    ],
    ids=["full", "plug", "torn"],
)
def test_a_model_of_a_disk_cannot_fail(fail):
    async def act(_loop: SimulatedLoop, disk: ModelDisk) -> None:
        with pytest.raises(ValueError, match="real files"):
            fail(disk)
        disk.full = False  # as everybody does who heals a world

    live(1, act)


def test_a_plan_with_a_fault_of_the_disk_has_real_files():
    with pytest.raises(ValueError, match="files"):
        replace(draw_plan(0), power_cuts=1, modelled=True)


@pytest.mark.parametrize("seed", range(6))
def test_a_modelled_world_holds_every_invariant_and_is_the_same_twice(seed):
    nothing = {"power_cuts": 0, "full_disks": 0, "locks": 0, "commands": 0.0}
    plan = replace(draw_plan(seed), modelled=True, **nothing)
    first, second = run_plan(plan), run_plan(plan)
    assert not first.violation
    assert first.trace == second.trace
    assert first.attempts
