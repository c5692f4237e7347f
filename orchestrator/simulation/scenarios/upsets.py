"""What goes wrong in a scenario, at the moments that its file names."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Literal, cast

from firmware_sim.world.scenario import Fault
from orchestrator.simulation.checks import check_device, check_nothing_lost, learn
from orchestrator.simulation.nodes import ServiceNode
from orchestrator.simulation.scenarios.buttons import NAMESPACE, AirToBroker
from orchestrator.simulation.scenarios.slots import StationHall
from orchestrator.simulation.scene import Scene

Commit = Literal["before", "after", "torn"]

# A commit may be long in coming where nobody claims; then the plug is pulled instead.
_COMMIT_WITHIN_S: Final = 60.0


class Upsets:
    """The faults of one scenario. ``happened`` counts those that began."""

    def __init__(
        self,
        scene: Scene,
        service: ServiceNode,
        air: AirToBroker,
        stations: Mapping[str, StationHall],
    ) -> None:
        self._scene = scene
        self._service = service
        self._air = air
        self._stations = stations
        self._clock_off_ms = 0
        """How far the wall clock has jumped; a service takes it over when it starts."""
        self._hands_on = asyncio.Lock()
        self.happened = 0

    def all(self, faults: tuple[Fault, ...]) -> list[Coroutine[Any, Any, None]]:
        """One task for each."""
        return [self._at(fault) for fault in faults]

    async def heal(self) -> None:
        """From now on everything works."""
        scene = self._scene
        self._air.calm()
        scene.broker.heal()
        scene.line.lose_request = scene.line.lose_reply = scene.line.twice = 0.0
        self._service.disk.full = False
        if not self._service.up:
            await self._restart()

    async def _at(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        self.happened += 1
        self._scene.trace.fault(fault.kind)
        match fault.kind:
            case "power-cut" | "service-restart":
                await self._stop(fault)
            case "broker-restart":
                if fault.forget:
                    truth = self._service.truth
                    truth.due &= truth.recorded
                await self._scene.broker.restart(fault.for_s, forget=fault.forget)
            case "connections-cut":
                self._scene.broker.cut_all("the line was cut")
            case "service-cut-off":
                await self._scene.broker.cut_off(self._service.name, fault.for_s)
            case "gateway-flaky":
                self._air.worsen(fault)
                await asyncio.sleep(fault.for_s)
                self._air.calm()
            case "station-killed":
                self._stations[fault.station].kill()
            case "disk-full":
                await self._fill(fault)
            case "clock-jump":
                self._clock_off_ms += round(fault.by_s * 1000)
            case _:
                raise AssertionError(fault)

    async def _stop(self, fault: Fault) -> None:
        """The service stops, with or without the power of its disk, and is started again."""
        async with self._hands_on:
            node = self._service
            if fault.kind == "service-restart":
                node.kill()
            elif fault.how == "plug":
                node.disk.pull_plug()
            else:
                node.disk.cut_power(cast("Commit", fault.how))
                try:
                    async with asyncio.timeout(_COMMIT_WITHIN_S):
                        await node.gate.killed()
                except TimeoutError:
                    node.disk.pull_plug()
            await asyncio.sleep(fault.for_s)
            await self._restart()

    async def _fill(self, fault: Fault) -> None:
        async with self._hands_on:
            node = self._service
            node.disk.full = True
            node.well_since_ms = 2**62
            await asyncio.sleep(fault.for_s)
            node.disk.full = False
            node.well_since_ms = self._scene.loop.now_ms()

    async def _restart(self) -> None:
        """Start the service again, and hold what it finds to the truth."""
        scene, node = self._scene, self._service
        node.wall.off_ms = self._clock_off_ms
        if node.disk.tore:
            scene.trace.count("fault: torn tail")
        await node.restart()
        scene.trace.note(f"{node.name} restarted")
        assert node.store is not None
        await check_nothing_lost(node.store, node.truth)
        await learn(node.store, node.truth, NAMESPACE)
        for place in node.truth.versions:
            await check_device(node.store, node.truth, place)
