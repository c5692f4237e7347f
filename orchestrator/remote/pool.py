"""Connections to one service: a free one for each request, and no search through all the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx

# As many as the HTTP library opens at most by default.
MOST_CONNECTIONS: Final = 100

_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class ConnectionPool(httpx.AsyncBaseTransport):
    """Carries requests over connections that are kept open, one transport of the library's each.

    The library's own pool looks at all its connections, a system call for each, whenever a request
    begins or ends: with two dozen under way that is more work than the requests themselves. The
    connection that was used last is used next, so that the others may grow old and be closed.
    """

    def __init__(self, *, most: int = MOST_CONNECTIONS) -> None:
        # Reading the certificates takes longer than many requests: once for all connections.
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._free: list[httpx.AsyncHTTPTransport] = []
        self._all: list[httpx.AsyncHTTPTransport] = []
        self._room = asyncio.Semaphore(most)

    @property
    def connections(self) -> int:
        """How many were opened, in use or not."""
        return len(self._all)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send on a free connection, which is taken until the response is closed."""
        await self._room.acquire()
        transport = self._free.pop() if self._free else self._new()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            self._give_back(transport)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = _Body(response.stream, lambda: self._give_back(transport))
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=body,
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._all:
            await transport.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=_ONE)
        self._all.append(transport)
        return transport

    def _give_back(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._free.append(transport)
        self._room.release()


class _Body(httpx.AsyncByteStream):
    """A response's body; the connection is free again when it is closed."""

    def __init__(self, body: httpx.AsyncByteStream, give_back: Callable[[], None]) -> None:
        self._body = body
        self._give_back: Callable[[], None] | None = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        """Close it, and give the connection back, once."""
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        try:
            await self._body.aclose()
        finally:
            give_back()
