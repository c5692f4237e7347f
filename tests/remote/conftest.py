"""The claim API of one account, in process and over HTTP: the same world behind both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from orchestrator.api.server import ApiServer
from orchestrator.claims.local import LocalClaims
from orchestrator.ports import ClaimApi
from orchestrator.remote import Credentials, RemoteClaims
from orchestrator.remote.asgi import AppTransport
from tests.api.world import World


class Account:
    """An account of a world that verifies signatures, and its claim API."""

    def __init__(self, world: World, key, api: ClaimApi) -> None:
        self.world = world
        self.key = key
        self.api = api
        self.caller = _caller(key)

    async def press(self, device_id: str, **said) -> None:
        await self.world.press(device_id, **said)

    async def claim(self, device_id: str) -> None:
        await self.world.claim(device_id, self.caller)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World("production", register_on_initiate=True)
    timer = asyncio.create_task(world.service.run_deadlines())
    yield world
    timer.cancel()
    await asyncio.gather(timer, return_exceptions=True)
    await world.store.close()


@pytest.fixture(params=["in process", "http without a port", "http on a port"])
async def account(request, world) -> AsyncIterator[Account]:
    key = await world.access.create()
    if request.param == "in process":
        api = LocalClaims(world.service, world.hub, _caller(key), world.take_frames)
        yield Account(world, key, api)
        return
    async with contextlib.AsyncExitStack() as stack:
        transport, url = AppTransport(world.app), "http://clickclaim.test"
        if request.param == "http on a port":
            server = ApiServer(world.app)
            host, port = await server.start()
            stack.push_async_callback(server.stop)
            transport, url = None, f"http://{host}:{port}"
        credentials = Credentials(access_key=key.access_key, secret=key.secret)
        api = RemoteClaims(url, credentials=credentials, transport=transport)
        await stack.enter_async_context(api)
        yield Account(world, key, api)


def _caller(key):
    from orchestrator.domain.ids import Caller

    return Caller(namespace=key.namespace, account=key.account, access_key=key.access_key)
