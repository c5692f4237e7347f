"""Who acts in the world: services that are killed and started again, and stations."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from hardware.sources.mqtt import MARKER_EVERY_S
from orchestrator.claims.facts import FactHub
from orchestrator.claims.local import LocalClaims
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import RefusedError
from orchestrator.domain.ids import Caller
from orchestrator.flow import claim_device
from orchestrator.ingest import Ingest
from orchestrator.ports import ServiceAwayError, Store
from orchestrator.settings import Settings, for_profile
from orchestrator.simulation.broker import Broker
from orchestrator.simulation.clients import simulated_connection
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.gate import Gate, GatedClock, Wall, gated_store
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.model_disk import ModelDisk, ModelStore
from orchestrator.simulation.network import FarClaims, Line
from orchestrator.simulation.truth import InvariantError, Truth
from orchestrator.simulation.witness import WitnessedClaims
from orchestrator.stores.sqlite import SqliteStore

T = TypeVar("T")

SPEC: Final = "mqtt://broker/"

AnyDisk = Disk | ModelDisk


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what a service does."""

    on_answer: Callable[[ServiceNode, Store, str, Any, Any], Awaitable[None]]
    """Its store has answered: the method, its first argument, the answer."""
    fail: Callable[[BaseException], None]
    """A task of it ended by itself, or an answer was a lie."""


class ServiceNode:
    """One claim service on one disk: production's store, claims and ingest."""

    def __init__(
        self,
        name: str,
        loop: SimulatedLoop,
        disk: AnyDisk,
        broker: Broker,
        settings: Settings,
        truth: Truth,
        watchers: Watchers,
        *,
        marker_every_s: float = MARKER_EVERY_S,
    ) -> None:
        self.name = name
        self.truth = truth
        self._loop = loop
        self._disk = disk
        self._broker = broker
        self._settings = settings
        self._watchers = watchers
        self._marker_every_s = marker_every_s
        self._tasks: list[asyncio.Task[Any]] = []
        self._ids = itertools.count(1)
        self._graveyard: list[Any] = []
        """Kept, so that the garbage collector tidies up nothing that a kill does not."""
        self.gate = Gate(loop)
        self.wall = Wall(loop)
        """The clock of its machine: what it goes by from its next start on."""
        self.clock = GatedClock(loop, self.gate, self.wall)
        self.up = False
        self.well_since_ms = 0
        """Since when it has been running with room on its disk."""
        self.starts = 0
        self.store: SqliteStore | ModelStore | None = None
        self.service: ClaimService | None = None
        self._hub = FactHub()
        self._ingest: Ingest | None = None
        self._apis: dict[Caller, WitnessedClaims] = {}
        self.works_beside: Callable[[ServiceNode, Store], Sequence[Coroutine[Any, Any, None]]]
        self.works_beside = _nothing
        """What else its process does, over the store that it is handed."""

    @property
    def life(self) -> str:
        """Its name, and how often it was started."""
        return f"{self.name}{self.starts}"

    @property
    def disk(self) -> AnyDisk:
        """The disk it runs on now."""
        return self._disk

    async def start(self) -> None:
        """Open the store, resume the broker session, time deadlines."""
        self.starts += 1
        gate = self.gate = Gate(self._loop)
        self.clock = GatedClock(self._loop, gate, self.wall)
        store = self.store = await self._disk.open()

        self._hub = FactHub()
        self.service = ClaimService(
            self.watched(store),
            self.clock,
            self._settings,
            self._hub,
            new_id=lambda: f"{self.life}-{next(self._ids):06d}",
        )
        self._ingest = Ingest(self.service)
        self._apis = {}
        self.up = True
        self.well_since_ms = self._loop.now_ms()
        self._run(self.service.run_deadlines())
        self._run(self._hear(self._ingest, gate))
        for work in self.works_beside(self, self.service.store):
            self._run(work)

    def watched(self, store: SqliteStore | ModelStore) -> Store:
        """A store of a process of this machine: gone when it is killed, what it commits checked."""

        async def on_answer(method: str, asked: Any, answer: Any) -> None:
            await self._watchers.on_answer(self, store, method, asked, answer)

        return gated_store(store, self.gate, on_answer)

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

    def local(self, caller: Caller) -> WitnessedClaims | None:
        """The claim API of this caller; None while the service is down."""
        if not self.up or self.service is None or self._ingest is None or self.store is None:
            return None
        found = self._apis.get(caller)
        if found is None:
            api = LocalClaims(self.service, self._hub, caller, self._ingest.receive_frames)
            found = self._apis[caller] = WitnessedClaims(
                api, self.service, self.store, caller, self._watchers.fail
            )
        return found

    async def unless_killed(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do this beside the service, in its process; None when it is killed before the end."""
        task = self._loop.create_task(work)
        await self.gate.outlives(task)
        if task.done():
            return await task
        task.add_done_callback(_forget_error)
        return None

    def registry(self) -> DeviceRegistry | None:
        """The operator's side, as commands beside the service use it; None while it is down."""
        if not self.up or self.service is None:
            return None
        return DeviceRegistry(self.service.store, self.clock, for_profile("dev"))

    def found(self, error: BaseException) -> None:
        """Something that it did, seen from outside, never should be."""
        self._watchers.fail(error)

    async def _hear(self, ingest: Ingest, gate: Gate) -> None:
        connect = simulated_connection(self._broker, self.name, gate)
        every_s = self._marker_every_s
        source = await ingest.open(SPEC, connect=connect, marker_every_s=every_s)
        await ingest.run([source])

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """What runs as long as the service does has ended: a find, unless the world ends too."""
        if task.cancelled() or self._loop.ending:
            return
        error = task.exception()
        self._watchers.fail(error or InvariantError(4, "a service stopped timing or hearing"))


def _nothing(_node: ServiceNode, _store: Store) -> Sequence[Coroutine[Any, Any, None]]:
    return ()


def _forget_error(task: asyncio.Task[Any]) -> None:
    """Whoever asked was killed."""
    if not task.cancelled():
        task.exception()


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
        *,
        skew_ms: int = 0,
    ) -> None:
        self._loop = loop
        self.service = service
        self.caller = caller
        self._line = line
        self._random = seed
        self.wall = Wall(loop, skew_ms)
        self.gate = Gate(loop)
        self._ears_clock = GatedClock(loop, self.gate, self.wall)

    def now_ms(self) -> int:
        """UTC milliseconds, as whoever listens at this station believes."""
        return self._ears_clock.now_ms()

    async def claim(self, device_id: str, claim_id: str, patience_ms: int | None) -> Told:
        """Claim one device, however often the station is killed meanwhile."""
        while True:
            api, clock = self.process()
            gate = self.gate
            task = self._loop.create_task(
                claim_device(
                    api, device_id, claim_id=claim_id, clock=clock, patience_ms=patience_ms
                )
            )
            if not await gate.outlives(task):
                task.add_done_callback(_forget_error)
                await asyncio.sleep(self._random.uniform(0.5, 20.0))
                continue
            try:
                return Told(claim_id, device_id, self.caller, task.result())
            except RefusedError as error:
                return Told(claim_id, device_id, self.caller, None, type(error).__name__)
            except ServiceAwayError:
                await asyncio.sleep(self._random.uniform(1.0, 5.0))

    def process(self) -> tuple[FarClaims, GatedClock]:
        """A new process of this station: its line and its clock, both until it is killed."""
        gate = self.gate = Gate(self._loop)
        api = FarClaims(self.service, self.caller, gate, self._line, self._random)
        return api, GatedClock(self._loop, gate, self.wall)

    def api(self) -> FarClaims:
        """A line to the service that no kill of the claiming process cuts."""
        gate = Gate(self._loop)
        return FarClaims(self.service, self.caller, gate, self._line, self._random)

    def kill(self) -> None:
        """The station's process is killed; it comes back by itself."""
        self.gate.shut()
