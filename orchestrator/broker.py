"""The embedded MQTT broker: amqtt in our own process, on loopback, for demo, dev and tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.settings import Profile

if TYPE_CHECKING:
    from amqtt.broker import Broker

# Buttons and browsers elsewhere must not reach a broker that asks nobody for a password.
_HOST: Final = "127.0.0.1"

_LISTENER: Final = "default"
_ANONYMOUS: Final = "amqtt.plugins.authentication.AnonymousAuthPlugin"

_log = logging.getLogger(__name__)


class BrokerPortError(Exception):
    """The embedded broker cannot listen on the port it was given."""


class EmbeddedBroker:
    """A broker with no configuration, no file and no password.

    Raises:
        ValueError: the profile is ``production``.
    """

    def __init__(self, *, profile: Profile = "dev") -> None:
        if profile == "production":
            raise ValueError(
                "The embedded broker is not for production: it queues nothing for a subscriber"
                " that is away and sends nothing again that was not acknowledged, so a click"
                " made during a restart would be lost. Give the URL of a broker of your own,"
                " for example --mqtt mqtt://localhost:1883/."
            )
        self._broker: Broker | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        """Listen on this loopback port (0: a free one); the port, once a client may connect.

        Raises:
            BrokerPortError: the port is in use or may not be used.
        """
        # We listen ourselves and hand connections over: amqtt does not say which port it got.
        try:
            server = await asyncio.start_server(self._accept, _HOST, port, start_serving=False)
            self._server = server
            self._broker = _build()
            await self._broker.start()
            await server.start_serving()
        except OSError as error:
            await self.stop()
            raise BrokerPortError(
                f"The embedded broker cannot listen on {_HOST}:{port} ({error.strerror or error})."
                " Choose another port, or 'embedded' without one to take any that is free."
            ) from error
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close every connection and the port. Does nothing when it is not started."""
        server, self._server = self._server, None
        broker, self._broker = self._broker, None
        if server is not None:
            server.close()
        if broker is not None:
            await broker.shutdown()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Give a new client a task of its own, so that ``stop`` can end and await it."""
        name = f"embedded broker, client {writer.get_extra_info('peername')}"
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer), name=name)
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its first byte to its last."""
        from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # noqa: PLC0415

        try:
            if self._broker is not None:
                await self._broker.external_connected(
                    StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER
                )
        except Exception:  # noqa: BLE001 - what one client sends must harm no other
            _log.debug("a client of the embedded broker was dropped", exc_info=True)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _build() -> Broker:
    """An amqtt that anybody may use and that says nothing unless it is broken."""
    # Loaded here and not above: a service with a broker of its own never pays for it.
    from amqtt.broker import Broker  # noqa: PLC0415
    from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType  # noqa: PLC0415

    for name in ("amqtt", "transitions"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)
    return Broker(
        BrokerConfig(
            listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL, bind=_HOST)},
            plugins={_ANONYMOUS: {}},
        )
    )
