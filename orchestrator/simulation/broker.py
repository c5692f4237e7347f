"""A model of an MQTT broker: sessions, QoS 0 and 1, retained copies, and a network with faults."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import aiomqtt


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


class Subscriber(Protocol):
    """A connected client, as the broker sees it."""

    client_id: str
    clean: bool
    owner: str
    """Whose client it is; tells two services apart, whatever their client ids."""

    def deliver(self, message: aiomqtt.Message) -> None:
        """A message arrives."""

    def lose(self, why: str) -> None:
        """The connection breaks."""


@dataclass(slots=True)
class Session:
    """What the broker keeps for one client id."""

    owner: str
    persistent: bool
    topics: list[str] = field(default_factory=list)
    queue: deque[Published] = field(default_factory=deque)
    """Not yet sent to the client."""
    sent: dict[int, Published] = field(default_factory=dict)
    """Sent and not acknowledged, by packet id, in order."""
    client: Subscriber | None = None
    next_mid: int = 1


class Broker:
    """The broker. Everything it does later, it does on the running (simulated) loop.

    ``on_accept`` is told of each message taken in and the owners of the persistent sessions that
    will get it; ``on_acknowledge`` of each message that a session's client acknowledged.
    """

    def __init__(self, seed: random.Random, weather: Weather) -> None:
        self._random = seed
        self.weather = weather
        self.up = True
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, Published] = {}
        self._line_free_s: dict[tuple[str, str], float] = {}
        self._unreachable: set[str] = set()
        self.on_accept: Callable[[Published, frozenset[str]], None] | None = None
        self.on_acknowledge: Callable[[Published, str], None] | None = None

    # --- publishers ------------------------------------------------------------------------------

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish as a client does: at QoS 1 send until a PUBACK arrives, at QoS 0 send once."""
        while True:
            await asyncio.sleep(self._delay())
            if self.up and not self._lost():
                self.accept(Published(topic, payload, qos), retain=retain)
                if not self._lost():
                    return
            if not qos:
                return
            await asyncio.sleep(self._random.uniform(0.5, 2.0))

    def accept(self, message: Published, *, retain: bool = False) -> None:
        """Take a message in and pass it on to whoever subscribes."""
        if retain:
            self._retained[message.topic] = message
        reached = [
            session
            for session in self._sessions.values()
            if (session.client is not None or (session.persistent and message.qos))
            and any(_matches(topic, message.topic) for topic in session.topics)
        ]
        if self.on_accept is not None:
            sure = [one.owner for one in reached if one.persistent and message.qos]
            self.on_accept(message, frozenset(sure))
        for session in reached:
            session.queue.append(message)
            self._send_waiting(session)

    # --- subscribers -----------------------------------------------------------------------------

    def reachable(self, owner: str) -> bool:
        """Whether a client of this owner gets through to the broker."""
        return self.up and owner not in self._unreachable

    def connect(self, client: Subscriber) -> None:
        """A client is here; what it did not acknowledge is sent again, in order."""
        session = self._sessions.get(client.client_id)
        if session is None or client.clean:
            session = Session(client.owner, persistent=not client.clean)
            self._sessions[client.client_id] = session
        if session.client is not None:
            session.client.lose("taken over")
        session.client = client
        session.queue.extendleft(reversed(session.sent.values()))
        session.sent.clear()
        self._send_waiting(session)

    def disconnect(self, client: Subscriber) -> None:
        """The client is gone, with or without a word."""
        session = self._sessions.get(client.client_id)
        if session is not None and session.client is client:
            session.client = None
            if not session.persistent:
                del self._sessions[client.client_id]

    def subscribe(self, client: Subscriber, topics: Sequence[str]) -> None:
        """Remember the filters; retained copies come at once."""
        session = self._sessions[client.client_id]
        session.topics = list(dict.fromkeys([*session.topics, *topics]))
        for message in self._retained.values():
            if any(_matches(topic, message.topic) for topic in topics):
                copy = Published(message.topic, message.payload, message.qos, retained=True)
                session.queue.append(copy)
        self._send_waiting(session)

    def acknowledge(self, client: Subscriber, mid: int) -> None:
        """PUBACK from a client."""
        session = self._sessions.get(client.client_id)
        if session is not None and session.client is client:
            message = session.sent.pop(mid, None)
            if message is not None and self.on_acknowledge is not None:
                self.on_acknowledge(message, session.owner)

    @property
    def idle(self) -> bool:
        """Whether everything was delivered and acknowledged."""
        return all(not one.queue and not one.sent for one in self._sessions.values())

    # --- faults ----------------------------------------------------------------------------------

    def cut_all(self, why: str) -> None:
        """Every connection is lost; sessions stay."""
        for session in list(self._sessions.values()):
            if session.client is not None:
                session.client.lose(why)
                session.client = None

    async def cut_off(self, owner: str, for_s: float) -> None:
        """One owner's clients do not reach the broker for a while; others do."""
        self._unreachable.add(owner)
        for session in list(self._sessions.values()):
            if session.owner == owner and session.client is not None:
                session.client.lose("the line was cut")
                session.client = None
        await asyncio.sleep(for_s)
        self._unreachable.discard(owner)

    async def restart(self, away_s: float, *, forget: bool = False) -> None:
        """Be away for a while. ``forget``: nothing was on disk, sessions and queues are lost."""
        self.up = False
        self.cut_all("the broker stopped")
        if forget:
            self._sessions.clear()
            self._retained.clear()
        await asyncio.sleep(away_s)
        self.up = True

    def heal(self) -> None:
        """From now on everybody reaches everybody."""
        self.up = True
        self._unreachable.clear()
        self.weather.lose = self.weather.duplicate = 0.0

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

    def _deliver_later(self, client: Subscriber, message: Published, mid: int) -> None:
        """One topic is one line: its messages arrive in order; other topics may overtake."""
        loop = asyncio.get_running_loop()
        line = (client.client_id, message.topic)
        at_s = max(loop.time() + self._delay(), self._line_free_s.get(line, 0.0) + 1e-5)
        self._line_free_s[line] = at_s
        loop.call_at(at_s, self._deliver, client, message, mid)

    def _deliver(self, client: Subscriber, message: Published, mid: int) -> None:
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


@lru_cache(4_096)
def _matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT topic filter takes a topic in ([MQTT-4.7.1])."""
    wanted, found = pattern.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(found) or level not in {"+", found[number]}:
            return False
    return len(wanted) == len(found)
