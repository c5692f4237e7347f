"""One world from its first moment to its verdict: everybody acts, things fail, all is checked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from orchestrator.claims.registry import DeviceRegistry
from orchestrator.domain.errors import StoreError
from orchestrator.ports import Store
from orchestrator.settings import Settings, for_profile
from orchestrator.simulation.broker import Published
from orchestrator.simulation.buttons import Button
from orchestrator.simulation.checks import (
    check_all_ended,
    check_all_heard,
    check_committed,
    check_device,
    check_nothing_lost,
)
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.faults import Faults
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.model_disk import ModelDisk
from orchestrator.simulation.nodes import AnyDisk, ServiceNode, Station, Told, Watchers
from orchestrator.simulation.people import People
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import InvariantError, Truth
from orchestrator.units import AddEvent, Committed, Op

# While nothing is broken, the timer ends an attempt at its deadline; a slow commit may come first.
GRACE_MS: Final = 5_000
# What an ingest may wait before it asks a store again that was full.
_SETTLED_S: Final = 12.0
# A window, the time to finalize, and the grace: after that nothing may be open.
HEALING_S: Final = 120 + 60 + 5
# No world needs four hours: whoever is still waiting then waits for ever.
LONGEST_S: Final = 4 * 3600
# Buttons of unlike age: what two of them say in one world is hardly ever the same.
_MOST_STARTS: Final = 16
_LOOK_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a world ended."""

    seed: int
    trace: str
    """SHA-256 of everything that was committed and told, with times: equal for equal seeds."""
    claims: int
    """Claims that ended CLAIMED."""
    attempts: int
    virtual_s: float
    violation: str = ""
    """The invariant that did not hold; empty when all did."""
    last: tuple[str, ...] = ()
    """The last lines of the trace, when something is wrong."""
    counts: Mapping[str, int]
    """How often each disposition, outcome, fault and so on happened."""
    told: tuple[Told, ...] = ()
    """How each claim ended, as its station was told."""


class World:
    """A plan, lived. ``run`` may be called once. ``folder`` holds the data folders; it may be
    empty or not be there yet."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._loop = SimulatedLoop(plan.seed)
        scene = self._scene = Scene(plan, self._loop)
        scene.broker.on_accept = self._accepted
        scene.broker.on_acknowledge = self._acknowledged
        settings = _settings(plan)
        for number in range(plan.services):
            scene.services.append(self._service(f"S{number + 1}", folder, settings))
        skews = scene.dice("station clocks")
        step_ms = plan.clock_step_ms
        for caller in plan.stations:
            scene.stations.append(
                Station(
                    self._loop,
                    scene.home_of(caller.namespace),
                    caller,
                    scene.line,
                    scene.dice(f"line of {caller.access_key}"),
                    skew_ms=skews.randint(-step_ms, step_ms),
                )
            )
        self._faults = Faults(scene)
        self._people = People(scene)

    def run(self) -> Verdict:
        """Live it."""
        scene, loop = self._scene, self._loop
        watch = _ErrorWatch(self._unexpected)
        logger = logging.getLogger()
        logger.addHandler(watch)
        loop.set_exception_handler(self._loop_failed)
        start_s = loop.time()
        try:
            loop.run(self._live_and_die())
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed that shows it is found
            scene.fail(error)
        finally:
            logger.removeHandler(watch)
            virtual_s = loop.time() - start_s
            for one in scene.services:
                one.close()
            loop.close()
        outcomes = [outcome for one in scene.services for outcome in one.truth.outcomes.values()]
        for outcome in outcomes:
            scene.trace.count(f"outcome {outcome}")
        return Verdict(
            seed=self._plan.seed,
            trace=scene.trace.digest,
            claims=outcomes.count("CLAIMED"),
            attempts=len(outcomes),
            virtual_s=virtual_s,
            violation=scene.violation,
            last=tuple(scene.trace.tail) if scene.violation else (),
            counts=dict(scene.trace.counts),
            told=tuple(scene.told),
        )

    # --- the course of a world -------------------------------------------------------------------

    async def _live_and_die(self) -> None:
        """At the end nobody tidies up: what would be told then is no part of the trace."""
        try:
            await self._live()
        finally:
            for node in self._scene.services:
                node.kill()

    async def _live(self) -> None:
        for node in self._scene.services:
            await node.start()
        await self._register()
        aside = [
            self._loop.create_task(work)
            for work in (*self._people.aside(), *self._faults.all(), self._look_at_deadlines())
        ]
        for task in aside:
            task.add_done_callback(self._aside_ended)
        working = [self._loop.create_task(work) for work in self._people.at_work()]
        if not await self._until_done(working):
            return
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)
        await self._faults.heal()
        if await self._until_done([self._loop.create_task(self._settle())]):
            await self._final_checks()

    async def _until_done(self, tasks: Sequence[asyncio.Task[Any]]) -> bool:
        """Wait for the tasks; False as soon as an invariant breaks."""
        done = self._loop.create_task(_all(tasks))
        async with asyncio.timeout(LONGEST_S):
            await asyncio.wait({done, self._scene.failed}, return_when=asyncio.FIRST_COMPLETED)
        if self._scene.failed.done():
            return False
        done.result()
        return True

    async def _register(self) -> None:
        scene, plan = self._scene, self._plan
        made = 0
        for namespace in plan.namespaces:
            node = scene.home_of(namespace)
            assert node.store is not None
            registry = DeviceRegistry(node.store, node.clock, for_profile("dev"))
            names = [f"B{number + 1}" for number in range(plan.devices)]
            if not plan.unregistered:
                await registry.add(namespace, names)
                await asyncio.sleep(1.0)  # whoever adds them goes to fetch their keys
            keys = []
            for name in names:
                simulated = plan.production and name == "B2" and not plan.keyless
                key = hashlib.sha256(f"{namespace} {name}".encode()).digest()
                if not plan.keyless:
                    keys.append(registry.set_key(namespace, name, "hmac", key, simulated=simulated))
                place = (namespace, name)
                key = b"" if plan.keyless else key
                scene.buttons[place] = Button(
                    place, key, simulated=simulated, starts=made % _MOST_STARTS + 1
                )
                made += 1
            await asyncio.gather(*keys)
            if plan.claim_codes:
                scene.codes[namespace] = await registry.create_claim_code(namespace, names[:2])

    async def _settle(self) -> None:
        """Until nothing is open and nothing is on its way, or as long as that may take."""
        healed_s = self._loop.time()
        await asyncio.sleep(_SETTLED_S)
        while self._loop.time() < healed_s + HEALING_S:
            stores = [one.store for one in self._scene.services if one.store is not None]
            due = [await one.earliest_deadline_ms() for one in stores]
            if self._scene.broker.idle and due.count(None) == len(due):
                return
            await asyncio.sleep(1.0)

    async def _final_checks(self) -> None:
        scene = self._scene
        for node in scene.services:
            assert node.store is not None
            await check_nothing_lost(node.store, node.truth)
            await check_all_ended(node.store, node.clock.now_ms(), GRACE_MS)
            if not self._plan.broker_forgets and not self._plan.unregistered:
                check_all_heard(node.truth)
        for namespace, device_id in scene.buttons:
            node = scene.home_of(namespace)
            assert node.store is not None
            await check_device(node.store, node.truth, (namespace, device_id))
        for told in scene.told:
            await self._check_told(told)

    async def _check_told(self, told: Told) -> None:
        if told.attempt is None:
            return
        store = self._scene.home_of(told.caller.namespace).store
        assert store is not None
        attempt = await store.attempt(told.attempt.attempt_id)
        if attempt is None or attempt.outcome != told.attempt.outcome:
            raise InvariantError(
                6, f"{told.claim_id} was told {told.attempt.outcome}, on record is {attempt}"
            )

    async def _look_at_deadlines(self) -> None:
        """While a service is well, no attempt stays open beyond its deadline."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for node in self._scene.services:
                well_ms = self._loop.now_ms() - node.well_since_ms
                if node.up and node.store is not None and well_ms > _SETTLED_S * 1000:
                    await check_all_ended(node.store, node.clock.now_ms(), GRACE_MS)

    # --- what happens is noted and checked -------------------------------------------------------

    async def _answered(
        self, node: ServiceNode, store: Store, method: str, asked: Any, answer: Any
    ) -> None:
        trace = self._scene.trace
        if method == "answer":
            if answer is not None:
                trace.count("stored answer replayed")
            return
        if not isinstance(answer, Committed):
            trace.count("lost race")
            return
        trace.note(" ".join(_op_text(op) for op in asked))
        for op in asked:
            if isinstance(op, AddEvent):
                trace.count(f"disposition {op.event.disposition}")
            elif type(op).__name__ in {"CountRepeat", "NoteUnknown"}:
                trace.count(type(op).__name__)
        try:
            for place in node.truth.acknowledge(asked):
                await check_device(store, node.truth, place)
            await check_committed(store, asked)
        except InvariantError as error:
            self._scene.fail(error)

    def _accepted(self, message: Published, reached: frozenset[str]) -> None:
        """The broker took a message in: the moment a press is in the world."""
        key = self._scene.press_in(message.topic, message.payload)
        if key is None:
            return
        self._scene.pressed(key)
        node = self._scene.home_of(key[0][0])
        if node.name in reached:
            node.truth.due.add(key)

    def _acknowledged(self, message: Published, owner: str) -> None:
        """A service has acknowledged a message: then the press in it is on record."""
        key = self._scene.press_in(message.topic, message.payload)
        if key is None or self._plan.unregistered:
            return
        node = self._scene.home_of(key[0][0])
        if node.name == owner and key not in node.truth.recorded:
            self._scene.fail(InvariantError(3, f"press {key} was acknowledged and not recorded"))

    def _aside_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._scene.fail(error)

    def _loop_failed(self, _loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._scene.fail(RuntimeError(f"a task failed: {context.get('message')} {error!r}"))

    def _unexpected(self, record: logging.LogRecord) -> None:
        self._scene.fail(RuntimeError(f"logged: {record.getMessage()}"))

    def _service(self, name: str, folder: Path, settings: Settings) -> ServiceNode:
        plan = self._plan
        node: ServiceNode
        dice = self._scene.dice(f"disk of {name}")
        disk: AnyDisk
        if plan.modelled:
            disk = ModelDisk(dice, self._loop, takes_s=plan.disk_s)
        else:
            disk = Disk(
                folder / name,
                dice,
                lambda: node.kill(),  # noqa: PLW0108 - the node is made after its disk
                loop=self._loop,
                takes_s=plan.disk_s,
            )
        truth = Truth(
            production=plan.production,
            most_delay_ms=plan.most_delay_ms,
            window_ms=settings.claim_window_ms,
            presses=self._scene.presses,
        )
        watchers = Watchers(self._answered, self._scene.fail)
        node = ServiceNode(name, self._loop, disk, self._scene.broker, settings, truth, watchers)
        return node


async def _all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks)


class _ErrorWatch(logging.Handler):
    """An exception that production code could only log is a find."""

    def __init__(self, found: Any) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, StoreError):
            self._found(record)


def _settings(plan: Plan) -> Settings:
    settings = for_profile("production" if plan.production else "dev")
    return replace(settings, clicks=replace(settings.clicks, claim_click_type=plan.click_type))


def _op_text(op: Op) -> str:
    """An operation in the trace: its name, and the ids and states in it."""
    for name in ("after", "attempt", "device", "event", "answer", "code"):
        row = getattr(op, name, None)
        if row is not None:
            break
    said = [
        str(getattr(row, name))
        for name in ("device_id", "attempt_id", "event_id", "outcome", "disposition", "invocation")
        if getattr(row, name, None) is not None
    ]
    claim = getattr(row, "claim", None)
    if claim is not None:
        said.append(f"{claim.state}@{claim.epoch}")
    return f"{type(op).__name__}({','.join(said)})"
