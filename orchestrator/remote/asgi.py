"""An ASGI app as a transport, streams included: HTTP without a port, for tests and one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx

Message = MutableMapping[str, Any]
App = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]


class AppTransport(httpx.AsyncBaseTransport):
    """Carries requests to an ASGI app. Unlike httpx's own, it gives each piece of a body as soon
    as the app sends it; closing the response is the client hanging up.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Run the app until its answer begins."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        exchange = _Exchange(b"".join([chunk async for chunk in request.stream]))
        running = asyncio.create_task(
            exchange.run(self._app, _scope(request)), name=f"{request.method} {request.url.path}"
        )
        begun = asyncio.create_task(exchange.begun.wait(), name="wait for an answer to begin")
        try:
            await asyncio.wait((running, begun), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            running.cancel()
            raise
        finally:
            begun.cancel()
        if not exchange.begun.is_set():
            running.result()
            raise httpx.RemoteProtocolError("the app ended without an answer", request=request)
        return httpx.Response(
            exchange.status, headers=exchange.headers, stream=_Body(exchange, running)
        )


class _Exchange:
    """One request and its answer, as the app sees them."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.begun = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def run(self, app: App, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self.chunks.put_nowait(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
            self.begun.set()
        elif message.get("body"):
            self.chunks.put_nowait(message["body"])


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange, running: asyncio.Task[None]) -> None:
        self._exchange = exchange
        self._running = running

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._exchange.chunks.get()) is not None:
            yield chunk

    async def aclose(self) -> None:
        self._exchange.hung_up.set()
        await self._running


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
    }
