"""The outbox: posted at least once, later each time, and to nobody who was not allowed."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import pytest

from orchestrator.callbacks import (
    EVENT_ID_HEADER,
    IDEMPOTENCY_HEADER,
    LONGEST_PAUSE_MS,
    LOOK_EVERY_MS,
    MOST_TRIES,
    CallbackPoster,
    NotAllowedError,
    callback_client,
    check_url,
    pause_ms,
)
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import VirtualClock
from orchestrator.domain.errors import StoreError, StoreFullError
from orchestrator.domain.events import ClickHeard, Evidence, Judgement
from orchestrator.domain.ids import Caller
from orchestrator.settings import Settings
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import Delivery, PutDelivery

MINE = Caller("default", "111122223333", "KEYMINE")
URL = "https://hooks.example/click?token=secret"
FAR_MS = 2**52


class Receiver:
    """A web server that answers what a test tells it to, and remembers what it was sent."""

    def __init__(self):
        self.answers = []
        self.requests = []
        self.gate = None

    async def __call__(self, request):
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(answer)


class World:
    def __init__(self):
        self.store = MemoryStore()
        self.clock = VirtualClock()
        self.receiver = Receiver()
        self.settings = Settings(callback_hosts=("hooks.example", "127.0.0.1"))
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self.receiver))
        self.poster = CallbackPoster(self.store, self.clock, self.settings, self.client)

    async def put(self, delivery_id="e1-click", **said):
        facts = {
            "delivery_id": delivery_id,
            "namespace": "default",
            "device_id": "B1",
            "url": URL,
            "payload": b'{"hello":1}',
            "created_ms": self.clock.now_ms(),
            "due_ms": self.clock.now_ms(),
        }
        await self.store.unit([PutDelivery(Delivery(**(facts | said)))])

    async def post(self):
        await self.poster.post_due()
        await self.poster.idle()

    async def left(self):
        return await self.store.deliveries(FAR_MS)


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.client.aclose()


async def test_what_is_due_is_posted_with_its_id_and_then_forgotten(world):
    await world.put()
    await world.post()
    (request,) = world.receiver.requests
    assert (request.method, str(request.url), request.content) == ("POST", URL, b'{"hello":1}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers[EVENT_ID_HEADER] == "e1-click"
    assert request.headers[IDEMPOTENCY_HEADER] == "e1-click"
    assert await world.left() == []


async def test_what_is_not_due_waits(world):
    await world.put(due_ms=world.clock.now_ms() + 1)
    await world.post()
    assert world.receiver.requests == []
    world.clock.move(1)
    await world.post()
    assert len(world.receiver.requests) == 1


@pytest.mark.parametrize(
    "failure", [500, 404, 429, httpx.ConnectError("nobody there"), httpx.ReadTimeout("too slow")]
)
async def test_a_failure_is_tried_again_later_with_the_same_id(world, failure):
    world.receiver.answers = [failure]
    await world.put()
    await world.post()
    (left,) = await world.left()
    assert (left.tries, left.due_ms) == (1, world.clock.now_ms() + pause_ms(1))
    assert left.last_error
    await world.post()
    assert len(world.receiver.requests) == 1  # not yet
    world.clock.move(pause_ms(1))
    await world.post()
    ids = [r.headers[EVENT_ID_HEADER] for r in world.receiver.requests]
    assert ids == ["e1-click", "e1-click"]
    assert await world.left() == []


def test_pauses_grow_and_have_a_bound():
    pauses = [pause_ms(tries) for tries in range(1, MOST_TRIES + 1)]
    assert pauses[:4] == [2_000, 6_000, 18_000, 54_000]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_MS == pause_ms(10**6)


async def test_after_the_last_try_it_is_given_up_with_a_line_in_the_log(world, caplog):
    world.receiver.answers = [500] * (MOST_TRIES + 1)
    await world.put()
    for tries in range(1, MOST_TRIES + 1):
        await world.post()
        world.clock.move(pause_ms(tries))
    await world.post()
    assert len(world.receiver.requests) == MOST_TRIES
    assert await world.left() == []
    (said,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert "e1-click of B1 to https://hooks.example/click" in said
    assert "failed for good after 24 tries: answered 500" in said
    assert "secret" not in said


async def test_a_redirect_is_never_followed_not_even_by_a_client_that_would(world):
    elsewhere = httpx.Response(307, headers={"location": "https://hooks.example/other"})
    world.receiver.answers = [elsewhere]
    world.client.follow_redirects = True
    await world.put()
    await world.post()
    assert len(world.receiver.requests) == 1
    assert "redirect" in (await world.left())[0].last_error


async def test_a_host_that_is_not_allowed_any_more_is_posted_nothing(world, caplog):
    await world.put(url="https://evil.example/click")
    await world.post()
    assert world.receiver.requests == []
    assert await world.left() == []
    assert "not in callback_hosts" in caplog.text


ALLOWED = ("hooks.example",)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://hooks.example.evil.example/",
        "https://sub.hooks.example/",
        "https://hooks.example./",
        "https://hooks.example@evil.example/",
        "https://evil.example\\@hooks.example/",
        "https://evil.example#@hooks.example/",
        "https://evil.example?@hooks.example/",
        "https://evil.example;@hooks.example:80@evil.example/",
        "//hooks.example/",
        "/click",
        "",
        "file:///hooks.example",
        "ftp://hooks.example/",
        "gopher://hooks.example/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://hooks\u3002example.evil/",
        "https://hooks.example:99999/",
    ],
)
def test_no_url_gets_around_the_list_of_hosts(url):
    with pytest.raises(NotAllowedError):
        check_url(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/",
        "http://hooks.example:8080/a?b=c",
        "https://HOOKS.example/",
        "https://user:pw@hooks.example/",
    ],
)
def test_an_allowed_host_is_allowed_on_any_port_and_path(url):
    assert check_url(url, ALLOWED).host == "hooks.example"


def test_nothing_is_allowed_by_default():
    with pytest.raises(NotAllowedError):
        check_url(URL, Settings().callback_hosts)


async def test_one_device_is_told_one_thing_after_the_other_and_several_at_once(world):
    world.receiver.gate = asyncio.Event()
    for number in range(3):
        await world.put(f"e{number}-click", device_id="B1", created_ms=number)
    await world.put("other-click", device_id="B2")
    await world.poster.post_due()
    await world.poster.post_due()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(world.receiver.requests) == 2
    world.receiver.gate.set()
    while await world.left():
        await world.post()
    assert len(world.receiver.requests) == 4


async def test_a_slow_receiver_is_not_asked_twice_at_once(world):
    world.receiver.gate = asyncio.Event()
    await world.put()
    running = asyncio.create_task(world.poster.run())
    await world.clock.advance(5 * LOOK_EVERY_MS)
    assert len(world.receiver.requests) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(await world.left()) == 1  # not answered: it is tried again


async def test_running_it_looks_at_the_outbox_by_itself_and_at_once_when_woken(world):
    running = asyncio.create_task(world.poster.run())
    await world.clock.advance(0)
    await world.put("first-click")
    await world.clock.advance(LOOK_EVERY_MS)
    assert len(world.receiver.requests) == 1
    await world.put("second-click")
    world.poster.wake()
    await world.clock.advance(0)
    assert len(world.receiver.requests) == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_store_that_fails_is_told_once_and_stops_nothing(world, caplog):
    real = world.store.deliveries

    async def broken(_due_ms, limit=100):
        raise StoreError("the disk is gone")

    world.store.deliveries = broken
    await world.put()
    running = asyncio.create_task(world.poster.run())
    await world.clock.advance(3 * LOOK_EVERY_MS)
    world.store.deliveries = real
    await world.clock.advance(2 * LOOK_EVERY_MS)
    assert len(world.receiver.requests) == 1
    assert caplog.text.count("the disk is gone") == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_was_posted_and_cannot_be_noted_is_noted_later_not_posted_again(world, caplog):
    await world.put()
    real = world.store.unit

    async def full(_ops):
        raise StoreFullError("The disk has no room left.")

    world.store.unit = full
    running = asyncio.create_task(world.poster.run())
    await world.clock.advance(20 * LOOK_EVERY_MS)
    world.store.unit = real
    await world.clock.advance(20 * LOOK_EVERY_MS)
    assert len(world.receiver.requests) == 1
    assert await world.left() == []
    assert caplog.text.count("The disk has no room left.") == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_fault_of_the_http_client_is_a_failed_try_and_stops_nothing(world):
    world.receiver.answers = [RuntimeError("boom")]
    await world.put("first-click", device_id="B1")
    running = asyncio.create_task(world.poster.run())
    await world.clock.advance(0)
    (left,) = await world.left()
    assert (left.tries, left.last_error) == (1, "RuntimeError: boom")
    await world.put("second-click", device_id="B2")
    await world.clock.advance(5 * LOOK_EVERY_MS)
    assert len(world.receiver.requests) == 3
    assert await world.left() == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_client_goes_nowhere_by_itself(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    async with callback_client(["*"]) as client:
        assert not client.follow_redirects
        assert not client.trust_env
        assert client._mounts == {}


async def test_an_owners_click_arrives_in_the_published_form(world):
    service = ClaimService(world.store, world.clock, world.settings)

    def anew(state, click):
        return Judgement(verdict="NEW", first_heard_ms=click.received_ms, state=state)

    async def click():
        heard = ClickHeard(
            namespace="default",
            device_id="B1",
            click_type="DOUBLE",
            received_ms=world.clock.now_ms(),
            evidence=Evidence(heard_by="station"),
            source="memory:",
        )
        return await service.receive(heard, anew)

    await service.initiate(MINE, "B1")
    await click()
    await service.finalize(MINE, "B1")
    await service.invoke(
        MINE,
        "B1",
        device_type="button",
        method_name="setOnClickCallback",
        parameters=json.dumps({"callback": {"url": URL}}),
    )
    await click()
    await world.post()
    assert world.receiver.requests == []  # not enabled yet
    await service.update_state(MINE, "B1", enabled=True)
    event = await click()
    await world.post()
    (request,) = world.receiver.requests
    said = json.loads(request.content)
    assert said["deviceEvent"]["buttonClicked"]["clickType"] == "DOUBLE"
    assert said["deviceInfo"]["deviceId"] == "B1"
    assert request.headers[EVENT_ID_HEADER] == f"{event.event_id}-click"


async def test_a_real_server_is_reached_over_a_real_socket(world):
    received = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        received.append(head + await reader.readexactly(11))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await world.put(url=f"http://127.0.0.1:{port}/click")
    async with callback_client(["*"]) as client:
        poster = CallbackPoster(world.store, world.clock, world.settings, client)
        await poster.post_due()
        await poster.idle()
    assert received[0].endswith(b'{"hello":1}')
    assert b"x-clickclaim-event-id: e1-click" in received[0].lower()
    assert await world.left() == []
    server.close()
    await server.wait_closed()
