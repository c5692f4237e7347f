"""The course that every world takes: begun, watched at each step, and brought to its end."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.ports import Store
from orchestrator.settings import Settings
from orchestrator.simulation.broker import Published
from orchestrator.simulation.checks import check_all_ended, check_committed, check_device
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.error_watch import ErrorWatch
from orchestrator.simulation.model_disk import ModelDisk
from orchestrator.simulation.nodes import AnyDisk, ServiceNode, Told, Watchers
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import InvariantError, PressKey, Truth
from orchestrator.units import (
    AddAnswer,
    AddAttempt,
    AddDevice,
    AddEvent,
    Committed,
    CountRepeat,
    NoteUnknown,
    Op,
    SwapAttempt,
    SwapDevice,
)

Work = Coroutine[Any, Any, None]

# While nothing is broken, the timer ends an attempt at its deadline; a slow commit may come first.
GRACE_MS: Final = 5_000
# What an ingest may wait before it asks a store again that was full.
SETTLED_S: Final = 12.0
_LOOK_EVERY_S: Final = 10.0
# Some 150 MB, which only the longest worlds come to.
_OBJECTS_UNTIDIED: Final = 500_000
# What a world leaves (tasks, pages of SQLite) is half a megabyte. To look for it after each world
# would be a tenth of the time.
_TIDIED_EVERY: Final = 64

_worlds = itertools.count(1)


class Course:
    """What worlds have in common. How one lives is its own to say, in ``_live``."""

    def __init__(self, scene: Scene, longest_s: float) -> None:
        self._scene = scene
        self._loop = scene.loop
        self._longest_s = longest_s
        """Whoever is still waiting then waits for ever."""
        scene.broker.on_accept = self._accepted
        scene.broker.on_acknowledge = self._acknowledged

    async def _live(self) -> None:
        raise NotImplementedError

    def _run(self) -> float:
        """Live it to the end, whatever happens; how many virtual seconds that took."""
        scene, loop = self._scene, self._loop
        watch = ErrorWatch(scene.fail)
        logger = logging.getLogger()
        logger.addHandler(watch)
        loop.set_exception_handler(self._loop_failed)
        start_s = loop.time()
        try:
            with _seldom_tidied():
                loop.run(self._live_and_die())
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed that shows it is found
            scene.fail(error)
        finally:
            logger.removeHandler(watch)
            virtual_s = loop.time() - start_s
            for one in scene.services:
                one.close()
            loop.close()
        return virtual_s

    async def _live_and_die(self) -> None:
        """At the end nobody tidies up: what would be told then is no part of the trace."""
        try:
            await self._live()
        finally:
            for node in self._scene.services:
                node.kill()

    async def _go_through(
        self,
        beside: Iterable[Work],
        at_work: Callable[[], Iterable[Work]],
        heal: Callable[[], Awaitable[None]],
        settled_within_s: float,
    ) -> bool:
        """Everybody works while things fail; then all is healed and comes to rest.

        False as soon as an invariant breaks: then there is nothing more to be checked.
        """
        aside = self._beside(beside)
        if not await self._until_done([self._loop.create_task(work) for work in at_work()]):
            return False
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)
        await heal()
        return await self._until_done([self._loop.create_task(self._settle(settled_within_s))])

    async def _until_done(self, tasks: Sequence[asyncio.Task[Any]]) -> bool:
        """Wait for the tasks; False as soon as an invariant breaks."""
        done = self._loop.create_task(_all(tasks))
        async with asyncio.timeout(self._longest_s):
            await asyncio.wait({done, self._scene.failed}, return_when=asyncio.FIRST_COMPLETED)
        if self._scene.failed.done():
            return False
        done.result()
        return True

    def _beside(self, works: Iterable[Work]) -> list[asyncio.Task[None]]:
        """Do these meanwhile; one that fails is a find."""
        tasks = [self._loop.create_task(work) for work in (*works, self._look_at_deadlines())]
        for task in tasks:
            task.add_done_callback(self._aside_ended)
        return tasks

    async def _look_at_deadlines(self) -> None:
        """While a service is well, no attempt stays open beyond its deadline."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for node in self._scene.services:
                well_ms = self._loop.now_ms() - node.well_since_ms
                if node.up and node.store is not None and well_ms > SETTLED_S * 1000:
                    await check_all_ended(node.store, node.clock.now_ms(), GRACE_MS)

    async def _settle(self, longest_s: float) -> None:
        """Until nothing is open and nothing is on its way, or as long as that may take."""
        healed_s = self._loop.time()
        await asyncio.sleep(SETTLED_S)
        while self._loop.time() < healed_s + longest_s:
            stores = [one.store for one in self._scene.services if one.store is not None]
            due = [await one.earliest_deadline_ms() for one in stores]
            if self._scene.broker.idle and due.count(None) == len(due):
                return
            await asyncio.sleep(1.0)

    def _make_service(
        self, name: str, folder: Path, dice: random.Random, settings: Settings, most_delay_ms: int
    ) -> ServiceNode:
        """A service on a disk as the plan wants it; its commits are checked."""
        scene, plan = self._scene, self._scene.plan
        node: ServiceNode
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
            most_delay_ms=most_delay_ms,
            window_ms=settings.claim_window_ms,
            presses=scene.presses,
        )
        node = ServiceNode(
            name,
            self._loop,
            disk,
            scene.broker,
            settings,
            truth,
            Watchers(self._answered, scene.fail),
            marker_every_s=plan.marker_every_s,
        )
        return node

    async def _check_told(self, told: Told) -> None:
        """What a station was told is what is on record."""
        if told.attempt is None:
            return
        store = self._scene.home_of(told.caller.namespace).store
        assert store is not None
        attempt = await store.attempt(told.attempt.attempt_id)
        if attempt is None or attempt.outcome != told.attempt.outcome:
            raise InvariantError(
                6, f"{told.claim_id} was told {told.attempt.outcome}, on record is {attempt}"
            )

    # --- what happens is noted and checked -------------------------------------------------------

    async def _answered(
        self, node: ServiceNode, store: Store, method: str, asked: Any, answer: Any
    ) -> None:
        """A service's store has answered; what was committed is checked before anybody knows."""
        trace = self._scene.trace
        if method == "answer":
            if answer is not None:
                trace.count("stored answer replayed")
            return
        if not isinstance(answer, Committed):
            trace.count("lost race")
            return
        trace.note(" ".join(map(_op_text, asked)))
        for op in asked:
            kind = type(op)
            if kind is AddEvent:
                trace.count(f"disposition {op.event.disposition}")
                self._recorded(op.event)
            elif kind is CountRepeat or kind is NoteUnknown:
                trace.count(kind.__name__)
        try:
            for place in node.truth.acknowledge(asked):
                await check_device(store, node.truth, place)
            await check_committed(store, asked)
        except InvariantError as error:
            self._scene.fail(error)

    def _recorded(self, event: DeviceEvent) -> None:
        """An event of a click was committed."""

    def _accepted(self, message: Published, reached: frozenset[str]) -> None:
        """The broker took a message in: the moment a press is in the world."""
        key = self._scene.press_in(message.topic, message.payload)
        if key is None:
            return
        self._pressed(key)
        node = self._scene.home_of(key[0][0])
        if node.name in reached:
            node.truth.due.add(key)

    def _pressed(self, key: PressKey) -> None:
        """A press is in the world from now on."""
        raise NotImplementedError

    def _acknowledged(self, message: Published, owner: str) -> None:
        """A service has acknowledged a message: then the press in it is on record."""
        key = self._scene.press_in(message.topic, message.payload)
        if key is None or self._scene.plan.unregistered:
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


@contextmanager
def _seldom_tidied() -> Iterator[None]:
    """Hardly anything in a world waits for the garbage collector, which would look at all of it
    again and again: a sixth of the time that a claim takes."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_UNTIDIED, 20, 100)
    try:
        yield
    finally:
        # What is young counts as old, or the next allocation would have all of it looked at.
        gc.freeze()
        gc.unfreeze()
        gc.set_threshold(*before)
        if next(_worlds) % _TIDIED_EVERY == 0:
            gc.collect()


async def _all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks)


def _op_text(op: Op) -> str:
    """An operation in the trace: its name, and the ids and states in it."""
    name = type(op).__name__
    about = _ABOUT.get(type(op))
    return name if about is None else f"{name}({about(op)})"


def _of_device(device: Device) -> str:
    claim = device.claim
    return f"{device.device_id},{claim.state}@{claim.epoch}"


def _of_attempt(attempt: Attempt) -> str:
    return f"{attempt.device_id},{attempt.attempt_id},{attempt.outcome}"


def _of_event(event: DeviceEvent) -> str:
    return f"{event.device_id},{event.event_id},{event.disposition}"


_ABOUT: Final[dict[type[Any], Callable[[Any], str]]] = {
    AddDevice: lambda op: _of_device(op.device),
    SwapDevice: lambda op: _of_device(op.after),
    AddAttempt: lambda op: _of_attempt(op.attempt),
    SwapAttempt: lambda op: _of_attempt(op.after),
    AddEvent: lambda op: _of_event(op.event),
    AddAnswer: lambda op: str(op.answer.invocation),
}
