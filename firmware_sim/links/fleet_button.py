"""One button of a fleet in a few hundred bytes: what it has pressed, said, and had acknowledged."""

from __future__ import annotations

import socket
from typing import Final

from firmware_sim.links.errors import LinkError
from firmware_sim.links.mqtt_codec import MAX_PACKET_ID, Answers, publish_packet
from firmware_sim.world.fleet import FleetPlan

# Said and not yet acknowledged. Brokers take at least so many of one client at once (Mosquitto's
# max_inflight_messages is 20).
_IN_FLIGHT: Final = 16


class FleetButton:
    """Counters of one button, and the connection it has now. No I/O.

    Clicks are numbered from 1. All up to ``acknowledged`` are the broker's; what was pressed and
    not acknowledged is said again on the next connection, which is what at least once means.
    """

    __slots__ = (
        "acknowledged",
        "answers",
        "early",
        "failures",
        "heard_s",
        "index",
        "outbox",
        "pressed",
        "said",
        "said_s",
        "socket",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.pressed = 0
        self.said = 0
        self.acknowledged = 0
        self.early: set[int] | None = None
        """Acknowledged ahead of an earlier click: no broker should, and some may."""
        self.failures = 0
        """Connections in a row that were of no use: refused, or lost over what it said."""
        self.socket: socket.socket | None = None
        self.answers: Answers | None = None
        self.outbox = b""
        self.said_s = 0.0
        self.heard_s = 0.0

    @property
    def connected(self) -> bool:
        """Whether the broker has let it in."""
        return self.answers is not None and self.answers.connected

    def connect(self, connection: socket.socket, link: str, now_s: float) -> None:
        """A new connection: nothing has been said on it."""
        self.socket = connection
        self.answers = Answers(link)
        self.outbox = b""
        self.said = self.acknowledged
        self.said_s = self.heard_s = now_s

    def disconnect(self) -> socket.socket | None:
        """The connection is over; its socket, for the caller to close."""
        connection, self.socket, self.answers = self.socket, None, None
        self.outbox = b""
        return connection

    def speak(self, plan: FleetPlan) -> bytes:
        """PUBLISH of the clicks that were pressed and not said, as many as may be under way."""
        until = min(self.pressed, self.acknowledged + _IN_FLIGHT)
        topic = plan.topic(self.index)
        if until == self.said + 1 and self.early is None:
            self.said = until
            return publish_packet(topic, plan.payload(self.index, until), _packet_id(until))
        packets = [
            publish_packet(topic, plan.payload(self.index, counter), _packet_id(counter))
            for counter in range(self.said + 1, until + 1)
            if self.early is None or counter not in self.early
        ]
        self.said = max(self.said, until)
        return b"".join(packets)

    def hear(self, data: bytes) -> int:
        """How many clicks these bytes acknowledge. Raises LinkError when they make no sense."""
        assert self.answers is not None
        before = self.acknowledged
        early_before = len(self.early or ())
        for packet_id in self.answers.feed(data):
            self._acknowledge(packet_id)
        return self.acknowledged - before + len(self.early or ()) - early_before

    def lacks_answer(self, now_s: float, patience_s: float) -> bool:
        """Whether it said something long ago and has heard nothing since."""
        return self.heard_s < self.said_s and now_s - self.said_s > patience_s

    def has_acknowledged(self, counter: int) -> bool:
        """Whether the broker has acknowledged this click."""
        return counter <= self.acknowledged or (self.early is not None and counter in self.early)

    def _acknowledge(self, packet_id: int) -> None:
        first = self.acknowledged + 1
        counter = first + (packet_id - _packet_id(first)) % MAX_PACKET_ID
        if counter > self.said:
            raise LinkError(
                f"the broker of button {self.index}",
                f"acknowledges packet {packet_id}, which is not under way",
                "try another broker, and report it to this one's makers",
            )
        if counter > first:
            self.early = (self.early or set()) | {counter}
            return
        self.acknowledged = counter
        while self.early and self.acknowledged + 1 in self.early:
            self.acknowledged += 1
            self.early.discard(self.acknowledged)
        self.early = self.early or None


def _packet_id(counter: int) -> int:
    return (counter - 1) % MAX_PACKET_ID + 1
