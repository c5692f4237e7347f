"""A button's half of MQTT 3.1.1 (OASIS, 2014): connect, publish at QoS 1, be acknowledged.

Bytes in, bytes out. Why it is our own stands in this folder's README.
"""

from __future__ import annotations

import struct

from firmware_sim.links.errors import LinkBusyError, LinkError

# The answers to a button have 2 or 4 bytes; nothing longer is for somebody who never subscribes.
_MAX_ANSWER_BYTES = 4
MAX_PACKET_ID = 0xFFFF

_CONNACK, _PUBACK, _PINGRESP = 0x20, 0x40, 0xD0
_CONNECT, _PUBLISH_QOS_1, _RETAIN, _DISCONNECT, _PINGREQ = 0x10, 0x32, 0x01, 0xE0, 0xC0

# Table 3.1 of the standard.
_UNAVAILABLE = 3
_REFUSED = {
    1: ("does not speak MQTT 3.1.1", "use another broker"),
    2: ("refuses the client id", "use another one"),
    _UNAVAILABLE: ("is not available now", "try again later"),
    4: ("refuses the user or the password", "mend them in the URL"),
    5: ("does not let this user connect", "give a user and a password in the URL, or allow it"),
}


def connect_packet(
    client_id: str, username: str | None, password: str | None, *, keep_alive_s: int = 0
) -> bytes:
    """CONNECT with a clean session. Without a keep-alive a button may be silent for days."""
    flags = 0x02
    payload = _text(client_id)
    if username is not None:
        flags |= 0x80
        payload += _text(username)
        if password is not None:
            flags |= 0x40
            payload += _text(password)
    head = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", keep_alive_s)
    return bytes([_CONNECT]) + _length(len(head) + len(payload)) + head + payload


def publish_packet(topic: str, payload: bytes, packet_id: int, *, retain: bool = False) -> bytes:
    """PUBLISH at QoS 1."""
    body = _text(topic) + struct.pack(">H", packet_id) + payload
    return bytes([_PUBLISH_QOS_1 | (_RETAIN if retain else 0)]) + _length(len(body)) + body


def disconnect_packet() -> bytes:
    """DISCONNECT: a clean goodbye."""
    return bytes([_DISCONNECT, 0])


def ping_packet() -> bytes:
    """PINGREQ: we are still here, and are you?"""
    return bytes([_PINGREQ, 0])


class Answers:
    """Bytes from the broker -> whether it let us in, and what it acknowledged."""

    __slots__ = ("_held", "_link", "connected")

    def __init__(self, link: str) -> None:
        self.connected = False
        self._link = link
        self._held = b""

    def feed(self, data: bytes) -> list[int]:
        """The packet ids that these bytes acknowledge.

        Raises LinkError when the broker refuses us or says what no broker says to a button,
        LinkBusyError when it may let us in later.
        """
        data = self._held + data
        acknowledged: list[int] = []
        at = 0
        while len(data) - at >= 2:
            kind, length = data[at], data[at + 1]
            if length > _MAX_ANSWER_BYTES - 2:
                raise self._nonsense(data[at:])
            if len(data) - at < 2 + length:
                break
            body = data[at + 2 : at + 2 + length]
            at += 2 + length
            if kind == _PUBACK and length == 2 and self.connected:
                acknowledged.append(body[0] << 8 | body[1])
            elif kind == _CONNACK and length == 2 and not self.connected:
                self._let_in(body[1])
            elif kind != _PINGRESP:
                raise self._nonsense(data[at - length - 2 :])
        self._held = data[at:]
        return acknowledged

    def _let_in(self, code: int) -> None:
        if code:
            problem, remedy = _REFUSED.get(code, (f"refuses us with code {code}", "look it up"))
            kind = LinkBusyError if code == _UNAVAILABLE else LinkError
            raise kind(self._link, problem, remedy)
        self.connected = True

    def _nonsense(self, data: bytes) -> LinkError:
        return LinkError(
            self._link,
            f"answers {data[:16]!r}, which is not MQTT",
            "give the address and port of a broker",
        )


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _length(length: int) -> bytes:
    out = b""
    while True:
        length, digit = divmod(length, 128)
        out += bytes([digit | 0x80 if length else digit])
        if not length:
            return out
