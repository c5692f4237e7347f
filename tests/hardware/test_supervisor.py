"""The supervisor's driver, with a scripted source and virtual time."""

import asyncio
import contextlib

import pytest

from hardware.click import RawFrame
from hardware.source import SourceAwayError, SourceEndedError, SourceError, SourceRefusedError
from hardware.supervisor import Backoff, Supervisor

SPEC = "script:"


class VirtualTime:
    """Time that passes only when everybody sleeps."""

    def __init__(self):
        self.time_ms = 0
        self._sleepers = []

    def now_ms(self):
        return self.time_ms

    async def sleep(self, seconds):
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time_ms + round(seconds * 1000), future))
        await future

    async def pass_ms(self, passed_ms):
        """Let time pass, waking sleepers in their order."""
        end_ms = self.time_ms + passed_ms
        while True:
            await settle()
            self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= end_ms]
            if not due:
                break
            when_ms, future = min(due, key=lambda sleeper: sleeper[0])
            self.time_ms = when_ms
            future.set_result(None)
        self.time_ms = end_ms


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


class ScriptedSource:
    """Opens and reads as its script says: an error is raised, a number is a frame, "wait" waits."""

    spec = SPEC

    def __init__(self, opens, reads=()):
        self.opens = list(opens)
        self.reads = list(reads)
        self.wake = asyncio.Event()
        self.opened = self.closed = 0
        self.acknowledged = []

    async def open(self):
        self.opened += 1
        await self._play(self.opens)

    async def read(self):
        number = await self._play(self.reads)
        return RawFrame(transport="serial", source=SPEC, heard_ms=number, payload=b"")

    async def _play(self, script):
        await asyncio.sleep(0)
        what = script.pop(0) if script else "wait"
        if what == "wait":
            await asyncio.Event().wait()
        if isinstance(what, Exception):
            raise what
        return what

    async def acknowledge(self, frame):
        self.acknowledged.append(frame)

    async def close(self):
        self.closed += 1

    async def wait_for_wake(self):
        await self.wake.wait()
        self.wake.clear()


def away(why="gone"):
    return SourceAwayError(SPEC, why)


class Run:
    """A supervisor whose frames are collected by a task."""

    def __init__(self, source, time, **options):
        self.states, self.heard, self.error = [], [], None
        self.source, self.time = source, time
        self.supervisor = Supervisor(
            source,
            clock=time,
            sleep=time.sleep,
            on_state=lambda change: self.states.append(change.now.state),
            **options,
        )
        self.task = asyncio.create_task(self._collect())

    async def _collect(self):
        try:
            async with contextlib.aclosing(self.supervisor.frames()) as frames:
                async for frame in frames:
                    self.heard.append(frame.heard_ms)
        except SourceError as error:
            self.error = error


@pytest.fixture
async def run():
    runs = []

    def start(source, **options):
        runs.append(Run(source, VirtualTime(), **options))
        return runs[-1]

    yield start
    for started in runs:
        started.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await started.task
        assert started.supervisor.situation.state == "CLOSED"
        assert started.source.closed == started.source.opened


async def test_frames_come_through_an_outage(run):
    it = run(ScriptedSource(["ok", "ok"], [1, 2, away(), 3, "wait"]))
    await settle()
    assert it.heard == [1, 2]
    assert it.states == ["OPENING", "READING", "COOLING"]
    await it.time.pass_ms(249)
    assert it.states[-1] == "COOLING"
    await it.time.pass_ms(1)
    assert it.states[-2:] == ["OPENING", "READING"]
    assert it.heard == [1, 2, 3]


async def test_a_wake_ends_cooling_early(run):
    it = run(ScriptedSource([away()] * 6 + ["ok"], ["wait"]))
    await it.time.pass_ms(250 + 500 + 1000 + 2000 + 4000)
    assert it.supervisor.situation.delay_ms == 5000
    await it.time.pass_ms(100)
    it.source.wake.set()
    await it.time.pass_ms(0)
    assert it.states[-1] == "READING"


async def test_wakes_without_end_do_not_become_a_busy_loop(run):
    source = ScriptedSource([away() for _ in range(100)])

    async def always():
        await asyncio.sleep(0)

    source.wait_for_wake = always
    it = run(source)
    await it.time.pass_ms(1_000)
    assert source.opened == 1_000 // Backoff().floor_ms + 1


async def test_a_driver_error_that_is_no_source_error_is_an_outage_too(run):
    it = run(ScriptedSource(["ok", "ok"], [OSError(5, "Input/output error"), 7]))
    await it.time.pass_ms(250)
    assert it.heard == [7]


async def test_a_refusal_ends_the_frames_with_its_reason(run):
    it = run(ScriptedSource([SourceRefusedError(SPEC, "permission denied", "join the group")]))
    await settle()
    assert isinstance(it.error, SourceRefusedError)
    assert it.states == ["OPENING", "CLOSED"]
    with pytest.raises(SourceRefusedError, match="join the group"):
        await it.supervisor.wait_reading(30)


async def test_a_refusal_is_waited_out_by_those_who_ask_for_it(run):
    script = [SourceRefusedError(SPEC, "permission denied"), "ok"]
    it = run(ScriptedSource(script, [1]), retry_refused=True)
    await it.time.pass_ms(250)
    assert it.heard == [1]


async def test_a_source_that_ends_ends_the_frames(run):
    it = run(ScriptedSource(["ok"], [1, SourceEndedError(SPEC, "the capture is over")]))
    await asyncio.wait_for(it.task, 30)
    assert (it.heard, it.error, it.states[-1]) == ([1], None, "CLOSED")
    with pytest.raises(SourceEndedError):
        await it.supervisor.wait_reading(30)


async def test_wait_reading_waits_for_the_source_to_come_back(run):
    it = run(ScriptedSource([away(), "ok"], ["wait"]))
    waiting = asyncio.create_task(it.supervisor.wait_reading(60))
    await settle()
    assert not waiting.done()
    await it.time.pass_ms(250)
    await asyncio.wait_for(waiting, 30)
    await it.supervisor.wait_reading(0)


async def test_wait_reading_says_why_not(run):
    it = run(ScriptedSource([away("there is no port /dev/x")]))
    await settle()
    with pytest.raises(SourceAwayError, match=r"not READING after 0.01 s: there is no port /dev/x"):
        await it.supervisor.wait_reading(0.01)


async def test_stopping_closes_the_source_in_every_state(run):
    for script in (["wait"], ["ok"], [away()]):
        it = run(ScriptedSource(script))
        await settle()
        it.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await it.task
        assert it.states[-1] == "CLOSED"


async def test_frames_can_be_started_again_after_a_stop(run):
    source = ScriptedSource(["ok", "ok"], [1, "wait", 2])
    it = run(source)
    await settle()
    it.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await it.task
    it.task = asyncio.create_task(it._collect())
    await settle()
    assert it.heard == [1, 2]


async def test_an_error_of_the_consumer_is_not_an_outage(run):
    source = ScriptedSource(["ok"], [1])
    supervisor = Supervisor(source, clock=VirtualTime())

    async def consume():
        async with contextlib.aclosing(supervisor.frames()) as frames:
            async for _ in frames:
                raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await consume()
    assert (source.opened, source.closed) == (1, 1)


async def test_acknowledging_goes_to_the_source(run):
    source = ScriptedSource(["ok"], [1])
    supervisor = Supervisor(source, clock=VirtualTime())
    async with contextlib.aclosing(supervisor.frames()) as frames:
        frame = await anext(frames)
        await supervisor.acknowledge(frame)
    assert source.acknowledged == [frame]
