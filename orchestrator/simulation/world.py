"""One world from its first moment to its verdict: everybody acts, things fail, all is checked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from orchestrator.claims.registry import DeviceRegistry
from orchestrator.ports import Store
from orchestrator.settings import Settings, for_profile
from orchestrator.simulation.buttons import Button
from orchestrator.simulation.checks import (
    check_all_ended,
    check_all_heard,
    check_device,
    check_nothing_lost,
)
from orchestrator.simulation.course import GRACE_MS, SETTLED_S, Course
from orchestrator.simulation.faults import Faults
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.nodes import ServiceNode, Station, Told
from orchestrator.simulation.people import People
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.real_time import RealTime
from orchestrator.simulation.receivers import HOST
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import InvariantError, PressKey
from orchestrator.units import Committed, PutKey, StoredKey

# A window, the time to finalize, and the grace: after that nothing may be open.
HEALING_S: Final = 120 + 60 + 5
# No world needs four hours: whoever is still waiting then waits for ever.
LONGEST_S: Final = 4 * 3600
_LOOK_EVERY_S: Final = 10.0
# The longest pause of somebody who was refused as often as happens here.
_TOLD_WITHIN_S: Final = 2 * 3600
_END_OF_TIME_MS: Final = 2**62
# Buttons of unlike age: what two of them say in one world is hardly ever the same.
_MOST_STARTS: Final = 16


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


class World(Course):
    """A plan, lived. ``run`` may be called once. ``folder`` holds the data folders; it may be
    empty or not be there yet."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        super().__init__(Scene(plan, SimulatedLoop(plan.seed)), LONGEST_S)
        scene = self._scene
        settings = _settings(plan)
        for number in range(plan.services):
            name = f"S{number + 1}"
            dice = scene.dice(f"disk of {name}")
            node = self._make_service(name, folder, dice, settings, plan.most_delay_ms)
            if plan.callbacks:
                node.works_beside = self._posts(settings)
            scene.services.append(node)
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
        self._real_time = RealTime(self._loop.now_ms)
        self._faults = Faults(scene)
        self._people = People(scene)

    def run(self) -> Verdict:
        """Live it."""
        scene = self._scene
        virtual_s = self._run()
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

    async def _live(self) -> None:
        for node in self._scene.services:
            await node.start()
        await self._register()
        people, faults = self._people, self._faults
        beside = (*people.aside(), *faults.all(), self._look_at_real_time())
        if await self._go_through(beside, people.at_work, faults.heal, HEALING_S):
            await self._until_all_are_told()
            await self._final_checks()

    async def _until_all_are_told(self) -> None:
        """What was tried in vain before may be tried again only after a while."""
        told_by_s = self._loop.time() + _TOLD_WITHIN_S
        while self._plan.callbacks and self._loop.time() < told_by_s:
            stores = [one.store for one in self._scene.services if one.store is not None]
            left = [await one.deliveries(_END_OF_TIME_MS, 1) for one in stores]
            # Somebody's last press may have come to the broker meanwhile.
            if self._scene.broker.idle and not any(left):
                return
            await asyncio.sleep(10.0 if any(left) else 1.0)

    def _posts(
        self, settings: Settings
    ) -> Callable[[ServiceNode, Store], Sequence[Coroutine[Any, Any, None]]]:
        return lambda node, store: [self._scene.receivers.post(node, store, settings)]

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
                    keys.append(_hmac_key(namespace, name, key, simulated=simulated))
                place = (namespace, name)
                key = b"" if plan.keyless else key
                scene.buttons[place] = Button(
                    place, key, simulated=simulated, starts=made % _MOST_STARTS + 1
                )
                made += 1
            if keys:
                await node.store.unit(keys)
            if plan.claim_codes:
                scene.codes[namespace] = await registry.create_claim_code(namespace, names[:2])

    async def _final_checks(self) -> None:
        scene = self._scene
        for node in scene.services:
            assert node.store is not None
            await check_nothing_lost(node.store, node.truth)
            await check_all_ended(node.store, node.clock.now_ms(), GRACE_MS)
            if not self._plan.broker_forgets and not self._plan.unregistered:
                check_all_heard(node.truth)
        scene.receivers.check_all_told()
        for namespace, device_id in scene.buttons:
            node = scene.home_of(namespace)
            assert node.store is not None
            await check_device(node.store, node.truth, (namespace, device_id))
        for told in scene.told:
            await self._check_told(told)

    # --- what happens is checked -----------------------------------------------------------------

    async def _look_at_real_time(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for node in self._scene.services:
                well_ms = self._loop.now_ms() - node.well_since_ms
                if node.up and node.store is not None and well_ms > SETTLED_S * 1000:
                    await self._real_time.check_open(node.life, node.store, GRACE_MS)

    async def _answered(
        self, node: ServiceNode, store: Store, method: str, asked: Any, answer: Any
    ) -> None:
        await super()._answered(node, store, method, asked, answer)
        if method != "unit" or not isinstance(answer, Committed):
            return
        try:
            self._real_time.committed(node.life, asked)
            self._scene.receivers.committed(asked)
        except InvariantError as error:
            self._scene.fail(error)

    def _pressed(self, key: PressKey) -> None:
        self._scene.pressed(key)


def _hmac_key(namespace: str, device_id: str, secret: bytes, *, simulated: bool) -> PutKey:
    return PutKey(
        StoredKey(
            namespace=namespace,
            device_id=device_id,
            kind="hmac",
            secret=secret,
            simulated=simulated,
        )
    )


def _settings(plan: Plan) -> Settings:
    settings = for_profile("production" if plan.production else "dev")
    return replace(
        settings,
        clicks=replace(settings.clicks, claim_click_type=plan.click_type),
        callback_hosts=(HOST,) if plan.callbacks else (),
    )
