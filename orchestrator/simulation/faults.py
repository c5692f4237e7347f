"""What goes wrong in a world: power, disk, broker, lines, stations."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final, Literal

from orchestrator.domain.errors import ClickclaimError
from orchestrator.ports import ServiceAwayError
from orchestrator.simulation.checks import check_device, check_nothing_lost, learn
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.nodes import ServiceNode
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import InvariantError
from orchestrator.stores.sqlite import SqliteStore

_CUTS: Final[tuple[Literal["plug", "before", "after", "torn"], ...]] = (
    "plug",
    "before",
    "after",
    "torn",
)

# A clock on summer time, or a battery that lost it.
_FARTHEST_STEP_MS: Final = 3_600_000


class Faults:
    """The faults of one plan, each at a time of its own."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._clocks = scene.dice("clocks")
        self._triers = scene.dice("triers")
        self._power = asyncio.Lock()
        """Held while a service is being cut and started again."""

    def all(self) -> list[Coroutine[Any, Any, None]]:
        """One task for each kind."""
        plan = self._scene.plan
        return [
            self._each(plan.power_cuts, 90.0, self._cut_power),
            self._each(plan.full_disks, 90.0, self._fill_a_disk),
            self._each(plan.locks, 90.0, self._lock_the_files),
            self._each(plan.broker_restarts, 120.0, self._restart_broker),
            self._each(plan.line_cuts, 90.0, self._cut_lines),
            self._each(plan.partitions, 60.0, self._cut_off),
            self._each(plan.station_kills, 60.0, self._kill_station),
            self._each(plan.wall_steps, 60.0, self._set_a_wall_clock),
        ]

    async def heal(self) -> None:
        """From now on everything works."""
        scene = self._scene
        scene.broker.heal()
        scene.receivers.fails = 0.0
        scene.line.lose_request = scene.line.lose_reply = scene.line.twice = 0.0
        for one in scene.services:
            one.disk.heal()
            _limit_pages(one, full=False)
            if not one.up:
                await self.restart(one)

    async def restart(self, node: ServiceNode) -> None:
        """Start a service again, with its clock off anew, and hold what it finds to the truth."""
        scene = self._scene
        step_ms = scene.plan.clock_step_ms
        node.wall.off_ms = self._clocks.randint(-step_ms, step_ms)
        if node.disk.tore:
            scene.trace.count("fault: torn tail")
        await node.restart()
        scene.trace.note(f"{node.name} restarted")
        store = node.store
        assert store is not None
        try:
            await check_nothing_lost(store, node.truth)
            await scene.receivers.check_restarted(node)
            for namespace in scene.plan.namespaces:
                await learn(store, node.truth, namespace)
            for place in scene.buttons:
                if scene.home_of(place[0]) is node:
                    await check_device(store, node.truth, place)
        except InvariantError as error:
            scene.fail(error)

    async def _each(self, count: int, within_s: float, act: Any) -> None:
        dice = self._scene.dice(f"fault {act.__name__}")
        for _ in range(count):
            await asyncio.sleep(dice.uniform(1.0, within_s))
            await act(dice)

    async def _cut_power(self, dice: Any) -> None:
        node = dice.choice(self._scene.services)
        async with self._power:
            how = dice.choice(_CUTS)
            self._scene.trace.fault(f"power cut, {how}")
            if how == "plug":
                node.disk.pull_plug()
            else:
                node.disk.cut_power(how)
                await node.gate.killed()
            await asyncio.sleep(dice.uniform(0.1, 15.0))
            await self.restart(node)

    async def _fill_a_disk(self, dice: Any) -> None:
        node = dice.choice(self._scene.services)
        if dice.random() < 0.5:
            # Rows that still fit into the pages there are can be written.
            self._scene.trace.fault("disk all but full")
            _limit_pages(node, full=True)
        else:
            self._scene.trace.fault("disk full")
            node.disk.full = True
        node.well_since_ms = 2**62
        full_s = dice.uniform(0.5, 40.0)
        self._scene.later(self._try(node, full_s))
        await asyncio.sleep(full_s)
        _make_room(node)
        node.well_since_ms = self._scene.loop.now_ms()
        await self._start_afresh(node)

    async def _try(self, node: ServiceNode, full_s: float) -> None:
        """Somebody presses while the disk is full, and begins a claim when there is room.

        The click waits for room, and is not committed yet when the claim begins.
        """
        scene, dice = self._scene, self._triers
        before_s = dice.uniform(0.0, full_s / 2)
        await asyncio.sleep(before_s)
        stations = [one for one in scene.stations if one.service is node]
        if not stations:
            return
        station, device_id = dice.choice(stations), f"B{dice.randint(1, scene.plan.devices)}"
        button = scene.buttons.get((station.caller.namespace, device_id))
        if button is None:  # nobody has unpacked it yet
            return
        said = button.press("SINGLE", scene.loop.now_ms())
        scene.remember(said)
        await scene.broker.publish(said.topic, said.payload, qos=1, retain=False)
        await asyncio.sleep(full_s - before_s + dice.uniform(0.1, 1.0))
        with contextlib.suppress(ClickclaimError, ServiceAwayError):
            await station.api().initiate(device_id, invocation=f"tried at {scene.loop.now_ms()}")

    async def _start_afresh(self, node: ServiceNode) -> None:
        """Whoever made room restarts the machine, while what had waited for room waits still."""
        dice = self._triers
        await asyncio.sleep(dice.uniform(1.5, 4.0))
        if node.up and not self._power.locked():
            async with self._power:
                self._scene.trace.fault("restart after room was made")
                node.disk.pull_plug()
                await asyncio.sleep(dice.uniform(0.1, 3.0))
                await self.restart(node)

    async def _lock_the_files(self, dice: Any) -> None:
        """A command, or a backup, takes its time with the files of a service."""
        node = dice.choice(self._scene.services)
        disk = node.disk
        if not node.up or not isinstance(disk, Disk) or not disk.lock():
            return
        self._scene.trace.fault("files locked by another process")
        node.well_since_ms = 2**62
        await asyncio.sleep(dice.uniform(0.1, 10.0))
        disk.unlock()
        node.well_since_ms = self._scene.loop.now_ms()

    async def _restart_broker(self, dice: Any) -> None:
        forget = self._scene.plan.broker_forgets
        self._scene.trace.fault(f"broker restarts{', and forgets' if forget else ''}")
        if forget:
            for node in self._scene.services:
                node.truth.due &= node.truth.recorded
        await self._scene.broker.restart(dice.uniform(0.1, 20.0), forget=forget)

    async def _cut_lines(self, dice: Any) -> None:  # noqa: ARG002 - as its siblings
        self._scene.trace.fault("connections cut")
        self._scene.broker.cut_all("the line was cut")

    async def _cut_off(self, dice: Any) -> None:
        node = dice.choice(self._scene.services)
        self._scene.trace.fault("cut off from the broker")
        await self._scene.broker.cut_off(node.name, dice.uniform(1.0, 60.0))

    async def _kill_station(self, dice: Any) -> None:
        self._scene.trace.fault("station killed")
        dice.choice(self._scene.stations).kill()

    async def _set_a_wall_clock(self, dice: Any) -> None:
        """Somebody, or NTP, sets the clock of one machine. No window may become longer for it."""
        self._scene.trace.fault("wall clock set")
        machine = dice.choice([*self._scene.services, *self._scene.stations])
        machine.wall.off_ms += dice.choice([-1, 1]) * dice.randint(30_000, _FARTHEST_STEP_MS)


def _make_room(node: ServiceNode) -> None:
    node.disk.full = False
    _limit_pages(node, full=False)


def _limit_pages(node: ServiceNode, *, full: bool) -> None:
    store = node.store
    if not node.up or not isinstance(store, SqliteStore) or store.database is None:
        return
    write = store.database.write
    (pages,) = write.execute("PRAGMA page_count").fetchone()
    write.execute(f"PRAGMA max_page_count = {pages if full else 2**30}")
