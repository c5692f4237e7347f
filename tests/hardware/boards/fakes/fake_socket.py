"""TCP to one broker, which answers as MQTT 3.1.1 says unless its life says otherwise."""

from binascii import unhexlify
from errno import EAGAIN, ECONNREFUSED, EHOSTUNREACH

from bench import bench, broker, life, tell, wifi_there

SOCK_STREAM = 1
ANSWER_MS = 20


def getaddrinfo(host, port, family, kind):
    assert kind == SOCK_STREAM
    if not wifi_there():
        raise OSError(-2)
    return [(2, 1, 0, "", (host, port))]


class socket:  # noqa: N801 - the chip's name
    def __init__(self):
        self._timeout_s = None
        self._arrived = b""
        self._said = b""
        self._broken = False

    def settimeout(self, timeout_s):
        self._timeout_s = timeout_s

    def connect(self, address):
        bench.advance(life.get("connect_ms", 30))
        tell("tcp", f"{address[0]}:{address[1]}")
        if not wifi_there():
            raise OSError(EHOSTUNREACH)
        if broker() == "down":
            raise OSError(ECONNREFUSED)

    def sendall(self, data):
        assert self._timeout_s, "a chip's sendall fails on a socket that must not wait"
        tell("sent", "".join([f"{byte:02x}" for byte in data]))
        self._said += data
        while len(self._said) >= 2 and len(self._said) >= 2 + self._length()[0]:
            length, digits = self._length()
            packet = self._said[: 1 + digits + length]
            self._said = self._said[len(packet) :]
            if broker() == "up":
                self._answer(packet, digits)

    def recv(self, most):
        assert self._timeout_s == 0, "this would wait"
        if broker() == "down" or self._broken:
            return b""
        if not self._arrived:
            raise OSError(EAGAIN)
        data, self._arrived = self._arrived[:most], self._arrived[most:]
        return data

    def close(self):
        tell("tcp", "closed")
        self._broken = True

    def _length(self):
        length, shift = 0, 0
        for digits, byte in enumerate(self._said[1:5], 1):
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return length, digits
        return 1 << 30, 0

    def _answer(self, packet, digits):
        kind = packet[0]
        if kind == 0x10:
            said = life.get("answer", {})
            answer = bytes([0x20, 2, 0, said.get("connack", 0)])
            if "hex" in said:
                answer = unhexlify(said["hex"])
        elif kind == 0x32:
            topic_at = 1 + digits
            id_at = topic_at + 2 + (packet[topic_at] << 8 | packet[topic_at + 1])
            answer = bytes([0x40, 2]) + packet[id_at : id_at + 2]
        elif kind == 0xC0:
            answer = b"\xd0\x00"
        else:
            return
        bench.after(ANSWER_MS, lambda: self._arrive(answer))

    def _arrive(self, answer):
        if not self._broken:
            self._arrived += answer
