"""``/v1/stream``: each fact of the account once, in order, until either side ends it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from orchestrator.claims import facts as facts_module
from orchestrator.ports import Fact
from orchestrator.remote.asgi import AppTransport
from tests.api.world import DEVICE, World


class Stream:
    """Reads one stream event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        """The fields up to the next empty line; comments under ``:``."""
        fields = {}
        async with asyncio.timeout(30):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name or ":"] = value.strip()
        raise EOFError

    async def event(self) -> dict[str, str]:
        while "event" not in (block := await self.block()):
            pass
        return block


@pytest.fixture
async def open_stream():
    opened = []

    async def open_one(world: World, **headers: str) -> Stream:
        client = httpx.AsyncClient(transport=AppTransport(world.app), base_url="http://clickclaim")
        request = client.build_request("GET", "/v1/stream", headers=headers)
        response = await client.send(request, stream=True)
        opened.append((client, response))
        stream = Stream(response)
        assert ":" in await stream.block()
        return stream

    yield open_one
    for client, response in opened:
        await response.aclose()
        await client.aclose()


def fact(number: int, account: str, namespace: str = "default") -> Fact:
    return Fact(
        kind="device-changed",
        at_ms=number,
        namespace=namespace,
        device_id=f"D{number}",
        account=account,
    )


async def test_a_claim_is_told_as_it_happens(world, open_stream):
    stream = await open_stream(world)
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert stream.response.headers["x-amzn-RequestId"]
    await world.claim()
    told = [await stream.event() for _ in range(3)]
    assert [event["event"] for event in told] == ["claim-initiated", "click", "attempt-ended"]
    ended = json.loads(told[-1]["data"])
    assert ended["deviceId"] == DEVICE
    assert ended["data"]["outcome"] == "CLAIMED"
    assert ended["account"] == world.anonymous.account


async def test_facts_of_other_accounts_and_namespaces_are_not_told(world, open_stream):
    stream = await open_stream(world)
    mine = world.anonymous.account
    world.hub.tell(fact(1, "999999999999"))
    world.hub.tell(fact(2, mine, "elsewhere"))
    world.hub.tell(fact(3, mine))
    assert json.loads((await stream.event())["data"])["deviceId"] == "D3"


async def test_a_client_that_comes_back_goes_on_where_it_was(world, open_stream):
    mine = world.anonymous.account
    first = await open_stream(world)
    world.hub.tell(fact(1, mine))
    seen = await first.event()
    await first.response.aclose()
    world.hub.tell(fact(2, mine))
    world.hub.tell(fact(3, mine))
    again = await open_stream(world, **{"last-event-id": seen["id"]})
    assert [json.loads((await again.event())["data"])["deviceId"] for _ in "ab"] == ["D2", "D3"]


@pytest.mark.parametrize("last", ["17", "0badcafe-1", "x", "-1", ""])
async def test_an_id_of_another_life_of_the_service_gets_a_reset(world, open_stream, last):
    world.hub.tell(fact(1, world.anonymous.account))
    stream = await open_stream(world, **{"last-event-id": last})
    assert (await stream.event())["event"] == "reset"
    world.hub.tell(fact(2, world.anonymous.account))
    assert json.loads((await stream.event())["data"])["deviceId"] == "D2"


async def test_a_client_that_comes_back_too_late_gets_a_reset(world, open_stream, monkeypatch):
    mine = world.anonymous.account
    stream = await open_stream(world)
    world.hub.tell(fact(0, mine))
    seen = await stream.event()
    for number in range(facts_module.FACTS_KEPT + 1):
        world.hub.tell(fact(number, mine))
    late = await open_stream(world, **{"last-event-id": seen["id"]})
    assert (await late.event())["event"] == "reset"


async def test_a_silent_stream_shows_that_it_lives(open_stream):
    stream = await open_stream(World(heartbeat_s=0.01))
    assert (await stream.block())[":"] == "still here"
    assert (await stream.block())[":"] == "still here"


async def test_closing_the_app_ends_its_streams_at_once(world, open_stream):
    streams = [await open_stream(world) for _ in range(3)]
    world.app.close()
    for stream in streams:
        with pytest.raises(EOFError):
            await stream.event()
    assert not world.hub._listeners


async def test_a_client_that_hangs_up_is_listened_for_no_more(world, open_stream):
    stream = await open_stream(world)
    assert len(world.hub._listeners) == 1
    await stream.response.aclose()
    assert not world.hub._listeners


async def test_no_task_is_left_behind(world, open_stream):
    before = asyncio.all_tasks()
    stream = await open_stream(world)
    await world.claim()
    await stream.event()
    await stream.response.aclose()
    assert asyncio.all_tasks() == before
