"""Kills a working service again and again, and holds its data folder to what it had said."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.stores.files import DATABASE_NAME
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import AttemptQuery, EventQuery

WORKER = Path(__file__).parent / "worker.py"
# A folder's record grows with every run, and all of it is checked after each.
KILLS_A_FOLDER = 10
EVERYTHING = 1_000_000
ENDINGS = {"finalized", "timed_out", "refused", "cancelled", "failed"}


@dataclass(frozen=True)
class Kill:
    """When a worker dies, drawn from the seed."""

    after_lines: int | None = None
    """From outside, when it has said so much..."""
    then_ms: float = 0.0
    """...and so long after that."""
    die: tuple[str, int] | None = None
    """By its own hand: just before or just after its n-th commit."""

    @classmethod
    def draw(cls, dice: random.Random) -> Kill:
        if dice.random() < 0.4:
            return cls(
                after_lines=dice.choice([0, 1, dice.randrange(600)]), then_ms=dice.random() * 4
            )
        return cls(die=(dice.choice(["before", "after"]), dice.randint(1, 60)))


@dataclass
class Said:
    """All that the workers of one folder have told somebody."""

    lines: int = 0
    initiated: dict[str, tuple] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    claimed: set[tuple[str, str, int]] = field(default_factory=set)
    clicks: dict[str, str] = field(default_factory=dict)
    unanswered: dict[str, tuple] = field(default_factory=dict)

    def take(self, line: bytes) -> None:
        kind, *rest = json.loads(line)
        self.lines += 1
        match kind:
            case "asking":
                self.unanswered[rest[0]] = tuple(rest)
            case "refused":
                self.unanswered.pop(rest[0])
            case "initiated":
                self.unanswered.pop(rest[0])
                self.initiated[rest[1]] = (rest[0], *rest[2:])
            case "ended":
                assert self.ended.setdefault(*rest) == rest[1], f"two outcomes were told: {rest}"
            case "released":
                self.released.add(rest[0])
            case "claimed":
                self.claimed.add(tuple(rest))
            case "click":
                self.clicks[rest[0]] = rest[1]


@dataclass
class Report:
    """What a series of kills went through."""

    kills: int = 0
    lines: int = 0
    attempts: int = 0
    claimed: int = 0
    asked_again: int = 0
    ways: Counter = field(default_factory=Counter)


class Worker:
    """A worker process, started early: it waits for its job with everything loaded."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Worker:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, WORKER, stdin=pipe, stdout=pipe, stderr=pipe
            )
        )

    async def run_until_killed(self, kill: Kill, job: dict, said: Said) -> None:
        process = self._process
        process.stdin.write(json.dumps(job | {"die": kill.die}).encode() + b"\n")
        await process.stdin.drain()
        async with asyncio.timeout(30):
            if kill.after_lines is not None:
                for _ in range(kill.after_lines):
                    said.take(await process.stdout.readline())
                await asyncio.sleep(kill.then_ms / 1000)
                process.kill()
            async for line in process.stdout:
                # The pipe keeps what was written before the end; only whole lines were.
                said.take(line)
            errors = await process.stderr.read()
            code = await process.wait()
        assert code == -9, f"the worker ended by itself ({code}): {errors.decode()}"

    async def dismiss(self) -> None:
        """No job comes."""
        self._process.stdin.close()
        await self._process.communicate()


async def kill_again_and_again(kills: int, seed: int) -> AsyncIterator[Report]:
    """Kill that often, checking after each; the report so far after each."""
    dice = random.Random(seed)
    report = Report()
    worker = await Worker.start()
    try:
        while report.kills < kills:
            with tempfile.TemporaryDirectory(prefix="kills-") as folder:
                said = Said()
                began_s = time.time()
                for _ in range(min(KILLS_A_FOLDER, kills - report.kills)):
                    kill = Kill.draw(dice)
                    job = {
                        "folder": folder,
                        "seed": dice.getrandbits(32),
                        "began_s": began_s,
                        "unanswered": list(said.unanswered.values()),
                    }
                    report.asked_again += len(said.unanswered)
                    killed, worker = worker, await Worker.start()
                    before = said.lines
                    await killed.run_until_killed(kill, job, said)
                    rows = await Rows.read(Path(folder))
                    rows.check(said)
                    report.kills += 1
                    report.lines += said.lines - before
                    report.ways[kill.die[0] if kill.die else "outside"] += 1
                    yield report
                report.attempts += len(rows.attempts)
                report.claimed += sum(one.outcome == "CLAIMED" for one in rows.attempts.values())
    finally:
        await worker.dismiss()


@dataclass
class Rows:
    """Everything in a data folder."""

    devices: list[Device]
    attempts: dict[str, Attempt]
    events: dict[str, DeviceEvent]

    @classmethod
    async def read(cls, folder: Path) -> Rows:
        store = await SqliteStore.open(folder)
        rows = cls(
            devices=await store.devices("default", limit=EVERYTHING),
            attempts={
                one.attempt_id: one for one in await store.attempts(AttemptQuery(limit=EVERYTHING))
            },
            events={
                one.event_id: one
                for one in await store.events(EventQuery(namespace="default", limit=EVERYTHING))
            },
        )
        await store.close()
        connection = sqlite3.connect(folder / DATABASE_NAME)
        found = connection.execute("PRAGMA integrity_check").fetchall()
        connection.close()
        assert found == [("ok",)], found
        return rows

    def check(self, said: Said) -> None:
        """Nothing that was said is lost, nothing happened twice, and the record is the state."""
        self._nothing_said_is_lost(said)
        for attempt in self.attempts.values():
            self._one_outcome(attempt)
        for device in self.devices:
            self._record_is_state(device)
        asked = Counter(
            one.invocation for one in self.attempts.values() if one.outcome != "REFUSED"
        )
        assert all(times == 1 for times in asked.values()), "a request was carried out twice"

    def _nothing_said_is_lost(self, said: Said) -> None:
        for attempt_id, begun in said.initiated.items():
            found = self.attempts.get(attempt_id)
            row = found and (found.invocation, found.device_id, found.account, found.epoch)
            assert row == begun, f"initiate was answered {begun}, on record is {row}"
        for attempt_id, outcome in said.ended.items():
            found = self.attempts.get(attempt_id)
            assert getattr(found, "outcome", "") == outcome, f"{outcome} was told: {found}"
        for attempt_id in said.released:
            found = self.attempts.get(attempt_id)
            assert getattr(found, "released_ms", None), f"an unclaim was told: {found}"
        for event_id, disposition in said.clicks.items():
            event = self.events.get(event_id)
            assert getattr(event, "disposition", "") == disposition, f"{event_id} is lost: {event}"
        recorded = {
            (one.device_id, one.account, one.epoch)
            for one in self.attempts.values()
            if one.outcome == "CLAIMED"
        }
        assert said.claimed <= recorded, f"claims are lost: {said.claimed - recorded}"

    def _one_outcome(self, attempt: Attempt) -> None:
        marks = [mark.what for mark in attempt.timeline]
        endings = [what for what in marks if what in ENDINGS]
        assert len(endings) == (attempt.outcome is not None), marks
        assert (attempt.ended_ms is not None) == (attempt.outcome is not None), attempt
        matched = [
            event
            for event in self.events.values()
            if event.attempt_id == attempt.attempt_id and event.disposition == "MATCHED"
        ]
        clicks = [mark.detail["eventId"] for mark in attempt.timeline if mark.what == "click"]
        assert [event.event_id for event in matched] == clicks, "a click counted twice, or not"
        if attempt.outcome == "CLAIMED":
            assert marks[:3] == ["initiated", "click", "finalized"], marks
            pressed = (matched[0].device_id, matched[0].epoch)
            assert pressed == (attempt.device_id, attempt.epoch), "claimed by another's click"

    def _record_is_state(self, device: Device) -> None:
        claim = device.claim
        mine = [one for one in self.attempts.values() if one.device_id == device.device_id]
        tries = sorted(one.epoch for one in mine if one.outcome != "REFUSED")
        assert tries == list(range(1, claim.epoch + 1)), "an epoch without its one attempt"
        owned = [one for one in mine if one.outcome == "CLAIMED" and one.released_ms is None]
        open_now = [one for one in mine if one.outcome is None]
        current = {
            "UNCLAIMED": [],
            "CLAIM_INITIATED": open_now,
            "CLAIMED": owned,
        }[claim.state]
        assert owned + open_now == current, "the record says another state than the device"
        if claim.state != "UNCLAIMED":
            on_record = [(one.attempt_id, one.account, one.epoch) for one in current]
            held = (claim.attempt_id, claim.owner, claim.epoch)
            assert on_record == [held], f"the device is {held}, on record is {on_record}"
        presses = [one for one in self.events.values() if one.device_id == device.device_id]
        assert device.clicks == len(presses), "a click was counted twice, or not"
        assert claim.click_event_id in {None, *self.events}, "the click that counted is lost"
