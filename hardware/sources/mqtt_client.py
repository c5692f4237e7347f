"""The aiomqtt client below a connection: how it is built, and how it enters and leaves unharmed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hardware.source import SourceRefusedError
from hardware.sources.mqtt_spec import MqttSpec

# How many unacknowledged messages an MQTT 5 broker may send us. 3.1.1 has no such word: there the
# broker's own limit counts (20 in Mosquitto unless its configuration says otherwise).
RECEIVE_MAXIMUM: Final = 1_000

# How long an MQTT 5 broker keeps our session while we are away: a long weekend and a holiday.
SESSION_EXPIRY_S: Final = 7 * 24 * 3600

# Idle for so long, the client pings; for so long again without an answer, the link is lost.
KEEPALIVE_S: Final = 15

# paho tells of each lost connection; so do we, once and with its reason.
_paho_log = logging.getLogger(f"{__name__}.paho")
_paho_log.setLevel(logging.CRITICAL)


async def tls_context(spec: MqttSpec) -> ssl.SSLContext | None:
    """What to trust and who we are; read from files, so off the loop."""
    if not spec.tls:
        return None
    try:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=spec.ca)
        context.sslsocket_class = _TidySocket
        if spec.cert is not None:
            await asyncio.to_thread(context.load_cert_chain, spec.cert, spec.key)
    except OSError as error:
        files = ", ".join(f for f in (spec.ca, spec.cert, spec.key) if f)
        raise SourceRefusedError(
            spec.shown,
            f"cannot use {files} ({error.strerror or error})",
            "each must be a readable PEM file, and cert= and key= must belong together",
        ) from error
    return context


def build_client(
    spec: MqttSpec,
    client_id: str,
    *,
    deliver: Callable[[aiomqtt.Message], None],
    persistent: bool,
    timeout_s: float,
    context: ssl.SSLContext | None,
) -> aiomqtt.Client:
    """A client that is not connected yet; each message goes to ``deliver`` and is acknowledged by
    hand. ``persistent`` asks the broker to keep the session of ``client_id``."""
    options: dict[str, Any] = {}
    if spec.version == "5":
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.ReceiveMaximum = RECEIVE_MAXIMUM
        connect.SessionExpiryInterval = SESSION_EXPIRY_S if persistent else 0
        options |= {"properties": connect, "clean_start": not persistent}
    else:
        options["clean_session"] = not persistent
    client = aiomqtt.Client(
        spec.host,
        spec.port,
        username=spec.user,
        password=spec.password,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V5 if spec.version == "5" else None,
        queue_type=partial(_Inbox, deliver),  # type: ignore[arg-type]
        logger=_paho_log,
        keepalive=KEEPALIVE_S,
        timeout=timeout_s,
        tls_context=context,
        # A PUBACK has four bytes: without this each waits up to 40 ms for the one before.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **options,
    )
    # The one place where a message is not acknowledged when it arrives but when what it led
    # to is durable. aiomqtt has no word for it; the client below it has.
    client._client.manual_ack_set(True)  # noqa: SLF001
    client._client.connect_timeout = timeout_s  # noqa: SLF001
    return client


async def enter(client: aiomqtt.Client) -> None:
    """Connect. Raises MqttError; the socket of a connection that never was one is closed then."""
    try:
        await _uninterrupted(client.__aenter__())
    except (aiomqtt.MqttError, asyncio.CancelledError):
        client._client.disconnect()  # noqa: SLF001
        raise


def acknowledge_at_once(client: aiomqtt.Client) -> None:
    """Have the kernel acknowledge now what has come in, and not up to 40 ms later.

    A broker that does not set TCP_NODELAY, such as Mosquitto by default, holds back its next
    message until then. Only Linux has a word for it.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        tcp: Any = client._client.socket()  # noqa: SLF001
        if tcp is not None:
            with contextlib.suppress(OSError):  # just lost, as the next read will say
                tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """The queue that aiomqtt fills and reads: hands each message over at once and stays empty,
    so that whoever reads it waits for nothing but the end of the connection."""

    def __init__(self, deliver: Callable[[aiomqtt.Message], None], maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._deliver = deliver

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self._deliver(item)


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


async def _uninterrupted(work: Awaitable[object]) -> None:
    """Finish this even when we are cancelled, and only then be cancelled.

    Connecting runs in a thread that cannot be stopped; given up half-way it would leave a second
    connection under our name, and the broker would end the next one for its sake.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise
