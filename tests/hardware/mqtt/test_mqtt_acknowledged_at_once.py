"""The PUBACK of a marker is acknowledged to the broker's kernel at once: clicks wait for that."""

from __future__ import annotations

import socket
import struct
from types import SimpleNamespace

from hardware.sources.mqtt_connection import Connection
from hardware.sources.mqtt_spec import MqttSpec


def unacknowledged(tcp: socket.socket) -> int:
    """Segments that the other end's kernel has not acknowledged (tcpi_unacked of tcp(7))."""
    return struct.unpack_from("I", tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


class Client:
    """Publishes over a real connection to a broker that says nothing but PUBACK."""

    def __init__(self, ours: socket.socket, brokers: socket.socket) -> None:
        self._ours, self._brokers = ours, brokers
        self._client = SimpleNamespace(socket=lambda: ours)

    async def publish(self, _topic: str, payload: str, qos: int) -> None:
        assert qos == 1
        self._ours.sendall(payload.encode())
        self._brokers.recv(1_000)
        self._brokers.sendall(b"\x40\x02\x00\x01")
        self._ours.recv(4)


async def test_the_puback_of_a_marker_is_acknowledged_before_anything_else_comes():
    connection = Connection(
        MqttSpec.parse("mqtt://broker/"),
        client_id="c",
        now_ms=lambda: 1_000,
        on_alive=lambda _: None,
        on_notice=lambda _: None,
        timeout_s=1.0,
        marker_every_s=2.0,
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        brokers, _ = server.accept()
        with ours, brokers:
            client = Client(ours, brokers)
            # Linux delays no acknowledgement before a connection has been used for a while.
            while not unacknowledged(brokers):
                await client.publish("t", "before", qos=1)
            await connection._publish_marker(client)
            assert unacknowledged(brokers) == 0
