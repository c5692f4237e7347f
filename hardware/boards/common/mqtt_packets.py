"""A button's half of MQTT 3.1.1 (OASIS, 2014) as bytes: connect, publish at QoS 1, stay, leave."""

import struct

CONNACK, PUBACK, PINGRESP = 0x20, 0x40, 0xD0
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

# The answers to somebody who never subscribes have 2 or 4 bytes.
MAX_ANSWER_BYTES = 4


def connect_packet(client_id: str, username: str, password: str, keep_alive_s: int) -> bytes:
    """CONNECT with a clean session; an empty user name stands for none."""
    flags = 0x02
    payload = _text(client_id)
    if username:
        flags |= 0xC0
        payload += _text(username) + _text(password)
    body = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", keep_alive_s) + payload
    return bytes([0x10]) + _length(len(body)) + body


def publish_packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH at QoS 1, not retained."""
    body = _text(topic) + struct.pack(">H", packet_id) + payload
    return bytes([0x32]) + _length(len(body)) + body


def first_answer(held: bytes) -> "tuple[int, bytes, bytes] | None":
    """Kind, body and what follows of the first whole answer; None while it is not whole.

    Raises OSError for what no broker says to a button.
    """
    if len(held) < 2:
        return None
    kind, length = held[0], held[1]
    if kind not in (CONNACK, PUBACK, PINGRESP) or length > MAX_ANSWER_BYTES - 2:
        raise OSError("what answers there is no MQTT broker")
    if len(held) < 2 + length:
        return None
    return kind, held[2 : 2 + length], held[2 + length :]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _length(length: int) -> bytes:
    out = b""
    while True:
        digit = length & 0x7F
        length >>= 7
        out += bytes([digit | 0x80 if length else digit])
        if not length:
            return out
