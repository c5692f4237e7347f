"""Connections to a service: kept, handed out one request each, and given back however it ends."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from orchestrator.remote.pool import ConnectionPool


class Service:
    """A web server that counts its connections and answers when it is let."""

    def __init__(self):
        self.connections = 0
        self.closed = asyncio.Queue()
        self.under_way = 0
        self.most_under_way = 0
        self.let = asyncio.Event()
        self.let.set()
        self.came = asyncio.Queue()
        self.cut = False
        self.endless = False

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_error):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.under_way += 1
                self.came.put_nowait(None)
                self.most_under_way = max(self.most_under_way, self.under_way)
                await self.let.wait()
                self.under_way -= 1
                if self.cut:
                    return
                if self.endless:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegun")
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.closed.put_nowait(None)

    async def until_under_way(self, count):
        async with asyncio.timeout(10):
            for _ in range(count):
                await self.came.get()


@pytest.fixture
async def service():
    async with Service() as service:
        yield service


async def ask(client, service):
    return (await client.get(service.url)).text


async def read_a_part(client, service, begun):
    """Ask for what never ends, and say when it has begun."""
    async with client.stream("GET", service.url) as response:
        async for _ in response.aiter_bytes():
            begun.set()


async def test_one_request_after_the_other_goes_over_one_connection(service):
    async with httpx.AsyncClient(transport=ConnectionPool()) as client:
        for _ in range(20):
            assert await ask(client, service) == "ok"
    assert service.connections == 1


async def test_as_many_connections_as_requests_at_once_and_no_more(service):
    async with httpx.AsyncClient(transport=ConnectionPool()) as client:
        for _ in range(5):
            service.let.clear()
            service.came = asyncio.Queue()
            asked = [asyncio.create_task(ask(client, service)) for _ in range(24)]
            await service.until_under_way(24)
            service.let.set()
            assert await asyncio.gather(*asked) == ["ok"] * 24
    assert service.connections == 24


async def test_what_is_more_than_the_limit_waits_for_its_turn(service):
    pool = ConnectionPool(most=3)
    async with httpx.AsyncClient(transport=pool) as client:
        assert await asyncio.gather(*[ask(client, service) for _ in range(30)]) == ["ok"] * 30
    assert service.most_under_way <= 3
    assert pool.connections <= 3


async def test_who_waits_for_a_turn_too_long_is_told_so(service):
    short = httpx.Timeout(10, pool=0.01)
    async with httpx.AsyncClient(transport=ConnectionPool(most=1)) as client:
        service.endless = True
        async with client.stream("GET", service.url):
            service.endless = False
            async with asyncio.timeout(10):
                with pytest.raises(httpx.PoolTimeout, match="1 of 1"):
                    await client.get(service.url, timeout=short)
        assert await ask(client, service) == "ok"


async def test_connections_that_nobody_needs_any_more_are_closed(service):
    pool = ConnectionPool(idle_s=0)
    async with httpx.AsyncClient(transport=pool) as client:
        service.let.clear()
        asked = [asyncio.create_task(ask(client, service)) for _ in range(8)]
        await service.until_under_way(8)
        service.let.set()
        await asyncio.gather(*asked)
        assert await ask(client, service) == "ok"
        async with asyncio.timeout(10):
            for _ in range(8):
                await service.closed.get()
        assert pool.connections == 1


async def test_a_connection_that_breaks_is_replaced_and_its_place_is_free(service):
    async with httpx.AsyncClient(transport=ConnectionPool(most=1)) as client:
        service.cut = True
        for _ in range(3):
            with pytest.raises(httpx.RemoteProtocolError):
                await ask(client, service)
        service.cut = False
        assert await ask(client, service) == "ok"


async def test_a_request_that_is_cancelled_gives_its_place_back(service):
    async with httpx.AsyncClient(transport=ConnectionPool(most=1)) as client:
        service.let.clear()
        asked = asyncio.create_task(ask(client, service))
        await service.until_under_way(1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        service.let.set()
        assert await ask(client, service) == "ok"


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("answering", [False, True])
async def test_a_request_that_is_cancelled_twice_takes_no_place_along(service, answering, turns):
    """The second one strikes while the connection is being closed for the first."""
    async with httpx.AsyncClient(transport=ConnectionPool(most=1)) as client:
        begun = asyncio.Event()
        asked = asyncio.create_task(read_a_part(client, service, begun))
        service.endless = True
        if answering:
            await begun.wait()
        else:
            service.let.clear()
            await service.until_under_way(1)
        asked.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        service.endless = False
        service.let.set()
        async with asyncio.timeout(5):
            assert await ask(client, service) == "ok"


async def test_a_stream_keeps_its_connection_until_it_is_left(service):
    async with httpx.AsyncClient(transport=ConnectionPool(most=2)) as client:
        service.endless = True
        async with client.stream("GET", service.url) as response:
            assert await anext(response.aiter_bytes()) == b"begun"
            service.endless = False
            assert await ask(client, service) == "ok"
        assert await asyncio.gather(*[ask(client, service) for _ in range(2)]) == ["ok"] * 2


async def test_nobody_listens_there():
    pool = ConnectionPool(most=1)
    async with httpx.AsyncClient(transport=pool) as client:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:1/")
