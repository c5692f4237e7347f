"""A claim service under load, made to be killed: `python worker.py`, its job as a line on stdin.

Every line on stdout is something that somebody was told, or is about to ask. Nobody tells this
process to stop; it works until it is killed, from outside or by its own hand at a commit.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from orchestrator.claims.service import ClaimService  # noqa: E402
from orchestrator.domain.errors import RefusedError  # noqa: E402
from orchestrator.domain.events import ClickHeard, Evidence, Judgement  # noqa: E402
from orchestrator.domain.ids import Caller  # noqa: E402
from orchestrator.settings import Settings  # noqa: E402
from orchestrator.stores.sqlite import SqliteStore  # noqa: E402

STATIONS = 24
DEVICES = 10
ACCOUNTS = 3
# So that windows of ten seconds are over within a run.
TIMES_FASTER = 50


def say(*said) -> None:
    """One line, written whole: it has left this process when the call returns."""
    os.write(1, json.dumps(said).encode() + b"\n")


class FastClock:
    """A clock that goes on where the killed process's stopped, and hurries."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s

    def now_ms(self) -> int:
        return 1_700_000_000_000 + int((time.time() - self._began_s) * 1000 * TIMES_FASTER)

    async def sleep_until(self, at_ms: int) -> None:
        while (left_ms := at_ms - self.now_ms()) > 0:
            await asyncio.sleep(left_ms / 1000 / TIMES_FASTER)


class DeadlyExecutor(Executor):
    """One thread that dies, and the process with it, just before or just after a commit."""

    def __init__(self, when: str, at_commit: int) -> None:
        self._threads = ThreadPoolExecutor(1)
        self._when = when
        self._left = at_commit

    def submit(self, fn, /, *args, **kwargs):
        if getattr(fn, "__name__", "") == "_commit":
            self._left -= 1
            if self._left == 0:
                return self._threads.submit(self._die, fn)
        return self._threads.submit(fn, *args, **kwargs)

    def _die(self, commit) -> None:
        if self._when == "after":
            commit()
        os.kill(os.getpid(), signal.SIGKILL)


class Told:
    """What the service tells, it tells the parent."""

    def tell(self, fact) -> None:
        if fact.kind == "attempt-ended":
            say("ended", fact.attempt_id, fact.data["outcome"])
        elif fact.kind == "device-unclaimed":
            say("released", fact.attempt_id)


def every_press_is_new(state, heard) -> Judgement:
    return Judgement(verdict="NEW", first_heard_ms=heard.received_ms, state=state)


class Station:
    """Claims whatever button comes to hand, and gives some back."""

    def __init__(self, service: ClaimService, dice: random.Random, number: int) -> None:
        account = f"{number % ACCOUNTS + 1}" * 12
        self._service = service
        self._dice = dice
        self._caller = Caller("default", account, f"KEY{account}")
        self._requests = itertools.count()
        self._name = f"{dice.getrandbits(48):012x}"

    async def work(self) -> None:
        while True:
            device_id = f"D{self._dice.randrange(DEVICES)}"
            try:
                if self._dice.random() < 0.3:
                    await self._service.unclaim(self._caller, device_id)
                else:
                    await self._claim(device_id)
            except RefusedError:
                await asyncio.sleep(0)

    async def _claim(self, device_id: str) -> None:
        invocation = f"{self._name}-{next(self._requests)}"
        epoch = await initiate(self._service, self._caller, device_id, invocation)
        if self._dice.random() < 0.2:
            return  # nobody presses: the service ends it by itself
        heard = ClickHeard(
            namespace="default",
            device_id=device_id,
            click_type="SINGLE",
            received_ms=self._service.clock.now_ms(),
            evidence=Evidence(heard_by="station"),
            source="memory:",
        )
        event = await self._service.receive(heard, every_press_is_new)
        say("click", event.event_id, event.disposition)
        await self._service.finalize(self._caller, device_id, if_epoch=epoch)
        say("claimed", device_id, self._caller.account, epoch)


async def initiate(service: ClaimService, caller: Caller, device_id: str, invocation: str) -> int:
    say("asking", invocation, device_id, caller.account)
    try:
        begun = await service.initiate(caller, device_id, invocation=invocation)
    except RefusedError:
        say("refused", invocation)
        raise
    say("initiated", invocation, begun.attempt_id, device_id, caller.account, begun.epoch)
    return begun.epoch


async def ask_again(service: ClaimService, invocation: str, device_id: str, account: str) -> None:
    """What the killed process was asked and never answered."""
    caller = Caller("default", account, f"KEY{account}")
    try:
        await initiate(service, caller, device_id, invocation)
    except RefusedError:
        return


async def main(job: dict) -> None:
    when, at_commit = job["die"] or ("never", 0)
    store = await SqliteStore.open(Path(job["folder"]), executor=DeadlyExecutor(when, at_commit))
    settings = Settings(claim_window_s=10)
    service = ClaimService(store, FastClock(job["began_s"]), settings, Told())
    say("ready")
    dice = random.Random(job["seed"])
    async with asyncio.TaskGroup() as group:
        group.create_task(service.run_deadlines())
        for asked in job["unanswered"]:
            group.create_task(ask_again(service, *asked))
        for number in range(STATIONS):
            station = Station(service, random.Random(dice.getrandbits(64)), number)
            group.create_task(station.work())


if __name__ == "__main__":
    line = sys.stdin.readline()
    if line:
        asyncio.run(main(json.loads(line)))
