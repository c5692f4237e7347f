"""The app on a port: bound first, ready when it says so, gone within seconds of being told."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from orchestrator.api.app import ApiApp
from orchestrator.api.unreadable import http_protocol
from orchestrator.domain.errors import ClickclaimError

# Streams end at once; this is for a request that is being answered.
GRACE_S: Final = 2
# Longer than the minute for which SDKs keep a connection in their pool, so that it is the client
# who closes it and never finds it closed.
KEEP_ALIVE_S: Final = 75
_BACKLOG: Final = 2048
# How often uvicorn writes a new Date header.
_TICK_S: Final = 1.0


class BindError(ClickclaimError):
    """The address could not be bound."""


class ApiServer:
    """Serves one app on one address. Signals are the caller's to handle: ``stop`` ends it."""

    def __init__(self, app: ApiApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> tuple[str, int]:
        """Bind and serve; the bound host and port, when requests are answered. Port 0 is any.

        BindError when the address cannot be had.
        """
        bound = _bind(self._host, self._port)
        config: Any = uvicorn.Config(
            self._app,
            http=http_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            backlog=_BACKLOG,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([bound]), name="http server")
        ready = asyncio.create_task(self._server.ready.wait(), name="wait for http server")
        await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            bound.close()
            self._task.result()
        host, port = bound.getsockname()[:2]
        return host, port

    async def stop(self) -> None:
        """End streams, let answers go out, close connections. Idempotent."""
        if self._server is None or self._task is None:
            return
        self._app.close()
        self._server.end()
        await self._task

    async def wait(self) -> None:
        """Return when the server has ended, or raise what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with events for its beginning and its end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._told = asyncio.Event()

    def end(self) -> None:
        """Stop serving, now and not when it is looked for next."""
        self.should_exit = True
        self._told.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        # uvicorn's own loop wakes ten times a second, also when nobody asks for anything.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _TICK_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would take the signals over and raise them again after serving, which ends the
        # process before the store is closed.
        yield


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BindError(
            f"{host!r} is not an address of this machine ({error.strerror})."
            " Choose one such as 127.0.0.1 with --http HOST:PORT."
        ) from error
    try:
        # A service that was just stopped leaves connections behind that would keep its port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise BindError(_bind_message(error, host, port)) from error
    bound.setblocking(False)
    return bound


def _bind_message(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use. Stop what listens there, or choose another port:"
            f" --http {host}:{port + 1}, or --http {host}:0 for any that is free."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"Port {port} on {host} may not be used. Ports below 1024 need rights; try 8080."
    return f"{host}:{port} cannot be bound: {error.strerror}. Choose another with --http HOST:PORT."
