"""Claims of a whole fleet over one claim API: initiate, press, finalize, hundreds at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

from firmware_sim.links.fleet import Fleet
from orchestrator.domain.errors import ClickclaimError, RefusedError, TakenError
from orchestrator.domain.events import DISPOSITIONS
from orchestrator.ports import ClaimApi, Fact, ServiceAwayError

# Claims under way at once, in process and over HTTP. More would only wait for each other.
AT_ONCE: Final = 256
AT_ONCE_REMOTE: Final = 64
# The stream of facts tells of a click at once; this is for a stream that was lost.
_LOOK_AGAIN_S: Final = 2.0
_RETRY_S: Final = 0.5
_TICK_S: Final = 0.004
# What a service's policy makes of a press, and would make of another one.
_NEVER_MATCHED: Final = {
    name: sentence
    for name, sentence in DISPOSITIONS.items()
    if name in {"WRONG_CLICK_TYPE", "SIMULATED_REFUSED", "EVIDENCE_TOO_WEAK"}
}


class ClaimFailedError(Exception):
    """One claim did not end CLAIMED; the message says why."""


class FleetClaims:
    """Claims each button at its first turn, with a press of it; later turns are plain clicks.

    ``run_id`` makes the claims this run's own. ``at_once``: how many are under way at most.
    ``patience_s``: how long one of them may take.
    """

    def __init__(
        self,
        fleet: Fleet,
        api: ClaimApi,
        *,
        run_id: str,
        at_once: int = AT_ONCE,
        patience_s: float = 20.0,
    ) -> None:
        self.account = ""
        """Whose claims these are; known from the first that ended."""
        self.claimed: set[int] = set()
        self.failed: dict[int, str] = {}
        self.gave_up = False
        """Not one of the first ``at_once`` came through: no more were begun."""
        self._fleet = fleet
        self._api = api
        self._run_id = run_id
        self._at_once = at_once
        self._patience_s = patience_s
        self._busy: set[int] = set()
        self._pressed: dict[str, asyncio.Event] = {}
        self._refused: dict[str, str] = {}

    async def run(
        self, rate: float, duration_s: float, on_progress: Callable[[int], None]
    ) -> float:
        """Take ``rate`` turns a second for so long, or as many as the service bears; the seconds
        that it took. Ends early when it gives up."""
        listener = asyncio.create_task(self._listen(), name="facts of the fleet")
        started_s, wanted, made = time.monotonic(), round(rate * duration_s), 0
        turns = self._fleet.plan.turns()
        try:
            async with asyncio.TaskGroup() as group:
                while made < wanted and not self.gave_up:
                    due = min(wanted, int((time.monotonic() - started_s) * rate) + 1)
                    while made < due and len(self._busy) < self._at_once:
                        self._turn(self._free(turns), group)
                        made += 1
                    on_progress(made)
                    self.gave_up = len(self.failed) >= self._at_once and not self.claimed
                    await asyncio.sleep(_TICK_S)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
        return time.monotonic() - started_s

    def _free(self, turns: Iterator[int]) -> int:
        """The next button that is not just being claimed, if there is any such."""
        for index in turns:
            if index not in self._busy or len(self._busy) == self._fleet.plan.devices:
                return index
        raise AssertionError("turns never end")

    def _turn(self, index: int, group: asyncio.TaskGroup) -> None:
        if index in self.claimed or index in self.failed:
            self._fleet.press(index)
        elif index not in self._busy:
            self._busy.add(index)
            group.create_task(self._claim(index), name=f"claim {index}")

    async def _claim(self, index: int) -> None:
        device_id = self._fleet.plan.device_id(index)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._steps(index, device_id)
        except TimeoutError:
            self.failed[index] = f"its press was not seen within {self._patience_s:g} s"
        except (ClaimFailedError, ServiceAwayError, ClickclaimError) as error:
            self.failed[index] = str(error)
        else:
            self.claimed.add(index)
        finally:
            self._busy.discard(index)
            self._pressed.pop(device_id, None)
            self._refused.pop(device_id, None)

    async def _steps(self, index: int, device_id: str) -> None:
        claim_id = f"{self._run_id}-{index}"
        pressed = self._pressed[device_id] = asyncio.Event()
        try:
            opened = await self._api.initiate(device_id, invocation=claim_id)
        except TakenError:
            # Claimed in an earlier run, if it is ours: then it may be given up.
            with contextlib.suppress(RefusedError):
                await self._unclaim(device_id, f"{claim_id}-before")
            claim_id += "-again"
            opened = await self._api.initiate(device_id, invocation=claim_id)
        self._fleet.press(index)
        await self._wait(pressed, opened.attempt_id)
        if device_id in self._refused:
            raise ClaimFailedError(f"its press was {self._refused[device_id]}")
        await self._api.finalize(device_id, tags=None, if_epoch=opened.epoch, invocation=claim_id)
        if not self.account:
            attempt = await self._api.attempt(opened.attempt_id)
            self.account = attempt.account if attempt is not None else ""

    async def _unclaim(self, device_id: str, invocation: str) -> None:
        await self._api.unclaim(
            device_id,
            if_epoch=None,
            if_state=None,
            reason="claimed again by a fleet",
            invocation=invocation,
        )

    async def _wait(self, pressed: asyncio.Event, attempt_id: str) -> None:
        """Wait for the click, by the stream or by looking."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await pressed.wait()
                return
            attempt = await self._api.attempt(attempt_id)
            if attempt is None:
                raise ClaimFailedError(f"the service no longer knows attempt {attempt_id}")
            if any(mark.what == "click" for mark in attempt.timeline):
                return
            if attempt.outcome is not None:
                raise ClaimFailedError(f"{attempt.outcome}: {attempt.reason}")

    async def _listen(self) -> NoReturn:
        while True:
            # Without a stream the attempts themselves are looked at.
            with contextlib.suppress(ServiceAwayError, ClickclaimError):
                async for fact in self._api.facts():
                    self._hear(fact)
            await asyncio.sleep(_RETRY_S)

    def _hear(self, fact: Fact) -> None:
        waiting = self._pressed.get(fact.device_id)
        if fact.kind != "click" or waiting is None:
            return
        disposition = fact.data.get("disposition")
        for name, sentence in _NEVER_MATCHED.items():
            if disposition == name:
                self._refused[fact.device_id] = f"{name}: {sentence}"
        if disposition == "MATCHED" or fact.device_id in self._refused:
            waiting.set()
