"""Messages from an MQTT broker, each acknowledged only when what it led to is durable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from hardware.click import RawFrame
from hardware.source import SourceAwayError
from hardware.sources.mqtt_connection import Arrival, Connection
from hardware.sources.mqtt_spec import MqttSpec

# A broker that is there answers in milliseconds; over a bad mobile link it takes seconds.
TIMEOUT_S: Final = 5.0

# How exactly we know, after a kill, up to when everything had been heard. Two small messages each
# time: some 0.05 % of a core.
MARKER_EVERY_S: Final = 1.0

_log = logging.getLogger(__name__)


def open_mqtt(spec: str, *, now_ms: Callable[[], int], **options: Any) -> MqttSource:
    """A MqttSource for a spec string; see there for the options."""
    return MqttSource(spec, now_ms=now_ms, **options)


class MqttSource:
    """One broker as a Source, at least once: nothing at QoS 1 is lost while we are away.

    ``client_id`` names the session that the broker keeps for us; one for each data folder and
    broker, random, and the same at every start. Without it nothing is kept: good for looking on.

    A message that the broker held while we were away is marked ``queued``: it came before a
    marker that each new connection publishes to itself. ``heard_until_ms`` says up to when
    everything had been heard on the connection before; hand in what the property of that name
    said last, also after a restart, or None when nothing is known; ``on_marker`` is told whenever
    it moved. ``on_notice`` is told what a
    person should know and no error says, such as a message that was too long. ``connect`` makes
    a connection; a simulation hands in one over its model of a broker.
    """

    def __init__(
        self,
        spec: str,
        *,
        now_ms: Callable[[], int],
        client_id: str | None = None,
        heard_until_ms: int | None = None,
        on_marker: Callable[[], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        timeout_s: float = TIMEOUT_S,
        marker_every_s: float = MARKER_EVERY_S,
        connect: Callable[..., Connection] = Connection,
    ) -> None:
        self._wanted = MqttSpec.parse(spec)
        self._now_ms = now_ms
        self._client_id = client_id
        self._heard_until_ms = heard_until_ms
        self._on_marker = on_marker
        self._on_notice = on_notice
        self._timeout_s = timeout_s
        self._marker_every_s = marker_every_s
        self._connect = connect
        self._connection: Connection | None = None
        self._before_ms: int | None = None

    @property
    def spec(self) -> str:
        """The spec string without user and password."""
        return self._wanted.shown

    @property
    def heard_until_ms(self) -> int | None:
        """Whatever was published before this (UTC ms) has been heard; None when not known."""
        return self._heard_until_ms

    async def open(self) -> None:
        """Connect and subscribe; what is published from now on is heard and not ``queued``."""
        self._before_ms = self._heard_until_ms
        connection = self._connect(
            self._wanted,
            client_id=self._client_id,
            now_ms=self._now_ms,
            on_alive=self._alive,
            on_notice=self._notice,
            timeout_s=self._timeout_s,
            marker_every_s=self._marker_every_s,
        )
        self._connection = connection
        await connection.open()

    async def read(self) -> RawFrame:
        """The next message."""
        if self._connection is None:
            raise SourceAwayError(self.spec, "is not open")
        return self._frame(await self._connection.next())

    async def acknowledge(self, frame: RawFrame) -> None:
        """PUBACK. Nothing for a message of an earlier connection: the broker sends it again."""
        arrival = frame.acknowledge_token
        if self._connection is not None and isinstance(arrival, Arrival):
            self._connection.acknowledge(arrival)

    async def close(self) -> None:
        """Leave the broker; it keeps our session and what comes in meanwhile."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def wait_for_wake(self) -> None:
        """Wait for ever: nothing tells us that a broker is back."""
        await asyncio.Event().wait()

    def _frame(self, arrival: Arrival) -> RawFrame:
        message = arrival.message
        return RawFrame(
            transport="mqtt",
            source=self.spec,
            heard_ms=arrival.heard_ms,
            payload=message.payload,
            channel=str(message.topic),
            retained=message.retain,
            queued=arrival.queued,
            last_heard_before_ms=self._before_ms if arrival.queued else None,
            acknowledge_token=arrival,
        )

    def _alive(self, published_ms: int) -> None:
        self._heard_until_ms = max(published_ms, self._heard_until_ms or 0)
        if self._on_marker is not None:
            self._on_marker()

    def _notice(self, sentence: str) -> None:
        _log.warning("%s", sentence)
        if self._on_notice is not None:
            self._on_notice(sentence)
