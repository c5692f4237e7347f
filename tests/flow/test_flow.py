"""One claim through a real service on virtual time: its ways to end, and every way back in."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.domain.errors import InvalidRequestError, TakenError
from orchestrator.flow import (
    CleanedUp,
    ClickCounted,
    ClickRefused,
    ServiceBack,
    ServiceLost,
    WindowOpened,
    claim_device,
)
from orchestrator.ports import ServiceAwayError
from orchestrator.settings import ClickPolicy, Settings
from orchestrator.units import AttemptQuery

BUTTON = "G030PM0123456789"


def begin(world, api=None, claim_id="claim-1", **options) -> asyncio.Task:
    flow = claim_device(
        api or world.api(),
        BUTTON,
        claim_id=claim_id,
        clock=world.clock,
        on_progress=world.told.append,
        **options,
    )
    return asyncio.create_task(flow, name="flow")


async def attempts_of(world, caller=None) -> list:
    query = AttemptQuery(device_id=BUTTON)
    return await world.service.attempts(caller or world.alice, query)


async def test_a_press_inside_the_window_claims_the_device(world):
    claim = begin(world, tags={"line": "3"})
    await world.advance(2_000)
    await world.press(BUTTON)
    attempt = await claim

    assert attempt.outcome == "CLAIMED"
    assert [mark.what for mark in attempt.timeline] == ["initiated", "click", "finalized"]
    assert attempt.latencies_ms["click_ms"] == 2_000
    device = await world.service.describe(world.alice, BUTTON)
    assert device.tags == {"line": "3"}
    (opened,) = world.told_of(WindowOpened)
    assert opened.deadline_ms == attempt.opened_ms + 120_000
    assert not opened.resumed
    assert world.told_of(ClickCounted) == [ClickCounted(device_id=BUTTON, after_ms=2_000)]


async def test_a_press_is_answered_without_waiting_for_the_clock(world):
    claim = begin(world)
    await world.settle()
    await world.press(BUTTON)
    await world.settle()
    assert claim.done()
    assert (await claim).latencies_ms["finalized_ms"] == 0


async def test_the_window_opens_only_when_the_sources_hear(world):
    reading = asyncio.Event()
    claim = begin(world, sources_reading=reading.wait)
    await world.advance(5_000)
    assert await attempts_of(world) == []
    reading.set()
    await world.settle()
    await world.press(BUTTON)
    assert (await claim).outcome == "CLAIMED"


async def test_nobody_presses_and_the_service_ends_the_attempt(world):
    claim = begin(world)
    await world.advance(120_000)
    attempt = await claim
    assert attempt.outcome == "TIMED_OUT"
    assert attempt.ended_ms == attempt.deadline_ms


async def test_a_station_with_less_patience_gives_the_claim_up(world):
    claim = begin(world, patience_ms=30_000)
    await world.advance(29_999)
    assert not claim.done()
    await world.advance(1)
    attempt = await claim
    assert (attempt.outcome, attempt.reason) == ("TIMED_OUT", "no click while the station waited")
    await world.service.initiate(world.bob, BUTTON)


async def test_patience_as_long_as_the_window_leaves_the_end_to_the_service(world):
    claim = begin(world, patience_ms=120_000)
    await world.advance(120_000)
    assert (await claim).outcome == "TIMED_OUT"


class TestOneKindOfClick:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(clicks=ClickPolicy(claim_click_type="LONG"))

    async def test_a_click_that_does_not_count_is_told_and_waited_past(self, world):
        claim = begin(world)
        await world.settle()
        await world.press(BUTTON, "SINGLE")
        await world.settle()
        (refused,) = world.told_of(ClickRefused)
        assert (refused.click_type, refused.disposition) == ("SINGLE", "WRONG_CLICK_TYPE")
        assert "LONG" in refused.reason
        await world.press(BUTTON, "LONG")
        assert (await claim).outcome == "CLAIMED"


async def test_what_comes_after_the_click_that_counted_is_no_news(world):
    confirmed = asyncio.Event()
    claim = begin(world, confirm=confirmed.wait)
    await world.settle()
    await world.press(BUTTON, press_id="one")
    await world.settle()
    await world.press(BUTTON, press_id="one")
    await world.press(BUTTON, press_id="two")
    await world.settle()
    assert not claim.done()
    confirmed.set()
    assert (await claim).outcome == "CLAIMED"
    assert world.told_of(ClickRefused) == []


async def test_somebody_elses_device_is_refused_and_stays_theirs(world):
    theirs = await world.service.initiate(world.bob, BUTTON)
    with pytest.raises(TakenError):
        await begin(world)
    assert (await world.service.attempt(world.bob, theirs.attempt_id)).outcome is None
    (refused,) = await attempts_of(world)
    assert refused.outcome == "REFUSED"


async def test_a_refused_finalize_leaves_nothing_open(world):
    claim = begin(world, tags={"aws:x": "1"})
    await world.settle()
    await world.press(BUTTON)
    with pytest.raises(InvalidRequestError):
        await claim
    (attempt,) = await attempts_of(world)
    assert attempt.outcome == "CANCELLED"
    assert "finalize was refused" in attempt.reason


async def test_a_newer_claim_of_the_same_account_supersedes_this_one(world):
    claim = begin(world)
    await world.settle()
    newer = await world.service.initiate(world.alice, BUTTON)
    attempt = await claim
    assert (attempt.outcome, attempt.reason) == ("CANCELLED", "superseded")
    assert (await world.service.attempt(world.alice, newer.attempt_id)).outcome is None


class TestCancelling:
    async def test_gives_the_claim_up_with_its_reason(self, world):
        claim = begin(world)
        await world.advance(1_000)
        claim.cancel("the operator went home")
        with pytest.raises(asyncio.CancelledError):
            await claim
        (attempt,) = await attempts_of(world)
        assert (attempt.outcome, attempt.reason) == ("CANCELLED", "the operator went home")
        assert world.told_of(CleanedUp) == [CleanedUp(attempt=attempt)]

    async def test_leaves_a_newer_claim_alone(self, world):
        never = asyncio.Event()
        claim = begin(world, confirm=never.wait)
        await world.settle()
        await world.press(BUTTON)
        await world.settle()
        newer = await world.service.initiate(world.alice, BUTTON)
        claim.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claim
        assert (await world.service.attempt(world.alice, newer.attempt_id)).outcome is None

    async def test_before_anything_was_asked_asks_nothing(self, world):
        never = asyncio.Event()
        claim = begin(world, sources_reading=never.wait)
        await world.settle()
        claim.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claim
        assert await attempts_of(world) == []

    async def test_while_the_service_is_away_ends_in_time(self, world):
        api = Flaky(world.api())
        claim = begin(world, api)
        await world.settle()
        api.away = True
        claim.cancel()
        await world.advance(5_000)
        with pytest.raises(asyncio.CancelledError):
            await claim
        assert world.told_of(CleanedUp) == [CleanedUp(attempt=None)]


class Killed(BaseException):
    """SIGKILL, as far as a flow can tell: no handler of its own runs."""


class Flaky:
    """A ClaimApi that breaks at the n-th call of one operation, before or after it took effect."""

    def __init__(self, api, operation="", when="", error: BaseException | None = None, nth=1):
        self._api = api
        self._operation, self._when, self._error, self._left = operation, when, error, nth
        self.away = False

    def __getattr__(self, name):
        call = getattr(self._api, name)
        return call if name == "facts" else lambda *args, **kw: self._call(name, call, *args, **kw)

    async def _call(self, name, call, *args, **kw):
        if self.away:
            raise ServiceAwayError("the service is away")
        self._left -= name == self._operation
        breaks = name == self._operation and self._left == 0
        if breaks and self._when == "before":
            raise self._error
        answer = await call(*args, **kw)
        if breaks and self._when == "after":
            raise self._error
        return answer


CALLS = [("attempts", 1), ("initiate", 1), ("attempt", 1), ("finalize", 1)]
CALLS += [("attempt", 2)]  # the look at how it ended


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("operation", "nth"), CALLS)
async def test_killed_anywhere_and_started_again_it_goes_on(world, operation, nth, when):
    first = begin(world, Flaky(world.api(), operation, when, Killed(), nth))
    await world.settle()
    await world.press(BUTTON)
    with pytest.raises(Killed):
        await first

    await world.advance(10_000)
    again = begin(world)
    await world.settle()
    if not again.done():
        await world.press(BUTTON)
    attempt = await again
    assert attempt.outcome == "CLAIMED"
    assert [one.attempt_id for one in await attempts_of(world)] == [attempt.attempt_id]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("operation", "nth"), CALLS[1:])
async def test_a_service_that_is_away_for_a_moment_is_asked_again(world, operation, nth, when):
    away = ServiceAwayError("connection lost")
    claim = begin(world, Flaky(world.api(), operation, when, away, nth))
    await world.advance(1_000)
    await world.press(BUTTON)
    await world.advance(1_000)
    attempt = await claim
    assert attempt.outcome == "CLAIMED"
    assert len(await attempts_of(world)) == 1
    assert world.told_of(ServiceLost) == [ServiceLost(reason="connection lost")]
    assert len(world.told_of(ServiceBack)) == 1


async def test_a_service_that_is_not_there_at_all_is_said_at_once(world):
    api = Flaky(world.api())
    api.away = True
    with pytest.raises(ServiceAwayError):
        await begin(world, api)


async def test_a_service_that_stays_away_is_given_up_after_the_window(world):
    api = Flaky(world.api())
    claim = begin(world, api)
    await world.settle()
    api.away = True
    await world.advance(120_000)
    assert not claim.done()
    await world.advance(60_000)
    with pytest.raises(ServiceAwayError):
        await claim
    api.away = False
    assert (await begin(world, api)).outcome == "TIMED_OUT"


class Deaf(Flaky):
    """A ClaimApi whose stream tells nothing; it ends at once, raises, or just stays silent."""

    def __init__(self, api, how):
        super().__init__(api)
        self._how = how

    async def facts(self):
        if self._how == "silent":
            await asyncio.Event().wait()
        if self._how == "raises":
            raise ServiceAwayError("no stream")
        return
        yield


@pytest.mark.parametrize("how", ["silent", "ends", "raises"])
async def test_without_the_stream_the_attempt_itself_is_read(world, how):
    claim = begin(world, Deaf(world.api(), how))
    await world.advance(20_000)
    await world.press(BUTTON)
    await world.advance(5_000)
    assert claim.done()
    assert (await claim).outcome == "CLAIMED"


def counting_reads(world) -> tuple:
    reads = []
    api = world.api()
    read = api.attempt

    async def counted(attempt_id):
        reads.append(attempt_id)
        return await read(attempt_id)

    api.attempt = counted
    return api, reads


async def test_a_proven_stream_spares_the_service_all_polling(world):
    api, reads = counting_reads(world)
    claim = begin(world, api)
    await world.advance(119_999)
    assert len(reads) < 6
    claim.cancel()
    await asyncio.gather(claim, return_exceptions=True)


async def test_the_fact_of_our_own_initiate_is_no_reason_to_ask_again(world):
    api, reads = counting_reads(world)
    claim = begin(world, api)
    await world.settle()
    assert not reads  # what initiate answered says it all
    await world.advance(20_000)
    assert len(reads) == 1  # the look at the attempt before the stream had proven itself
    await world.press(BUTTON)
    await world.settle()
    assert (await claim).outcome == "CLAIMED"
    assert len(reads) == 3
