"""A station's ears: what they hear reaches the service once, in order, also after it was away."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hardware.click import RawFrame
from hardware.source import SourceAwayError, SourceRefusedError
from hardware.sources.memory import MemorySource
from orchestrator.clocks import WallClock
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.ports import FrameReceipt, ServiceAwayError
from orchestrator.runtime.ears import Ears


def frame(number: int, *, token: object = None) -> RawFrame:
    return RawFrame(
        transport="serial",
        source="memory:",
        heard_ms=number,
        payload=str(number).encode(),
        acknowledge_token=token,
    )


class Service:
    """The part of a ClaimApi that ears talk to."""

    def __init__(self):
        self.got: list[int] = []
        self.requests: list[tuple[str, list[int]]] = []
        self.away = False
        self.asked = asyncio.Event()
        self.poison: set[int] = set()

    async def send_frames(self, frames, *, invocation):
        self.requests.append((invocation, [one.heard_ms for one in frames]))
        self.asked.set()
        await asyncio.sleep(0)
        if self.away:
            raise ServiceAwayError("the service does not answer.")
        if self.poison & {one.heard_ms for one in frames}:
            raise InvalidRequestError("a frame is too long.")
        self.got += [one.heard_ms for one in frames]
        return [FrameReceipt(disposition="NO_CLAIM", device_id="A", reason="") for _ in frames]


class Bench:
    def __init__(self, **options):
        self.source = MemorySource()
        self.service = Service()
        self.receipts: list[tuple[int, FrameReceipt]] = []
        self.changes: list = []
        self.ears = Ears(
            api=self.service,
            sources=[self.source],
            clock=WallClock(),
            on_receipt=lambda frame, receipt: self.receipts.append((frame.heard_ms, receipt)),
            on_service=self.changes.append,
            **options,
        )
        self.task = asyncio.create_task(self.ears.run())

    async def until(self, true) -> None:
        async with asyncio.timeout(30):
            while not true():
                await asyncio.sleep(0.001)


@pytest.fixture
async def bench(request):
    made = Bench(**getattr(request, "param", {}))
    await made.ears.wait_reading(30)
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_frames_go_out_in_order_and_are_acknowledged_after_the_receipt(bench):
    for number in range(600):
        bench.source.hear(frame(number))
    bench.source.end()
    await bench.task
    assert bench.service.got == list(range(600))
    assert [number for number, _ in bench.receipts] == list(range(600))
    assert [one.heard_ms for one in bench.source.acknowledged] == list(range(600))


async def test_nothing_is_acknowledged_while_the_service_is_away(bench):
    bench.service.away = True
    bench.source.hear(frame(1))
    await bench.until(lambda: bench.changes)
    assert bench.changes[0].away
    assert bench.source.acknowledged == []
    bench.service.away = False
    bench.source.end()
    await bench.task
    assert [one.heard_ms for one in bench.source.acknowledged] == [1]
    away, back = bench.changes
    assert (away.away, back.away, back.dropped) == (True, False, 0)


@pytest.mark.parametrize("bench", [{"kept": 10}], indirect=True)
async def test_of_too_many_frames_the_oldest_go_and_that_is_said(bench):
    bench.service.away = True
    bench.source.hear(frame(0))
    await bench.service.asked.wait()  # what is being sent is not dropped
    for number in range(1, 26):
        bench.source.hear(frame(number))
    await bench.until(lambda: bench.ears._dropped >= 15)
    bench.service.away = False
    bench.source.end()
    await bench.task
    assert bench.service.got == [0, *range(16, 26)]
    assert bench.changes[-1].dropped == 15


async def test_what_is_sent_again_is_the_same_frames_under_the_same_id(bench):
    bench.service.away = True
    bench.source.hear(frame(1))
    await bench.until(lambda: len(bench.service.requests) == 1)
    bench.source.hear(frame(2))
    await bench.until(lambda: len(bench.service.requests) == 2)
    bench.service.away = False
    bench.source.end()
    await bench.task
    (first, *again), (last,) = bench.service.requests[:-1], bench.service.requests[-1:]
    assert first[1] == [1]
    assert set(map(str, again)) == {str(first)}
    assert last[1] == [2]
    assert last[0] != first[0]


@pytest.mark.parametrize("bench", [{"kept": 10}], indirect=True)
async def test_who_sends_again_waits_for_room_instead(bench):
    bench.service.away = True
    for number in range(25):
        bench.source.hear(frame(number, token=object()))
    await bench.until(lambda: len(bench.ears._waiting) == 10)
    bench.service.away = False
    bench.source.end()
    await bench.task
    assert bench.service.got == list(range(25))
    assert bench.changes[-1].dropped == 0


async def test_a_frame_that_the_service_cannot_take_spoils_no_other(bench):
    bench.service.poison = {2}
    for number in range(5):
        bench.source.hear(frame(number))
    bench.source.end()
    await bench.task
    assert bench.service.got == [0, 1, 3, 4]
    refused = dict(bench.receipts)[2]
    assert (refused.disposition, refused.reason) == (None, "a frame is too long.")


async def test_a_source_that_refuses_ends_them_with_its_own_error():
    bench = Bench()
    bench.source.refuse(SourceRefusedError("memory:", "no"))
    with pytest.raises(SourceRefusedError):
        await bench.ears.wait_reading(30)
    with pytest.raises(ExceptionGroup) as raised:
        await bench.task
    assert raised.group_contains(SourceRefusedError)


async def test_a_source_that_is_away_is_waited_for_and_then_told():
    bench = Bench()
    bench.source.refuse(SourceAwayError("memory:", "unplugged"))
    with pytest.raises(SourceAwayError, match="unplugged"):
        await bench.ears.wait_reading(0.05)
    bench.task.cancel()
    await asyncio.gather(bench.task, return_exceptions=True)


async def test_a_short_recording_is_as_good_as_one_that_still_plays():
    bench = Bench()
    bench.source.hear(replace(frame(1), simulated=True))
    bench.source.end()
    await bench.task
    await bench.ears.wait_reading(30)
