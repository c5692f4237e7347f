"""Hundreds of buttons on a real Mosquitto, and on brokers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket

import aiomqtt
import pytest

from firmware_sim.links.errors import LinkError
from firmware_sim.links.fleet import Fleet
from firmware_sim.links.mqtt import MqttLink
from firmware_sim.world.fleet import FleetPlan


@pytest.mark.mosquitto
async def test_each_button_has_a_connection_of_its_own_and_every_click_is_acknowledged(
    broker, plan
):
    inside = []
    async with Fleet(plan, broker.url) as fleet:
        await fleet.connect(inside.append)
        assert inside[-1] == fleet.connected == 300
        ports = {fleet.button(index).socket.getsockname() for index in range(300)}
        assert len(ports) == 300
        await fleet.click(1500, 0.5)
        assert await fleet.settle(10)
        assert fleet.acknowledged == fleet.pressed == 750
        assert fleet.latencies.quantile_ms(0.5) > 0
    assert fleet.connected == 0


@pytest.mark.mosquitto
async def test_a_subscriber_hears_what_the_plan_says(broker):
    plan = FleetPlan(devices=20, boot_id=5, seed=2)
    async with aiomqtt.Client("127.0.0.1", broker.port) as reader, Fleet(plan, broker.url) as fleet:
        await reader.subscribe("clickclaim/v1/default/devices/+/events", 1)
        await fleet.connect()
        for index in range(20):
            fleet.press(index)
            fleet.press(index)
        heard = set()
        async with asyncio.timeout(30):
            async for message in reader.messages:
                heard.add((str(message.topic), message.payload))
                if len(heard) == 40:
                    break
    said = {
        (plan.topic(index), plan.payload(index, number)) for index in range(20) for number in (1, 2)
    }
    assert heard == said


@pytest.mark.mosquitto
async def test_flat_out_every_button_clicks_again_when_it_is_acknowledged(broker, plan):
    async with Fleet(plan, broker.url) as fleet:
        await fleet.connect()
        await fleet.click_flat_out(0.3)
        assert await fleet.settle(10)
        assert fleet.acknowledged == fleet.pressed > 4 * 300
        assert all(fleet.button(index).acknowledged >= 4 for index in range(300))


@pytest.mark.mosquitto
async def test_buttons_reconnect_and_say_again_what_was_not_acknowledged(broker, plan):
    async with Fleet(plan, broker.url) as fleet:
        await fleet.connect()
        await broker.stop(signal.SIGKILL)
        for index in range(300):
            fleet.press(index)
        async with asyncio.timeout(30):
            while fleet.connected:
                await asyncio.sleep(0)
        assert fleet.unacknowledged == 300
        await broker.start()
        assert await fleet.settle(15)
        assert fleet.reconnects == 300
        assert fleet.acknowledged == 300


@pytest.mark.mosquitto
async def test_a_broker_that_takes_no_more_is_told_with_how_many_it_took(make_broker, plan):
    broker = make_broker("max_connections 120")
    await broker.start()
    try:
        async with Fleet(plan, broker.url, patience_s=1.0) as fleet:
            with pytest.raises(LinkError) as refused:
                await fleet.connect()
    finally:
        await broker.stop()
    said = re.search(
        r"has taken (\d+) of 300 buttons .* max_connections, or take --devices (\d+)",
        str(refused.value),
    )
    assert said, refused.value
    # Mosquitto is not exact about its own limit.
    assert said[1] == said[2]
    assert abs(int(said[1]) - 120) <= 2


@pytest.mark.mosquitto
async def test_one_button_of_another_client_is_not_taken_over(broker, plan):
    async with MqttLink(broker.url) as other, Fleet(plan, broker.url) as fleet:
        await fleet.connect()
        await other.publish("still/here", b"1")


async def test_a_broker_that_is_not_there_is_told_at_once(unused_tcp_port_of_nobody, plan):
    async with Fleet(plan, f"mqtt://127.0.0.1:{unused_tcp_port_of_nobody}/") as fleet:
        async with asyncio.timeout(30):
            with pytest.raises(LinkError, match="Connection refused"):
                await fleet.connect()


async def test_tls_is_refused_with_what_to_give_instead(plan):
    with pytest.raises(LinkError, match="50 KiB a connection"):
        Fleet(plan, "mqtts://127.0.0.1/")


@contextlib.asynccontextmanager
async def peer(handle):
    """A broker that behaves as ``handle`` does; its URL."""
    tasks = set()

    async def run(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            await handle(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    async with server:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        # The fleet has left: every handler reads the end of its connection.
        await asyncio.gather(*tasks)


async def test_a_peer_that_is_no_broker_is_told():
    async def web(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with peer(web) as url, Fleet(FleetPlan(devices=3, boot_id=1), url) as fleet:
        with pytest.raises(LinkError, match="is not MQTT"):
            await fleet.connect()


async def test_a_broker_that_refuses_the_user_is_told_at_once():
    async def strict(reader, writer):
        await reader.read(100)
        writer.write(bytes([0x20, 2, 0, 5]))
        await reader.read()

    async with peer(strict) as url, Fleet(FleetPlan(devices=3, boot_id=1), url) as fleet:
        with pytest.raises(LinkError, match="does not let this user connect"):
            await fleet.connect()


async def test_a_broker_that_is_not_available_to_one_button_is_asked_again():
    came = 0

    async def busy_once(reader, writer):
        nonlocal came
        came += 1
        code = 3 if came == 2 else 0
        await reader.read(100)
        writer.write(bytes([0x20, 2, 0, code]))
        await reader.read()

    async with peer(busy_once) as url, Fleet(FleetPlan(devices=3, boot_id=1), url) as fleet:
        await fleet.connect()
        assert fleet.connected == 3
        assert fleet.last_loss == "the broker is not available now"
    assert came == 4


async def test_a_button_whose_words_end_its_connection_comes_back_later_and_later():
    came = 0

    async def choking(reader, writer):
        nonlocal came
        came += 1
        await reader.read(100)
        writer.write(bytes([0x20, 2, 0, 0]))
        await reader.read(100)

    async with peer(choking) as url, Fleet(FleetPlan(devices=1, boot_id=1), url) as fleet:
        await fleet.connect()
        fleet.press(0)
        assert not await fleet.settle(1.2)
        assert fleet.last_loss == "the broker closed it"
    # At once, after 0.25 s and after 0.5 s more; the next is a second after that.
    assert came <= 3


async def test_of_several_addresses_the_one_is_taken_at_which_a_broker_listens(monkeypatch):
    async def broker(reader, writer):
        if await reader.read(100):  # else it was only looked whether somebody listens
            writer.write(bytes([0x20, 2, 0, 0]))
            await reader.read()

    async def two(host, port, **_):
        stream = (socket.SOCK_STREAM, 6, "")
        return [
            (socket.AF_INET, *stream, ("127.0.0.2", port)),
            (socket.AF_INET, *stream, ("127.0.0.1", port)),
        ]

    async with peer(broker) as url:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        async with Fleet(FleetPlan(devices=3, boot_id=1), url) as fleet:
            await fleet.connect()
            assert fleet.connected == 3


async def test_silent_buttons_ping_within_their_keep_alive():
    pinged = asyncio.Event()

    async def patient(reader, writer):
        connect = await reader.read(100)
        assert connect[10:12] == b"\x00\x02"  # the keep-alive: 2 s
        writer.write(bytes([0x20, 2, 0, 0]))
        while data := await reader.read(100):
            if data == b"\xc0\x00":
                writer.write(b"\xd0\x00")
                pinged.set()

    plan = FleetPlan(devices=1, boot_id=1)
    async with peer(patient) as url, Fleet(plan, url, keep_alive_s=2) as fleet:
        await fleet.connect()
        # A broker gives up after one and a half times the keep-alive.
        async with asyncio.timeout(3):
            await pinged.wait()
        assert fleet.reconnects == 0


async def test_a_connection_that_answers_nothing_any_more_is_left_for_a_new_one():
    came = 0

    async def deaf_at_first(reader, writer):
        nonlocal came
        came += 1
        deaf = came == 1
        await reader.read(100)
        writer.write(bytes([0x20, 2, 0, 0]))
        while await reader.read(1000):
            if not deaf:
                writer.write(bytes([0x40, 2, 0, 1]))

    plan = FleetPlan(devices=1, boot_id=1)
    async with (
        peer(deaf_at_first) as url,
        Fleet(plan, url, keep_alive_s=2, patience_s=0.2) as fleet,
    ):
        await fleet.connect()
        fleet.press(0)
        assert await fleet.settle(10)
        assert fleet.reconnects == 1
    assert came == 2


@pytest.fixture
def unused_tcp_port_of_nobody():
    from tests.brokers import free_port

    return free_port()
