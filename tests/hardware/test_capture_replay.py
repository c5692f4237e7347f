"""Replayed frames: at their own pace or at once, always simulated; and the in-process source."""

from __future__ import annotations

import asyncio

import pytest

from hardware.capture import CaptureWriter
from hardware.source import SourceAwayError, SourceEndedError, SourceRefusedError, SourceSpecError
from hardware.sources import open_source
from hardware.sources.memory import MemorySource
from hardware.sources.replay import ReplaySource
from tests.hardware.families.frames import line, notification

BEGAN_MS = 1_700_000_000_000


class VirtualTime:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time_ms = 5_000_000.0
        self.slept_s = 0.0

    def now_ms(self) -> int:
        return round(self.time_ms)

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.time_ms += seconds * 1000


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "bench.jsonl"
    with CaptureWriter(path, started_ms=BEGAN_MS) as writer:
        for at_ms in (0, 90, 2_000):
            writer.add(notification(b"\x01", at_ms=BEGAN_MS + at_ms, direct=True))
    return path


async def play(spec: str, time: VirtualTime):
    source = ReplaySource(spec, now_ms=time.now_ms, sleep=time.sleep)
    await source.open()
    frames = []
    try:
        while True:
            frames.append(await source.read())
    except SourceEndedError as ended:
        await source.close()
        return frames, str(ended)


async def test_a_replay_keeps_its_own_pace(capture):
    time = VirtualTime()
    frames, ended = await play(f"replay:{capture}", time)
    assert [frame.heard_ms - 5_000_000 for frame in frames] == [0, 90, 2_000]
    assert time.slept_s == 2.0
    assert "every frame was played" in ended


async def test_a_replay_may_be_hurried(capture):
    time = VirtualTime()
    frames, _ = await play(f"replay:{capture}?speed=4", time)
    assert [frame.heard_ms - 5_000_000 for frame in frames] == [0, 23, 500]


async def test_as_fast_as_possible_keeps_the_distances_and_waits_for_nothing(capture):
    time = VirtualTime()
    frames, _ = await play(f"replay:{capture}?speed=max", time)
    assert [frame.heard_ms - 5_000_000 for frame in frames] == [0, 90, 2_000]
    assert time.slept_s == 0


async def test_what_is_played_is_simulated_and_nobodys_own_driver_heard_it(capture):
    frames, _ = await play(f"replay:{capture}?speed=max", VirtualTime())
    assert all(frame.simulated and not frame.direct for frame in frames)
    assert {frame.source for frame in frames} == {f"replay:{capture}?speed=max"}


async def test_a_cut_capture_ends_with_where_it_was_cut(capture):
    capture.write_bytes(capture.read_bytes()[:-10])
    frames, ended = await play(f"replay:{capture}?speed=max", VirtualTime())
    assert len(frames) == 2
    assert "cut or damaged at line 4" in ended


async def test_a_cancelled_read_loses_no_frame(capture):
    time = VirtualTime()
    never = asyncio.Event()
    source = ReplaySource(f"replay:{capture}", now_ms=time.now_ms, sleep=lambda _: never.wait())
    await source.open()
    await source.read()
    reading = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    time.time_ms += 10_000
    assert [(await source.read()).payload for _ in range(2)] == [b"\x01", b"\x01"]


async def test_a_replay_may_be_opened_again_from_the_start(capture):
    time = VirtualTime()
    source = open_source(f"replay:{capture}?speed=max", clock=time, sleep=time.sleep)
    for _ in range(2):
        await source.open()
        assert (await source.read()).heard_ms == time.now_ms()
        await source.close()


@pytest.mark.parametrize(
    "spec", ["replay:", "replay:x?speed=0", "replay:x?speed=fast", "replay:x?loop=1", "replay:x?a"]
)
def test_a_spec_that_cannot_be_understood_shows_how_to_write_it(spec):
    with pytest.raises(SourceSpecError, match="write replay:FILE"):
        ReplaySource(spec, now_ms=lambda: 0)


async def test_a_file_that_is_missing_or_another_is_refused(tmp_path):
    with pytest.raises(SourceRefusedError, match="No such file"):
        await ReplaySource(f"replay:{tmp_path}/none", now_ms=lambda: 0).open()
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(SourceRefusedError, match="not a capture"):
        await ReplaySource(f"replay:{tmp_path}/other", now_ms=lambda: 0).open()


async def test_the_memory_source_hears_what_it_is_handed():
    source = MemorySource()
    source.hear(line(b"lost: not open yet"))
    await source.open()
    first, second = line(b"1"), line(b"0", at_ms=90)
    source.hear(first)
    source.hear(second)
    source.fail("unplugged")
    assert [await source.read(), await source.read()] == [first, second]
    with pytest.raises(SourceAwayError, match="unplugged"):
        await source.read()
    await source.acknowledge(first)
    assert source.acknowledged == [first]
    await source.close()
    await source.open()
    source.end()
    with pytest.raises(SourceEndedError):
        await source.read()


async def test_the_memory_source_can_refuse_to_open_and_be_woken():
    source = open_source("memory:", clock=VirtualTime())
    source.refuse(SourceAwayError("memory:", "not there"))
    with pytest.raises(SourceAwayError):
        await source.open()
    source.refuse(None)
    source.wake()
    await source.wait_for_wake()
    await source.open()
    assert source.opened == 1
