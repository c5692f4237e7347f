"""What a source promises of every broker: each message once, and nothing that is not one."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hardware.source import SourceAwayError
from hardware.sources.mqtt_connection import MAX_PAYLOAD_BYTES
from tests.brokers import publish

TOPIC = "clickclaim/v1/default/devices/B1/events"
SESSION = "clickclaimtest01"


async def next_frame(source):
    async with asyncio.timeout(30):
        return await source.read()


async def test_a_message_published_after_open_is_heard_and_is_not_queued(broker_port, source_of):
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION)
    await source.open()
    await publish(broker_port, TOPIC, b"click")
    frame = await next_frame(source)
    assert (frame.transport, frame.channel, frame.payload) == ("mqtt", TOPIC, b"click")
    assert frame.source == f"mqtt://127.0.0.1:{broker_port}/"
    assert (frame.queued, frame.retained, frame.direct, frame.address) == (
        False,
        False,
        False,
        None,
    )


async def test_messages_come_in_the_order_in_which_they_were_published(broker_port, source_of):
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION)
    await source.open()
    for number in range(5):
        await publish(broker_port, TOPIC, str(number))
    heard = []
    for _ in range(5):
        frame = await next_frame(source)
        heard.append(frame.payload)
        await source.acknowledge(frame)
    assert heard == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_read_that_is_cancelled_loses_no_message(broker_port, source_of):
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION)
    await source.open()
    reading = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    await publish(broker_port, TOPIC, b"click")
    reading.cancel()
    outcome = (await asyncio.gather(reading, return_exceptions=True))[0]
    if isinstance(outcome, asyncio.CancelledError):
        outcome = await next_frame(source)
    assert outcome.payload == b"click"


async def test_a_retained_copy_says_so(broker_port, source_of):
    await publish(broker_port, TOPIC, b"old", retain=True)
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION)
    await source.open()
    frame = await next_frame(source)
    assert (frame.payload, frame.retained) == (b"old", True)


async def test_a_message_of_a_megabyte_is_dropped_said_and_blocks_nothing(broker_port, source_of):
    notices = []
    source = source_of(
        f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION, on_notice=notices.append
    )
    await source.open()
    await publish(broker_port, TOPIC, bytes(1_000_000))
    await publish(broker_port, TOPIC, bytes(MAX_PAYLOAD_BYTES))
    frame = await next_frame(source)
    assert len(frame.payload) == MAX_PAYLOAD_BYTES
    assert len(notices) == 1
    assert "dropped a message of 1000000 bytes" in notices[0]
    assert TOPIC in notices[0]


async def test_the_marker_is_no_frame_even_when_everything_is_listened_to(broker_port, source_of):
    source = source_of(
        f"mqtt://127.0.0.1:{broker_port}/?topic=clickclaim/#",
        client_id=SESSION,
        marker_every_s=0.01,
    )
    await source.open()
    async with asyncio.timeout(30):
        while source.heard_until_ms is None:
            await asyncio.sleep(0.01)
    await publish(broker_port, TOPIC, b"click")
    assert (await next_frame(source)).payload == b"click"


async def test_closing_says_up_to_when_everything_was_heard(broker_port, source_of):
    clock = iter(range(1_000, 100_000))
    source = source_of(
        f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION, now_ms=lambda: next(clock)
    )
    await source.open()
    opened_ms = source.heard_until_ms or 0
    await source.close()
    assert source.heard_until_ms > max(opened_ms, 1_000)


async def test_without_a_session_nothing_is_kept_and_nothing_is_queued(broker_port, source_of):
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/")
    await source.open()
    await publish(broker_port, TOPIC, b"click")
    assert not (await next_frame(source)).queued
    assert source.heard_until_ms is None


async def test_a_source_can_be_opened_again(broker_port, source_of):
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION)
    for text in (b"first", b"second"):
        await source.open()
        await publish(broker_port, TOPIC, text)
        frame = await next_frame(source)
        assert frame.payload == text
        await source.acknowledge(frame)
        await source.close()


async def test_reading_a_closed_source_is_an_error_with_a_name(source_of):
    with pytest.raises(SourceAwayError, match="is not open"):
        await source_of("mqtt://127.0.0.1:1/").read()


async def test_closing_twice_or_before_opening_is_nothing(source_of, broker_port):
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/")
    await source.close()
    await source.open()
    await source.close()
    await source.close()


async def test_nothing_of_the_client_reaches_the_log(broker_port, source_of, caplog):
    caplog.set_level(logging.DEBUG)
    source = source_of(f"mqtt://127.0.0.1:{broker_port}/", client_id=SESSION)
    await source.open()
    await source.close()
    assert [r for r in caplog.records if r.name.startswith(("mqtt", "hardware"))] == []
