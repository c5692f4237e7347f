"""A model of an MQTT broker: sessions, QoS 1, retained copies, and a network with faults."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import aiomqtt

from hardware.sources.mqtt_connection import Connection


@dataclass(slots=True, kw_only=True)
class Weather:
    """How the network behaves. Probabilities are per message; times in seconds."""

    delay_s: tuple[float, float] = (0.001, 0.02)
    """Each way, drawn evenly; messages of one topic keep their order."""
    lose: float = 0.0
    """A publisher's packet, or its PUBACK, is lost: the publisher sends again after a while."""
    duplicate: float = 0.0
    """The broker delivers a QoS 1 message once more, as it may."""


@dataclass(slots=True)
class Published:
    """One application message inside the broker."""

    topic: str
    payload: bytes
    qos: int
    retained: bool = False


@dataclass(slots=True)
class Session:
    """What the broker keeps for one client id."""

    persistent: bool
    topics: list[str] = field(default_factory=list)
    queue: deque[Published] = field(default_factory=deque)
    """Not yet sent to the client."""
    sent: dict[int, Published] = field(default_factory=dict)
    """Sent and not acknowledged, by packet id, in order."""
    client: SimulatedClient | None = None
    next_mid: int = 1


class Broker:
    """The broker. Everything it does later, it does on the running (simulated) loop."""

    def __init__(self, seed: random.Random, weather: Weather) -> None:
        self._random = seed
        self.weather = weather
        self.up = True
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, Published] = {}
        self._line_free_s: dict[tuple[str, str], float] = {}
        self.on_accept: Callable[[Published], None] | None = None

    # --- publishers ------------------------------------------------------------------------------

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 as a client does: send until a PUBACK arrives."""
        while True:
            await asyncio.sleep(self._delay())
            if self.up and not self._lost():
                self.accept(Published(topic, payload, 1), retain=retain)
                if not self._lost():
                    return
            await asyncio.sleep(self._random.uniform(0.5, 2.0))

    def accept(self, message: Published, *, retain: bool = False) -> None:
        """Take a message in and pass it on to whoever subscribes."""
        if self.on_accept is not None:
            self.on_accept(message)
        if retain:
            self._retained[message.topic] = message
        for session in self._sessions.values():
            if any(_matches(topic, message.topic) for topic in session.topics) and (
                session.client is not None or session.persistent
            ):
                session.queue.append(message)
                self._send_waiting(session)

    # --- subscribers -----------------------------------------------------------------------------

    def connect(self, client: SimulatedClient) -> None:
        """A client is here; what it did not acknowledge is sent again, in order."""
        session = self._sessions.get(client.client_id)
        if session is None or client.clean:
            session = self._sessions[client.client_id] = Session(persistent=not client.clean)
        if session.client is not None:
            session.client.lose("taken over")
        session.client = client
        session.queue.extendleft(reversed(session.sent.values()))
        session.sent.clear()
        self._send_waiting(session)

    def disconnect(self, client: SimulatedClient) -> None:
        """The client is gone, with or without a word."""
        session = self._sessions.get(client.client_id)
        if session is not None and session.client is client:
            session.client = None
            if not session.persistent:
                del self._sessions[client.client_id]

    def subscribe(self, client: SimulatedClient, topics: Sequence[str]) -> None:
        """Remember the filters; retained copies come at once."""
        session = self._sessions[client.client_id]
        session.topics = list(dict.fromkeys([*session.topics, *topics]))
        for message in self._retained.values():
            if any(_matches(topic, message.topic) for topic in topics):
                session.queue.append(Published(message.topic, message.payload, 1, retained=True))
        self._send_waiting(session)

    def acknowledge(self, client: SimulatedClient, mid: int) -> None:
        """PUBACK from a client."""
        session = self._sessions.get(client.client_id)
        if session is not None and session.client is client:
            session.sent.pop(mid, None)

    # --- faults ----------------------------------------------------------------------------------

    def cut_all(self, why: str) -> None:
        """Every connection is lost; sessions stay."""
        for session in self._sessions.values():
            if session.client is not None:
                session.client.lose(why)
                session.client = None

    async def restart(self, away_s: float, *, forget: bool = False) -> None:
        """Be away for a while. ``forget``: nothing was on disk, sessions and queues are lost."""
        self.up = False
        self.cut_all("the broker stopped")
        if forget:
            self._sessions.clear()
        await asyncio.sleep(away_s)
        self.up = True

    # --- private ---------------------------------------------------------------------------------

    def _send_waiting(self, session: Session) -> None:
        client = session.client
        while client is not None and session.queue:
            message = session.queue.popleft()
            mid, session.next_mid = session.next_mid, session.next_mid + 1
            if message.qos:
                session.sent[mid] = message
            copies = 2 if message.qos and self._random.random() < self.weather.duplicate else 1
            for _ in range(copies):
                self._deliver_later(client, message, mid)

    def _deliver_later(self, client: SimulatedClient, message: Published, mid: int) -> None:
        """One topic is one line: its messages arrive in order; other topics may overtake."""
        loop = asyncio.get_running_loop()
        line = (client.client_id, message.topic)
        at_s = max(loop.time() + self._delay(), self._line_free_s.get(line, 0.0) + 1e-5)
        self._line_free_s[line] = at_s
        loop.call_at(at_s, self._deliver, client, message, mid)

    def _deliver(self, client: SimulatedClient, message: Published, mid: int) -> None:
        session = self._sessions.get(client.client_id)
        if session is None or session.client is not client:
            return  # the connection it was sent on is gone
        client.deliver(
            aiomqtt.Message(
                message.topic, message.payload, message.qos, message.retained, mid, None
            )
        )

    def _delay(self) -> float:
        return self._random.uniform(*self.weather.delay_s)

    def _lost(self) -> bool:
        return self._random.random() < self.weather.lose


class _Acknowledger:
    """The part of paho's client that a connection reaches for."""

    def __init__(self, client: SimulatedClient) -> None:
        self._client = client

    def ack(self, mid: int, _qos: int) -> None:
        self._client.broker.acknowledge(self._client, mid)

    def disconnect(self) -> None:
        self._client.broker.disconnect(self._client)


class SimulatedClient:
    """What ``hardware.sources.mqtt_connection`` uses of aiomqtt's client, over the model."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        clean: bool,
        deliver: Callable[[aiomqtt.Message], None],
        alive: Callable[[], bool],
    ) -> None:
        self.broker = broker
        self.client_id = client_id
        self.clean = clean
        self._hand_over = deliver
        self._alive = alive
        self._lost: asyncio.Future[None] | None = None
        self._client = _Acknowledger(self)

    async def __aenter__(self) -> Self:
        await self._travel()
        self._lost = asyncio.get_running_loop().create_future()
        self.broker.connect(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.broker.disconnect(self)
        self.lose("disconnected")

    async def subscribe(self, topics: Sequence[tuple[str, Any]]) -> list[Any]:
        """Subscribe at QoS 1; the granted QoS of each."""
        await self._travel()
        self.broker.subscribe(self, [topic for topic, _ in topics])
        return [_Granted() for _ in topics]

    async def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """Publish on this connection; an error when the broker is away."""
        await self._travel()
        self.broker.accept(Published(topic, payload.encode(), qos))

    @property
    def messages(self) -> AsyncIterator[aiomqtt.Message]:
        """Ends with MqttError when the connection does; messages are handed over elsewhere."""
        return self._wait_for_loss()

    def deliver(self, message: aiomqtt.Message) -> None:
        """A message arrives, if whoever connected still lives."""
        if self._alive():
            self._hand_over(message)

    def lose(self, why: str) -> None:
        """The connection breaks."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_exception(aiomqtt.MqttError(why))
            self._lost.exception()

    async def _wait_for_loss(self) -> AsyncIterator[aiomqtt.Message]:
        while self._lost is not None:
            await asyncio.shield(self._lost)
            yield aiomqtt.Message("", b"", 0, False, 0, None)

    async def _travel(self) -> None:
        await asyncio.sleep(self.broker.weather.delay_s[1])
        if not self.broker.up:
            raise aiomqtt.MqttError("nobody answers")


class _Granted:
    """A granted QoS of 1."""

    value = 1


class SimulatedConnection(Connection):
    """The production connection, with its marker and its order of acknowledging, over the model."""

    def __init__(
        self, broker: Broker, alive: Callable[[], bool], *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._broker = broker
        self._alive = alive

    def _build(self, _context: object) -> Any:
        return SimulatedClient(
            self._broker,
            self._client_id,
            clean=not self._persistent,
            deliver=self._deliver,
            alive=self._alive,
        )


def simulated_connection(broker: Broker, alive: Callable[[], bool]) -> partial[SimulatedConnection]:
    """What ``MqttSource`` is handed in place of its connection."""
    return partial(SimulatedConnection, broker, alive)


def _matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT topic filter takes a topic in."""
    return aiomqtt.Topic(topic).matches(pattern)
