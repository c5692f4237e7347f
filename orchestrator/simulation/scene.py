"""Everything that is in a world, and what was seen of it: shared by people, faults and checks."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from orchestrator.simulation.broker import Broker
from orchestrator.simulation.buttons import Button, Said
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.network import Line
from orchestrator.simulation.nodes import ServiceNode, Station, Told
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.receivers import Receivers
from orchestrator.simulation.truth import InvariantError, Place, Press, PressKey

_TAIL_LINES = 60


class Trace:
    """What happened, line by line: a hash of all of it, its end, and how often each thing."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._hash = hashlib.sha256()
        # Lines are hashed many at a time; the last that were, and those that wait for it.
        self._hashed: list[str] = []
        self._waiting: list[str] = []
        self.counts: Counter[str] = Counter()

    def note(self, line: str) -> None:
        """One line, with the time."""
        self._waiting.append(f"{self._loop.now_ms()} {line}\n")
        if len(self._waiting) == _TAIL_LINES:
            self._hash.update("".join(self._waiting).encode())
            self._hashed, self._waiting = self._waiting, []

    def count(self, what: str) -> None:
        """One more of these."""
        self.counts[what] += 1

    def fault(self, what: str) -> None:
        """A fault happens now."""
        self.note(what)
        self.count(f"fault: {what}")

    @property
    def digest(self) -> str:
        """SHA-256 of every line so far."""
        whole = self._hash.copy()
        whole.update("".join(self._waiting).encode())
        return whole.hexdigest()

    @property
    def tail(self) -> list[str]:
        """The last lines."""
        return [line[:-1] for line in (*self._hashed, *self._waiting)][-_TAIL_LINES:]


class _Homes(dict[str, ServiceNode]):
    """Services by namespace, looked up in the plan once."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def __missing__(self, namespace: str) -> ServiceNode:
        node = self[namespace] = self._scene.services[self._scene.plan.home_of(namespace)]
        return node


class Scene:
    """The parts of one world."""

    def __init__(self, plan: Plan, loop: SimulatedLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.broker = Broker(self.dice("broker"), replace(plan.weather))
        self.line: Line = replace(plan.line)
        self.trace = Trace(loop)
        fails = plan.receiver_fails
        self.receivers = Receivers(self.dice("receivers"), fails, self.trace.count)
        self.services: list[ServiceNode] = []
        self._homes = _Homes(self)
        self.stations: list[Station] = []
        self.buttons: dict[Place, Button] = {}
        self.codes: dict[str, str] = {}
        """The claim code of each namespace."""
        self.presses: dict[PressKey, Press] = {}
        self.told: list[Told] = []
        self.failed: asyncio.Future[None] = loop.create_future()
        self.violation = ""
        self._said: dict[tuple[str, bytes], PressKey] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def dice(self, concern: str) -> random.Random:
        """Dice for one concern alone, so that taking one out leaves the others as they are."""
        return random.Random(f"{self.plan.seed} {concern}")  # noqa: S311 - a world, not a secret

    def home_of(self, namespace: str) -> ServiceNode:
        """The service whose namespace this is."""
        return self._homes[namespace]

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else."""
        task = self.loop.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._forget)

    def remember(self, said: Said) -> None:
        """Whoever carries these bytes carries a real press."""
        self._said[said.topic, said.payload] = said.key

    def pressed(self, key: PressKey) -> None:
        """A press is in the world from now on.

        One that came in before and cannot have reached its service is as good as made only now:
        nobody can tell a message that is sent again from one that was sent late.
        """
        place, _ = key
        truth, known = self.home_of(place[0]).truth, self.presses.get(key)
        if known is None:
            button = self.buttons.get(place)
            simulated = button is not None and button.simulated
            self.presses[key] = Press(place, self.loop.now_ms(), simulated)
        elif key not in truth.due and key not in truth.recorded:
            self.presses[key] = replace(known, again_ms=self.loop.now_ms())

    def press_in(self, topic: str, payload: bytes) -> PressKey | None:
        """The real press that these bytes on this topic are, if they are one."""
        return self._said.get((topic, payload))

    def fail(self, error: BaseException) -> None:
        """An invariant does not hold, or something else went wrong that never should."""
        if self.violation:
            return
        known = isinstance(error, InvariantError)
        self.violation = str(error) if known else f"{type(error).__name__}: {error}"
        self.trace.note(f"VIOLATION {self.violation}")
        if not self.failed.done():
            self.failed.set_result(None)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
