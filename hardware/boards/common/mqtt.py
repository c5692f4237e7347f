"""How a click reaches the broker: queued, sent at QoS 1, sent again until it is acknowledged.

Our own rather than umqtt.simple, which waits inside publish() until the broker has answered: the
contact would go unwatched meanwhile, and for ever when the Wi-Fi is gone.
"""

import socket
from errno import EAGAIN, ETIMEDOUT
from time import ticks_add, ticks_diff

from common.mqtt_packets import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PUBACK,
    connect_packet,
    first_answer,
    publish_packet,
)

# Clicks of a person in the minute they are kept for; each has about 350 bytes.
MAX_QUEUED = 16

# A broker in the same building answers in milliseconds, one behind a bad link in a second or two.
ANSWER_MS = 5_000
CONNECT_S = 5

FIRST_PAUSE_MS = 1_000
MAX_PAUSE_MS = 30_000

# The broker gives us up after one and a half times this. We ask at half of it, so a broken
# connection is found before somebody presses.
KEEP_ALIVE_S = 60
PING_AFTER_MS = 30_000


class MqttLink:
    """One broker. ``poll`` it often; it waits for nothing but the opening of a connection."""

    def __init__(
        self, wifi: "Wifi", address: tuple, client_id: str, keep_ms: int, remark: "Remark"
    ) -> None:
        self._wifi = wifi
        self._host, self._port, self._username, self._password = address
        self._client_id = client_id
        self._keep_ms = keep_ms
        self._remark = remark
        self._queue = []  # (topic, payload, queued at)
        self._socket = None
        self._open = False
        self._held = b""
        self._asked_ms = None  # since when an answer is due; one at a time
        self._sent_ms = 0
        self._packet_id = 0
        self._in_flight = False  # the first of the queue was sent on this connection
        self._retry_ms = None
        self._pause_ms = FIRST_PAUSE_MS

    def publish(self, topic: str, payload: bytes, now_ms: int) -> None:
        """Queue a click; the oldest that was not sent yet makes room when there is none."""
        if len(self._queue) >= MAX_QUEUED:
            self._queue.pop(1 if self._in_flight else 0)
            self._remark("mqtt: too many clicks wait for the broker; the oldest is dropped")
        self._queue.append((topic, payload, now_ms))

    def idle(self) -> bool:
        """Every click was acknowledged, or dropped as too old."""
        return not self._queue

    def poll(self, now_ms: int, calm: bool) -> None:
        """Do what can be done now. A connection is opened only when ``calm``: it takes a while."""
        self._drop_old(now_ms)
        if not self._wifi.poll(now_ms):
            self._hang_up()
            self._retry_ms = None  # once the Wi-Fi is back, nothing is left to wait for
            self._pause_ms = FIRST_PAUSE_MS
            return
        try:
            if self._socket is not None:
                self._listen(now_ms)
                self._talk(now_ms)
            elif calm and (self._retry_ms is None or ticks_diff(now_ms, self._retry_ms) >= 0):
                self._call(now_ms)
        except OSError as error:
            self._hang_up()
            self._remark(f"mqtt: {self._host}: {error}; again in {self._pause_ms // 1000} s")
            self._retry_ms = ticks_add(now_ms, self._pause_ms)
            self._pause_ms = min(2 * self._pause_ms, MAX_PAUSE_MS)

    def close(self) -> None:
        """Say goodbye to the broker and switch the radio off."""
        if self._open:
            try:
                self._send(DISCONNECT, self._sent_ms)
            except OSError:
                pass  # nobody is left to say it to
        self._hang_up()
        self._wifi.off()

    def _call(self, now_ms: int) -> None:
        address = socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_STREAM)[0][-1]
        self._socket = socket.socket()
        self._socket.settimeout(CONNECT_S)
        self._socket.connect(address)
        hello = connect_packet(self._client_id, self._username, self._password, KEEP_ALIVE_S)
        self._ask(hello, now_ms)

    def _listen(self, now_ms: int) -> None:
        self._socket.settimeout(0)
        try:
            data = self._socket.recv(64)
        except OSError as error:
            if error.errno not in (EAGAIN, ETIMEDOUT):
                raise
        else:
            if not data:
                raise OSError("the broker closed the connection")
            self._held += data
        answer = first_answer(self._held)
        while answer is not None:
            kind, body, self._held = answer
            self._answered(kind, body)
            answer = first_answer(self._held)
        if self._asked_ms is not None and ticks_diff(now_ms, self._asked_ms) >= ANSWER_MS:
            raise OSError(f"no answer in {ANSWER_MS // 1000} s")

    def _answered(self, kind: int, body: bytes) -> None:
        if kind == CONNACK:
            if body[1]:
                raise OSError(f"refuses us with code {body[1]}; check user and password")
            self._open = True
            self._pause_ms = FIRST_PAUSE_MS
            self._remark(f"mqtt: connected to {self._host}")
        elif kind == PUBACK:
            # A click that grew too old while it was under way is not the first any more.
            if not self._in_flight or body[0] << 8 | body[1] != self._packet_id:
                return
            self._in_flight = False
            self._queue.pop(0)
        self._asked_ms = None

    def _talk(self, now_ms: int) -> None:
        if not self._open or self._asked_ms is not None:
            return
        if self._queue:
            topic, payload, _ = self._queue[0]
            self._packet_id = self._packet_id % 0xFFFF + 1
            self._in_flight = True
            self._ask(publish_packet(topic, payload, self._packet_id), now_ms)
        elif ticks_diff(now_ms, self._sent_ms) >= PING_AFTER_MS:
            self._ask(PINGREQ, now_ms)

    def _ask(self, packet: bytes, now_ms: int) -> None:
        self._send(packet, now_ms)
        self._asked_ms = now_ms

    def _send(self, packet: bytes, now_ms: int) -> None:
        self._socket.settimeout(CONNECT_S)
        self._socket.sendall(packet)
        self._sent_ms = now_ms

    def _drop_old(self, now_ms: int) -> None:
        while self._queue and ticks_diff(now_ms, self._queue[0][2]) >= self._keep_ms:
            self._queue.pop(0)
            if self._in_flight:
                self._in_flight = False
                self._asked_ms = None
            self._remark(f"mqtt: a click found no broker in {self._keep_ms // 1000} s; dropped")

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._open = False
        self._held = b""
        self._asked_ms = None
        self._in_flight = False
