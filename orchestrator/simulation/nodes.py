"""Who acts in the world: a service that is killed and started again, stations, buttons."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.world.slots import MemorySlot
from orchestrator.claims.facts import FactHub
from orchestrator.claims.local import LocalClaims
from orchestrator.claims.service import ClaimService
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import RefusedError
from orchestrator.domain.ids import Caller
from orchestrator.flow import claim_device
from orchestrator.ingest import Ingest
from orchestrator.ports import ServiceAwayError
from orchestrator.settings import Settings
from orchestrator.simulation.broker import Broker, simulated_connection
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.gate import Gate, GatedClock, gated_store
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.network import FarClaims, Line
from orchestrator.stores.sqlite import SqliteStore

OnCommit = Callable[[SqliteStore, Any, Any], Awaitable[None]]

SPEC: Final = "mqtt://broker/"


class ServiceNode:
    """One claim service on one disk: production's store, claims and ingest."""

    def __init__(
        self,
        loop: SimulatedLoop,
        disk: Disk,
        broker: Broker,
        settings: Settings,
        on_commit: OnCommit,
    ) -> None:
        self._loop = loop
        self._disk = disk
        self._broker = broker
        self._settings = settings
        self._on_commit = on_commit
        self._tasks: list[asyncio.Task[Any]] = []
        self._ids = itertools.count(1)
        self._graveyard: list[Any] = []
        """Kept, so that the garbage collector tidies up nothing that a kill does not."""
        self.gate = Gate(loop)
        self.clock = GatedClock(loop, self.gate)
        self.up = False
        self.starts = 0
        self.store: SqliteStore | None = None
        self.service: ClaimService | None = None
        self._hub = FactHub()
        self._ingest: Ingest | None = None

    @property
    def disk(self) -> Disk:
        """The disk it runs on now."""
        return self._disk

    async def start(self) -> None:
        """Open the store, resume the broker session, time deadlines."""
        self.starts += 1
        self.gate = Gate(self._loop)
        skew_ms = self.clock.skew_ms
        self.clock = GatedClock(self._loop, self.gate)
        self.clock.skew_ms = skew_ms
        gate = self.gate
        store = await SqliteStore.open(self._disk.folder, executor=self._disk)

        async def on_commit(ops: Any, answer: Any) -> None:
            await self._on_commit(store, ops, answer)

        self.store = store
        self._hub = FactHub()
        self.service = ClaimService(
            gated_store(store, gate, on_commit),
            self.clock,
            self._settings,
            self._hub,
            new_id=lambda: f"{self.starts}-{next(self._ids):06d}",
        )
        self._ingest = Ingest(self.service)
        self.up = True
        self._run(self.service.run_deadlines())
        self._run(self._hear(self._ingest, gate))

    def kill(self) -> None:
        """The process is gone; what the disk holds is for ``restart`` to find."""
        self.up = False
        self.gate.shut()
        self._hub.close()
        self._graveyard += [self.store, self._tasks, self._ingest]
        self._tasks = []

    async def restart(self) -> None:
        """Start again on what the power cut left."""
        self._disk = self._disk.after_cut()
        await self.start()

    def close(self) -> None:
        """End of the world: let go of the files of every life."""
        for one in (self.store, *self._graveyard):
            if isinstance(one, SqliteStore) and one.database is not None:
                one.database.close()

    def local(self, caller: Caller) -> LocalClaims | None:
        """The claim API of this caller; None while the service is down."""
        if not self.up or self.service is None or self._ingest is None:
            return None
        return LocalClaims(self.service, self._hub, caller, self._ingest.receive_frames)

    async def _hear(self, ingest: Ingest, gate: Gate) -> None:
        source = await ingest.open(
            SPEC, connect=simulated_connection(self._broker, lambda: gate.alive)
        )
        await ingest.run([source])

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks.append(self._loop.create_task(work))


@dataclass(slots=True)
class Told:
    """How a claim ended, as the station was told."""

    claim_id: str
    device_id: str
    caller: Caller
    attempt: Attempt | None
    refused: str = ""


class Station:
    """An operator's station: production's flow, over a line. Killed, it goes on where it was."""

    def __init__(
        self,
        loop: SimulatedLoop,
        service: ServiceNode,
        caller: Caller,
        line: Line,
        seed: random.Random,
    ) -> None:
        self._loop = loop
        self._service = service
        self.caller = caller
        self._line = line
        self._random = seed
        self.gate = Gate(loop)
        self._task: asyncio.Task[Any] | None = None

    async def claim(self, device_id: str, claim_id: str, patience_ms: int | None) -> Told:
        """Claim one device, however often the station is killed meanwhile."""
        while True:
            gate = self.gate = Gate(self._loop)
            api = FarClaims(self._service, self.caller, gate, self._line, self._random)
            clock = GatedClock(self._loop, gate)
            work = claim_device(
                api, device_id, claim_id=claim_id, clock=clock, patience_ms=patience_ms
            )
            self._task = self._loop.create_task(work)
            killed = self._loop.create_task(self._wait_for_death(gate))
            await asyncio.wait({self._task, killed}, return_when=asyncio.FIRST_COMPLETED)
            if killed.done():
                await asyncio.sleep(self._random.uniform(0.5, 20.0))
                continue
            killed.cancel()
            try:
                return Told(claim_id, device_id, self.caller, self._task.result())
            except RefusedError as error:
                return Told(claim_id, device_id, self.caller, None, type(error).__name__)
            except ServiceAwayError:
                await asyncio.sleep(self._random.uniform(1.0, 5.0))

    def api(self) -> FarClaims:
        """A line to the service that no kill of the claiming process cuts."""
        gate = Gate(self._loop)
        return FarClaims(self._service, self.caller, gate, self._line, self._random)

    def kill(self) -> None:
        """The station's process is killed; it comes back by itself."""
        self.gate.shut()

    @staticmethod
    async def _wait_for_death(gate: Gate) -> None:
        while gate.alive:  # noqa: ASYNC110 - polled, so that killing has no effect of its own
            await asyncio.sleep(0.25)


class Button:
    """A button under a finger: the device core, its memory, and a link to the broker."""

    def __init__(
        self, namespace: str, device_id: str, key: bytes, broker: Broker, *, simulated: bool
    ) -> None:
        self.place = (namespace, device_id)
        self.simulated = simulated
        self.key = key
        self._slot = MemorySlot()
        self._broker = broker
        self.device = self._start()
        self.last: tuple[str, bytes] | None = None

    def restart(self) -> None:
        """A battery change: the boot id rises, the counter begins again."""
        self.device = self._start()

    def press(self, click_type: str, now_ms: int) -> tuple[str, str, bytes]:
        """A press, as (press id, topic, payload)."""
        (frame,) = self.device.say(click_type, now_ms)
        self.last = (frame.channel, frame.payload)
        return f"{frame.click.boot_id}:{frame.click.counter}", frame.channel, frame.payload

    def _start(self) -> ButtonDevice:
        namespace, device_id = self.place
        return ButtonDevice(
            device_id, ClickCounter(self._slot), (MqttEncoder(namespace),), key=self.key
        )
