"""A button whose id nobody knows: pressed twice at a station's bench, with others near by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from hardware.click import RawFrame
from orchestrator.discovery import Heard, Named, Overlap, claim_any
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import CLAIMED
from orchestrator.domain.discovery import QUIET_MS
from orchestrator.domain.errors import RefusedError
from orchestrator.ports import ServiceAwayError, Store
from orchestrator.simulation.buttons import serial_frame
from orchestrator.simulation.network import FarClaims
from orchestrator.simulation.nodes import Station, Told
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import PressKey, hold
from orchestrator.units import AttemptQuery, EventQuery

_ALL: Final = 1_000_000
# To give up a claim takes a station so long, and what it hears meanwhile waits.
_CLEAN_UP_MS: Final = 6_000
# How a click of a registered device that nobody has claimed is recorded.
_OF_NOBODY: Final = ("NO_CLAIM", "LATE")
_REPEATS: Final = ("DUPLICATE", "REPLAYED")


@dataclass(slots=True)
class Handed:
    """One press at the bench."""

    device_id: str
    key: PressKey
    frame: RawFrame
    answered_ms: int | None = None
    """When the station learnt what the service made of it, by the world's time."""
    told: str | None = None
    """What that was."""
    restarted: bool = False
    """The service was restarted since the frame was sent for the first time."""


class Bench:
    """What is pressed at one station. Handed on in order, one after the other, as a bridge does."""

    def __init__(self, scene: Scene, station: Station, api: FarClaims) -> None:
        self._scene = scene
        self._station = station
        self._api = api
        self._waiting: asyncio.Queue[Handed] = asyncio.Queue()
        self._verdicts: asyncio.Queue[tuple[Handed, Heard]] = asyncio.Queue()
        self.presses: list[Handed] = []
        self.now: Handed | None = None
        """The one whose verdict the search is at."""

    def press(self, device_id: str, click_type: str) -> None:
        """A finger; the frame goes over the station's own cable."""
        place = (self._station.caller.namespace, device_id)
        said = self._scene.buttons[place].press(click_type, self._scene.loop.now_ms())
        self._scene.pressed(said.key)
        handed = Handed(
            device_id, said.key, serial_frame(device_id, said.sentence, self._station.now_ms())
        )
        self.presses.append(handed)
        self._waiting.put_nowait(handed)

    async def hand_on(self) -> None:
        """Each frame again and again, until the service has answered for it."""
        while True:
            handed = await self._waiting.get()
            starts = self._station.service.starts
            while True:
                try:
                    (receipt,) = await self._api.send_frames(
                        [handed.frame], invocation=f"press {handed.key}"
                    )
                    break
                except ServiceAwayError:
                    await asyncio.sleep(0.5)
            handed.answered_ms = self._scene.loop.now_ms()
            handed.told = receipt.disposition
            handed.restarted = self._station.service.starts != starts
            heard = Heard(
                device_id=receipt.device_id,
                disposition=receipt.disposition,
                reason=receipt.reason,
            )
            self._verdicts.put_nowait((handed, heard))

    async def heard(self) -> AsyncIterator[Heard]:
        """Every verdict, in order."""
        while True:
            self.now, heard = await self._verdicts.get()
            yield heard


class Searches:
    """Operators who press what they hold, and hope that nobody beside them does."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._dice = scene.dice("searches")
        self._click_type = scene.plan.click_type or "SINGLE"

    async def search(self, station: Station, claim_id: str) -> Told:
        """One search, to its end; whoever is killed meanwhile does not go on with it."""
        loop = self._scene.loop
        api, clock = station.process()
        bench = Bench(self._scene, station, api)
        target, other = self._two(station.caller.namespace)
        beside = [
            loop.create_task(bench.hand_on()),
            loop.create_task(self._fingers(bench, target, other)),
        ]
        named: dict[str, Handed] = {}

        def told(progress: Any) -> None:
            if isinstance(progress, Named) and bench.now is not None:
                named[progress.device_id] = bench.now
            elif isinstance(progress, Overlap):
                self._scene.trace.count("search: overlap")

        searching = loop.create_task(
            self._until_found(
                claim_any(api, bench.heard(), claim_id=claim_id, clock=clock, on_progress=told)
            )
        )
        attempt, why = None, "station killed"
        if await station.gate.outlives(searching):
            attempt, why = searching.result()
        for task in beside:
            task.cancel()
        self._scene.trace.count(f"search: {attempt.outcome if attempt else why}")
        if attempt is not None and attempt.outcome == CLAIMED:
            store = station.service.store
            assert store is not None
            handed = named.get(attempt.device_id)
            await check_search(store, claim_id, attempt, bench.presses, handed)
        device_id = target if attempt is None else attempt.device_id
        return Told(claim_id, device_id, station.caller, attempt, why)

    async def _until_found(self, search: Any) -> tuple[Attempt | None, str]:
        """The attempt, or why there is none."""
        try:
            async with asyncio.timeout(self._dice.choice([60.0, 300.0, 400.0])):
                return await search, ""
        except TimeoutError:
            return None, "nothing pressed twice"
        except (RefusedError, ServiceAwayError) as error:
            return None, type(error).__name__

    def _two(self, namespace: str) -> tuple[str, str | None]:
        """The button that is meant, and another one near by, if there is any."""
        here = [device_id for where, device_id in self._scene.buttons if where == namespace]
        self._dice.shuffle(here)
        return here[0], here[1] if len(here) > 1 else None

    async def _fingers(self, bench: Bench, target: str, other: str | None) -> None:
        """Two clicks of the one that is meant; sometimes another's before them or between."""
        dice, click_type = self._dice, self._click_type
        for _ in range(3):
            await asyncio.sleep(dice.uniform(0.5, 5.0))
            near = None if other is None else dice.choice([None, "before", "between"])
            if near == "before" and other is not None:
                bench.press(other, click_type)
                await asyncio.sleep(
                    dice.choice([2.0, 30.0, 60.0, 100.0, 130.0]) * dice.uniform(0.9, 1.1)
                )
            bench.press(target, click_type)
            await asyncio.sleep(dice.choice([1.0, 3.0, 20.0, 90.0]) * dice.uniform(0.5, 1.1))
            if near == "between" and other is not None:
                bench.press(other, click_type)
                await asyncio.sleep(dice.choice([0.1, 2.0, 10.0]))
            bench.press(target, click_type)
            await asyncio.sleep(dice.choice([5.0, 60.0, 125.0]))


async def check_search(
    store: Store, claim_id: str, attempt: Attempt, presses: list[Handed], named: Handed | None
) -> None:
    """The claimed button had named itself by an earlier click, and nobody's other button was
    clicked within 120 s before that, or between the two."""
    who = attempt.attempt_id
    mark = next(one for one in attempt.timeline if one.what == "click")
    event = await store.event(mark.detail["eventId"])
    claiming = None if event is None else event.press_id
    if named is None:
        hold(1, False, "{}: {} was claimed, and no click had named it", who, attempt.device_id)
        return
    once = named.key[1] == claiming
    hold(1, not once, "{}: one click named {} and claimed it", who, attempt.device_id)
    # What the service had refused to this search is somebody's, or being claimed elsewhere.
    query = AttemptQuery(namespace=attempt.namespace, account=attempt.account, limit=_ALL)
    refused = {
        one.device_id
        for one in await store.attempts(query)
        if one.outcome == "REFUSED" and (one.invocation or "").startswith(f"{claim_id}-")
    }
    others = [
        one
        for one in presses
        if one.device_id not in {attempt.device_id, *refused}
        and _can_be_known(one)
        and await _is_of_nobody(store, one.key)
    ]
    at = presses.index(named)
    before = presses[:at]
    # The claiming click may be one that the service heard by itself: then all that the bench
    # heard before it is not known.
    until = next(
        (one for one in presses if (one.device_id, one.key[1]) == _of(attempt, claiming)), named
    )
    between = presses[at : presses.index(until)]
    for one in others:
        gap_ms = (named.answered_ms or 0) - (one.answered_ms or 0)
        recent = one in before and gap_ms < QUIET_MS - _CLEAN_UP_MS
        hold(1, not recent, "{}: {} was pressed {} ms before", who, one.device_id, gap_ms)
        hold(1, one not in between, "{}: {} was pressed between", who, one.device_id)


def _can_be_known(press: Handed) -> bool:
    """Whether the station can know that it was pressed just now.

    Not of a frame that was sent again to a service that had forgotten, by a restart, what it had
    answered: then it is a repeat.
    """
    return not (press.restarted and press.told in _REPEATS)


def _of(attempt: Attempt, press_id: str | None) -> tuple[str, str | None]:
    return (attempt.device_id, press_id)


async def _is_of_nobody(store: Store, key: PressKey) -> bool:
    """Whether the press is on record as one of a registered button that nobody had, or claimed."""
    (namespace, device_id), press_id = key
    events = await store.events(EventQuery(namespace=namespace, device_id=device_id, limit=_ALL))
    first = next((one for one in events if one.press_id == press_id), None)
    if first is None or first.attempt_id is not None:
        return False
    return first.disposition in _OF_NOBODY
