"""A broker that sends, on resuming a session, more than we hold before it answers anything."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from firmware_sim.links.mqtt_codec import publish_packet
from hardware.source import SourceAwayError
from hardware.sources import mqtt_connection

HELD = 5
BACKLOG = 20


class Backlogged:
    """Answers CONNECT, and SUBSCRIBE with its whole backlog; the SUBACK would be behind that.

    Mosquitto 2.0.11 does so after it sent far more than its max_inflight_messages, as it does to a
    slow reader who acknowledges: whatever is under way comes again at once.
    """

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = await reader.readexactly(2)
                body = await reader.readexactly(length)
                if kind == 0x10:
                    writer.write(bytes([0x20, 2, 1, 0]))
                elif kind == 0x82:
                    for number in range(1, BACKLOG + 1):
                        writer.write(publish_packet("shellies/a/event", b"x", number))
                elif kind == 0x40:
                    self.acknowledged.append(body[0] << 8 | body[1])
        writer.close()


async def test_a_backlog_that_is_more_than_we_hold_is_worked_off_all_the_same(
    source_of, monkeypatch
):
    monkeypatch.setattr(mqtt_connection, "MAX_WAITING", HELD)
    broker = Backlogged()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        source = source_of(f"mqtt://127.0.0.1:{port}/", client_id="behind", timeout_s=0.2)
        await source.open()
        for _ in range(HELD):
            frame = await source.read()
            assert frame.queued
            await source.acknowledge(frame)
        with pytest.raises(SourceAwayError, match="more than 5 messages wait to be handled"):
            await source.read()
        await source.close()
    assert broker.acknowledged == list(range(1, HELD + 1))
