"""At least once, on a real Mosquitto: what comes again, and what was queued while we were away."""

from __future__ import annotations

import asyncio
import logging
import signal

import pytest

from hardware.source import SourceAwayError
from hardware.sources.mqtt import MqttSource
from hardware.supervisor import Backoff, Supervisor
from tests.brokers import Mosquitto, publish
from tests.hardware.mqtt.conftest import now_ms

pytestmark = pytest.mark.mosquitto

TOPIC = "clickclaim/v1/default/devices/B1/events"
SESSION = "clickclaimtest02"


class Now:
    """The time a test says it is."""

    def now_ms(self) -> int:
        return now_ms()


async def next_frame(source):
    async with asyncio.timeout(30):
        return await source.read()


async def payloads(source, count):
    return [(await next_frame(source)).payload for _ in range(count)]


@pytest.fixture(params=["3.1.1", "5"])
def spec(request, mosquitto):
    return f"{mosquitto.url}?version={request.param}"


async def test_what_was_not_acknowledged_comes_again(spec, mosquitto, source_of):
    source = source_of(spec, client_id=SESSION)
    await source.open()
    await publish(mosquitto.port, TOPIC, b"first")
    await publish(mosquitto.port, TOPIC, b"second")
    frames = [await next_frame(source), await next_frame(source)]
    await source.acknowledge(frames[0])
    await source.close()
    await source.open()
    assert (await next_frame(source)).payload == b"second"
    await publish(mosquitto.port, TOPIC, b"third")
    assert (await next_frame(source)).payload == b"third"


async def test_acknowledgements_go_out_in_the_order_of_arrival(mosquitto, source_of):
    source = source_of(mosquitto.url, client_id=SESSION)
    await source.open()
    for text in (b"first", b"second", b"third"):
        await publish(mosquitto.port, TOPIC, text)
    frames = [await next_frame(source) for _ in range(3)]
    await source.acknowledge(frames[2])
    await source.acknowledge(frames[1])
    await source.close()
    await source.open()
    assert await payloads(source, 3) == [b"first", b"second", b"third"]


async def test_an_acknowledgement_of_an_older_connection_is_not_one(mosquitto, source_of):
    source = source_of(mosquitto.url, client_id=SESSION)
    await source.open()
    await publish(mosquitto.port, TOPIC, b"click")
    late = await next_frame(source)
    await source.close()
    await source.open()
    await source.acknowledge(late)
    again = await next_frame(source)
    await source.close()
    await source.open()
    assert (await next_frame(source)).payload == again.payload == b"click"


async def test_more_than_the_broker_lets_fly_at_once_all_arrives(mosquitto, source_of):
    source = source_of(mosquitto.url, client_id=SESSION)
    await source.open()
    await source.close()
    for number in range(50):
        await publish(mosquitto.port, TOPIC, str(number))
    await source.open()
    heard = []
    for _ in range(50):
        frame = await next_frame(source)
        assert frame.queued
        heard.append(int(frame.payload))
        await source.acknowledge(frame)
    assert heard == list(range(50))
    await publish(mosquitto.port, TOPIC, b"live")
    assert not (await next_frame(source)).queued


async def test_queued_messages_say_up_to_when_all_had_been_heard(spec, mosquitto, source_of):
    source = source_of(spec, client_id=SESSION)
    await source.open()
    await source.close()
    until_ms = source.heard_until_ms
    await publish(mosquitto.port, TOPIC, b"while away")
    await source.open()
    frame = await next_frame(source)
    assert (frame.payload, frame.queued, frame.last_heard_before_ms) == (
        b"while away",
        True,
        until_ms,
    )


async def test_another_process_of_the_same_session_is_told_by_what_was_kept(mosquitto, source_of):
    first = source_of(mosquitto.url, client_id=SESSION)
    await first.open()
    await first.close()
    await publish(mosquitto.port, TOPIC, b"while away")
    second = source_of(mosquitto.url, client_id=SESSION, heard_until_ms=first.heard_until_ms)
    await second.open()
    frame = await next_frame(second)
    assert (frame.queued, frame.last_heard_before_ms) == (True, first.heard_until_ms)


async def test_a_connection_that_breaks_before_its_marker_keeps_the_older_time(
    mosquitto, source_of
):
    source = source_of(mosquitto.url, client_id=SESSION, heard_until_ms=1234)
    await source.open()
    await source.close()  # this marker came back
    known_ms = source.heard_until_ms
    for number in range(30):  # more than Mosquitto's window, so the marker waits behind them
        await publish(mosquitto.port, TOPIC, str(number))
    await source.open()
    await next_frame(source)
    await source.close()
    assert source.heard_until_ms == known_ms


async def test_a_lost_connection_is_told_once_and_with_its_reason(mosquitto, source_of, caplog):
    source = source_of(mosquitto.url, client_id=SESSION)
    await source.open()
    await mosquitto.stop(signal.SIGKILL)
    with pytest.raises(SourceAwayError, match="the broker ended the connection"):
        await next_frame(source)
    await source.close()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_what_had_come_in_before_the_loss_is_still_handed_out(mosquitto, source_of):
    source = source_of(mosquitto.url, client_id=SESSION)
    await source.open()
    await publish(mosquitto.port, TOPIC, b"click")
    first = await next_frame(source)
    await publish(mosquitto.port, TOPIC, b"last")
    async with asyncio.timeout(30):
        while len(source._connection._arrived) == 0:
            await asyncio.sleep(0.01)
    await mosquitto.stop(signal.SIGKILL)
    assert (first.payload, (await next_frame(source)).payload) == (b"click", b"last")
    with pytest.raises(SourceAwayError):
        await next_frame(source)


async def test_a_broker_that_stops_answering_is_noticed(mosquitto, source_of):
    source = source_of(mosquitto.url, client_id=SESSION, timeout_s=0.6, marker_every_s=0.05)
    await source.open()
    mosquitto._process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(SourceAwayError, match="stopped answering"):
            await next_frame(source)
        await source.close()
    finally:
        mosquitto._process.send_signal(signal.SIGCONT)


async def test_broker_gone_and_back_nothing_is_lost_and_it_is_said_once(mosquitto, caplog):
    caplog.set_level(logging.INFO, logger="hardware.supervisor")
    source = MqttSource(mosquitto.url, now_ms=now_ms, client_id=SESSION)
    delays = []

    async def sleep(seconds):
        delays.append(seconds)
        await asyncio.sleep(0)

    supervisor = Supervisor(
        source, clock=Now(), sleep=sleep, backoff=Backoff(floor_ms=0, first_ms=1, cap_ms=64)
    )
    frames = supervisor.frames()
    hearing = asyncio.create_task(anext(frames))
    await supervisor.wait_reading(30)
    await publish(mosquitto.port, TOPIC, b"before")
    first = await hearing
    await supervisor.acknowledge(first)
    await publish(mosquitto.port, TOPIC, b"unacknowledged")
    second = await anext(frames)
    await mosquitto.stop()
    hearing = asyncio.create_task(anext(frames))
    async with asyncio.timeout(30):
        while supervisor.situation.failures < 4:
            await asyncio.sleep(0.01)
    await mosquitto.start()
    async with asyncio.timeout(30):
        again = await hearing
    assert (second.payload, again.payload) == (b"unacknowledged", b"unacknowledged")
    assert again.queued
    pauses = [round(s, 3) for s in delays if s > 0]
    assert pauses[:3] == [0.001, 0.002, 0.004]
    await frames.aclose()
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "the broker ended the connection" in said[0]
    back = [r.getMessage() for r in caplog.records if "READING again" in r.getMessage()]
    assert len(back) == 1


async def test_a_broker_without_a_memory_of_us_is_subscribed_to_anew(tmp_path, source_of):
    async with Mosquitto(tmp_path / "forgetful") as broker:
        source = source_of(broker.url, client_id=SESSION)
        await source.open()
        await broker.stop(signal.SIGKILL)
        (broker.folder / "mosquitto.db").unlink(missing_ok=True)
        await broker.start()
        with pytest.raises(SourceAwayError):
            await next_frame(source)
        await source.close()
        await source.open()
        await publish(broker.port, TOPIC, b"click")
        assert (await next_frame(source)).payload == b"click"
        await source.close()
