"""Connections to one service: a free one for each request, and no search through all the others."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import httpx

from orchestrator.tls import nobody_trusted

# As many as the HTTP library opens at most by default.
MOST_CONNECTIONS: Final = 100

# Well below what any server allows, so that it is the client who closes.
IDLE_S: Final = 5.0

_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class ConnectionPool(httpx.AsyncBaseTransport):
    """Carries requests over connections that are kept open, one transport of the library's each.

    The library's own pool looks at all its connections, a system call for each, whenever a request
    begins or ends: with two dozen under way that is more work than the requests themselves. The
    connection that was used last is used next, so that the others grow old and are closed, by the
    next request after ``idle_s``.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        most: int = MOST_CONNECTIONS,
        idle_s: float = IDLE_S,
    ) -> None:
        # One for all connections, and without one no HTTPS.
        self._tls = tls or nobody_trusted()
        # With the moment since which it is free; the longest first.
        self._free: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()
        self._all: dict[httpx.AsyncHTTPTransport, None] = {}
        self._most = most
        self._room = asyncio.Semaphore(most)
        self._idle_s = idle_s

    @property
    def connections(self) -> int:
        """How many there are, in use or not."""
        return len(self._all)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send on a free connection, which is taken until the response is closed.

        PoolTimeout when none becomes free within the request's own patience.
        """
        await self._close_idle()
        await self._wait_for_room(request)
        transport = self._free.pop()[0] if self._free else self._new()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            await self._drop(transport)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = _Body(
            response.stream,
            give_back=lambda: self._give_back(transport),
            drop=lambda: self._drop(transport),
        )
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=body,
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in [*self._all]:
            await transport.aclose()

    async def _wait_for_room(self, request: httpx.Request) -> None:
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
                await self._room.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout(
                f"all connections to it are in use, {self._most} of {self._most}", request=request
            ) from None

    async def _close_idle(self) -> None:
        before_s = asyncio.get_running_loop().time() - self._idle_s
        while self._free and self._free[0][1] <= before_s:
            transport, _ = self._free.popleft()
            del self._all[transport]
            await transport.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=_ONE)
        self._all[transport] = None
        return transport

    async def _drop(self, transport: httpx.AsyncHTTPTransport) -> None:
        """Never use it again: a task that is cancelled twice leaves it taken for ever."""
        del self._all[transport]
        self._room.release()
        await transport.aclose()

    def _give_back(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._free.append((transport, asyncio.get_running_loop().time()))
        self._room.release()


class _Body(httpx.AsyncByteStream):
    """A response's body; when it is closed, its connection is free again, or done with."""

    def __init__(
        self,
        body: httpx.AsyncByteStream,
        *,
        give_back: Callable[[], None],
        drop: Callable[[], Awaitable[None]],
    ) -> None:
        self._body = body
        self._give_back = give_back
        self._drop = drop
        self._broken = False
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._body:
                yield part
        except BaseException:
            self._broken = True
            raise

    async def aclose(self) -> None:
        """Close it, and let go of the connection, once."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._body.aclose()
        except BaseException:
            self._broken = True
            raise
        finally:
            if self._broken:
                await self._drop()
            else:
                self._give_back()
