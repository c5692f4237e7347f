"""Claiming a button whose id nobody knows, through a real service on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.discovery import Heard, Named, NoClick, NotForUs, Overlap, claim_any
from orchestrator.domain.devices import Device
from orchestrator.units import AddDevice, AttemptQuery


class Station:
    """Ears of a station: what it heard, with the service's verdict, in order."""

    def __init__(self, world, *, shared=False):
        self.world = world
        self.shared = shared
        self.heard: asyncio.Queue[Heard | None] = asyncio.Queue()

    async def __aiter__(self):
        while (one := await self.heard.get()) is not None:
            yield one

    async def press(self, device_id, **options):
        event = await self.world.press(device_id, **options)
        self.heard.put_nowait(
            Heard(
                device_id=device_id,
                disposition=event.disposition,
                reason=event.reason,
                shared=self.shared,
            )
        )
        await self.world.settle()

    def begin(self) -> asyncio.Task:
        world = self.world
        return asyncio.create_task(
            claim_any(
                world.api(),
                aiter(self),
                claim_id="any",
                clock=world.clock,
                on_progress=world.told.append,
            )
        )


@pytest.fixture
async def station(world) -> Station:
    for device_id in ("A", "B"):
        await world.service.store.unit(
            [AddDevice(Device(namespace="default", device_id=device_id))]
        )
    return Station(world)


async def outcomes(world) -> list[tuple[str, str]]:
    attempts = await world.service.attempts(world.alice, AttemptQuery())
    return [(one.device_id, one.outcome) for one in reversed(attempts)]


async def test_the_first_click_names_and_the_second_claims(world, station):
    claim = station.begin()
    await station.press("A")
    assert world.told_of(Named) == [Named(device_id="A")]
    await world.advance(3_000)
    await station.press("A")
    attempt = await claim
    assert (attempt.device_id, attempt.outcome) == ("A", "CLAIMED")


async def test_repeats_of_the_first_click_claim_nothing(world, station):
    claim = station.begin()
    await station.press("A", press_id="one")
    await station.press("A", press_id="one")
    await world.advance(10_000)
    assert not claim.done()
    await station.press("A", press_id="two")
    assert (await claim).outcome == "CLAIMED"


async def test_another_button_between_the_two_clicks_stops_the_claim(world, station):
    claim = station.begin()
    await station.press("A")
    await station.press("B")
    assert world.told_of(Overlap) == [Overlap(device_id="B", other="A")]
    assert await outcomes(world) == [("A", "CANCELLED")]
    await station.press("A")
    assert await outcomes(world) == [("A", "CANCELLED")]

    await world.advance(120_000)
    await station.press("A")
    await station.press("A")
    assert (await claim).outcome == "CLAIMED"


async def test_another_button_just_before_the_claiming_click_stops_it_too(world, station):
    """Both verdicts come in one answer, when the service has the second click already."""
    claim = station.begin()
    await station.press("A")
    for device_id in ("B", "A"):
        event = await world.press(device_id)
        station.heard.put_nowait(
            Heard(device_id=device_id, disposition=event.disposition, reason="")
        )
    await world.settle()
    assert await outcomes(world) == [("A", "CANCELLED")]
    claim.cancel()
    await asyncio.gather(claim, return_exceptions=True)


async def test_a_click_that_the_service_heard_first_names_the_button_too(world, station):
    station.shared = True
    claim = station.begin()
    await world.press("A", press_id="one")
    await station.press("A", press_id="one")
    assert world.told_of(Named) == [Named(device_id="A")]
    await world.press("A", press_id="two")
    await station.press("A", press_id="two")
    assert (await claim).outcome == "CLAIMED"


async def test_a_click_whose_answer_got_lost_names_the_button_too(world, station):
    """The frame is sent again, and the service has its press on record already."""
    claim = station.begin()
    await world.press("A", press_id="one")
    await station.press("A", press_id="one")
    assert world.told_of(Named) == [Named(device_id="A")]
    await station.press("A", press_id="two")
    assert (await claim).outcome == "CLAIMED"


async def test_another_button_whose_answer_got_lost_stops_the_claim(world, station):
    claim = station.begin()
    await station.press("A")
    await world.press("B", press_id="one")
    await station.press("B", press_id="one")
    assert world.told_of(Overlap) == [Overlap(device_id="B", other="A")]
    assert await outcomes(world) == [("A", "CANCELLED")]
    claim.cancel()
    await asyncio.gather(claim, return_exceptions=True)


@pytest.mark.parametrize("shared", [True, False])
async def test_a_click_heard_first_elsewhere_may_be_of_somebodys_button(world, station, shared):
    """The station cannot tell until it is refused; then the search goes on."""
    station.shared = shared
    opened = await world.service.initiate(world.bob, "B", invocation="bob")
    await world.press("B")
    await world.service.finalize(world.bob, "B", tags=None, if_epoch=opened.epoch, invocation="bob")
    claim = station.begin()
    await world.press("B", press_id="one")
    await station.press("B", press_id="one")
    assert not claim.done()
    await station.press("A")
    await station.press("A")
    attempt = await claim
    assert (attempt.device_id, attempt.outcome) == ("A", "CLAIMED")


async def test_an_unknown_button_is_told_and_names_nothing(world, station):
    claim = station.begin()
    await station.press("STRANGER")
    (told,) = world.told_of(NotForUs)
    assert told.heard.disposition == "UNKNOWN_DEVICE"
    station.heard.put_nowait(None)
    assert await claim is None


async def test_a_named_button_that_is_not_pressed_again_times_out(world, station):
    claim = station.begin()
    await station.press("A")
    await world.advance(120_000)
    attempt = await claim
    assert (attempt.device_id, attempt.outcome) == ("A", "TIMED_OUT")


async def test_cancelling_gives_up_the_claim_in_progress(world, station):
    claim = station.begin()
    await station.press("A")
    claim.cancel("the operator went home")
    with pytest.raises(asyncio.CancelledError):
        await claim
    (attempt,) = await world.service.attempts(world.alice, AttemptQuery())
    assert (attempt.outcome, attempt.reason) == ("CANCELLED", "the operator went home")


async def test_a_button_that_sends_no_clicks_is_told_of_once_and_names_nothing(world, station):
    claim = station.begin()
    closed = Heard(device_id="A", disposition=None, reason="a level", carries="level")
    unread = Heard(device_id="B", disposition=None, reason="no key for it", carries="unread")
    nothing = Heard(device_id="B", disposition=None, reason="a thermometer")
    for one in (closed, unread, nothing, closed, unread):
        station.heard.put_nowait(one)
    await world.settle()
    assert world.told_of(NoClick) == [NoClick(heard=closed), NoClick(heard=unread)]
    assert world.told_of(Named) == []
    station.heard.put_nowait(None)
    assert await claim is None


async def test_of_a_room_full_of_strangers_only_some_are_told_of(world, station):
    claim = station.begin()
    for number in range(100):
        station.heard.put_nowait(
            Heard(device_id=f"S{number}", disposition=None, reason="no key", carries="unread")
        )
    station.heard.put_nowait(None)
    assert await claim is None
    assert len(world.told_of(NoClick)) == 20


async def test_a_click_from_an_address_that_means_no_device_is_told_of_once(world, station):
    claim = station.begin()
    unknown = Heard(device_id=None, disposition="UNKNOWN_DEVICE", reason="type: devices alias X B")
    station.heard.put_nowait(unknown)
    station.heard.put_nowait(unknown)
    await world.settle()
    assert world.told_of(NotForUs) == [NotForUs(heard=unknown)]
    station.heard.put_nowait(None)
    assert await claim is None


class SlowToGiveUp:
    """A claim API whose unclaim takes until it is let go."""

    def __init__(self, api):
        self.api = api
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self.api, name)

    async def unclaim(self, *given, **named):
        self.asked.set()
        await self.go_on.wait()
        return await self.api.unclaim(*given, **named)


async def test_who_stops_a_search_that_is_giving_a_claim_up_is_heard(world, station):
    api = SlowToGiveUp(world.api())
    claim = asyncio.create_task(claim_any(api, aiter(station), claim_id="any", clock=world.clock))
    await station.press("A")
    await station.press("B")
    await api.asked.wait()
    claim.cancel("time is up")
    await world.settle()
    api.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await claim
    assert await outcomes(world) == [("A", "CANCELLED")]
