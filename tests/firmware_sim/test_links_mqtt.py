"""A simulated button on a broker: acknowledged or a clear error, and numbers that go on."""

import asyncio
import contextlib

import aiomqtt
import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.core.wire import WireError, decode_json, events_topic, verify
from firmware_sim.links.button import SimulatedButton
from firmware_sim.links.errors import LinkError
from firmware_sim.links.memory import MemoryLink
from firmware_sim.links.mqtt import MqttLink, press
from firmware_sim.world.slots import MemorySlot
from orchestrator.broker import EmbeddedBroker
from tests.brokers import Mosquitto
from tests.certificates import Authority

TOPIC = events_topic("default", "G030PM0123456789")
LET_IN = bytes.fromhex("20020000")


def device(device_id="G030PM0123456789", **options):
    return ButtonDevice(device_id, ClickCounter(MemorySlot()), (MqttEncoder("default"),), **options)


@contextlib.asynccontextmanager
async def answering(answer):
    """A listener on loopback that answers like this: async (reader, writer) -> None."""
    handlers = set()

    async def accept(reader, writer):
        handlers.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await answer(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@pytest.fixture
async def embedded():
    broker = EmbeddedBroker()
    port = await broker.start()
    yield f"mqtt://127.0.0.1:{port}/"
    await broker.stop()


@contextlib.asynccontextmanager
async def listening(url, **options):
    """An independent client that hears every button of every namespace."""
    port = int(url.rstrip("/").rsplit(":", 1)[1])
    async with aiomqtt.Client("127.0.0.1", port, **options) as client:
        await client.subscribe("clickclaim/v1/+/devices/+/events", qos=1)
        yield client


async def test_a_press_reaches_a_subscriber_and_its_numbers_go_on(embedded, tmp_path):
    async with listening(embedded) as client:
        for boot_id in (1, 2, 3):
            said = await press(
                embedded, "G030PM0123456789", "DOUBLE", key=b"k", now_ms=5000, state_folder=tmp_path
            )
            message = await anext(client.messages)
            heard = decode_json("G030PM0123456789", message.payload)
            assert (str(message.topic), message.qos, message.retain) == (TOPIC, 1, False)
            assert heard == said
            assert (heard.boot_id, heard.counter, heard.click_type) == (boot_id, 1, "DOUBLE")
            assert heard.reported_ms == 5000
            assert heard.remaining_life_bp == 10_000 - 5 * boot_id
            assert verify(heard, b"k")


@pytest.mark.mosquitto
async def test_many_clicks_over_one_connection_all_arrive(tmp_path):
    async with Mosquitto(tmp_path / "broker", extra="max_inflight_messages 0") as mosquitto:
        button = device()
        async with listening(mosquitto.url) as client, MqttLink(mosquitto.url) as link:
            sent = await link.send_many(button.say("SINGLE")[0] for _ in range(1000))
            await asyncio.gather(*(link.send(button.say("LONG")[0]) for _ in range(200)))
            assert await link.send_many([]) == 0
            counters = set()
            async with asyncio.timeout(30):
                while len(counters) < 1200:
                    message = await anext(client.messages)
                    counters.add(decode_json("G030PM0123456789", message.payload).counter)
        assert sent == 1000
        assert counters == set(range(1, 1201))


@pytest.mark.mosquitto
async def test_tls_with_a_client_certificate(tmp_path):
    authority = Authority(tmp_path, "test ca")
    server, server_key = authority.issue("server")
    client, client_key = authority.issue("client")
    server_key.chmod(0o644)  # Mosquitto reads it as a user of its own
    mosquitto = Mosquitto(
        tmp_path / "broker",
        listener=(
            f"cafile {authority.file}\ncertfile {server}\nkeyfile {server_key}\n"
            "require_certificate true\n"
        ),
    )
    host = f"127.0.0.1:{mosquitto.port}"
    mutual = f"mqtts://{host}/?ca={authority.file}&cert={client}&key={client_key}"
    async with mosquitto:
        async with MqttLink(mutual) as link:
            await link.send(device().say("SINGLE")[0])
        with pytest.raises(LinkError, match=r"cannot be trusted .* with \?ca=FILE"):
            await MqttLink(f"mqtts://{host}/").open()
        with pytest.raises(LinkError, match=r"closed the connection|cannot be trusted"):
            await MqttLink(f"mqtts://{host}/?ca={authority.file}").open()
        with pytest.raises(LinkError, match=r"closed the connection|does not answer"):
            await MqttLink(f"mqtt://{host}/", timeout_s=2).open()


@pytest.mark.mosquitto
async def test_user_and_password(tmp_path):
    passwords = tmp_path / "passwords"
    process = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-b", "-c", passwords, "button", "p@ss/word"
    )
    assert await process.wait() == 0
    passwords.chmod(0o644)
    mosquitto = Mosquitto(
        tmp_path / "broker", extra=f"password_file {passwords}\nallow_anonymous false"
    )
    async with mosquitto:
        good = mosquitto.url.replace("mqtt://", "mqtt://button:p%40ss%2Fword@")
        async with MqttLink(good) as link:
            await link.send(device().say("SINGLE")[0])
        for wrong in ("", "button:secret@"):
            with pytest.raises(LinkError, match="in the URL") as caught:
                await MqttLink(mosquitto.url.replace("mqtt://", f"mqtt://{wrong}")).open()
            assert "secret" not in str(caught.value)


async def test_nobody_listens_there():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(LinkError, match=rf"mqtt://127.0.0.1:{port}/ cannot be reached .*refused"):
        await MqttLink(f"mqtt://127.0.0.1:{port}/").open()


async def test_a_name_that_nobody_knows():
    with pytest.raises(LinkError, match=r"cannot be reached|does not answer"):
        await MqttLink("mqtt://no-such-host.invalid/").open()


async def test_a_listener_that_says_nothing():
    async with answering(lambda reader, writer: reader.read()) as url:
        with pytest.raises(LinkError, match=r"does not answer within 0.05 s; check host and port"):
            await MqttLink(url, timeout_s=0.05).open()


async def test_a_listener_that_is_no_broker():
    async def web_server(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with answering(web_server) as url:
        with pytest.raises(LinkError, match="is not MQTT; give the address"):
            await MqttLink(url).open()


async def test_a_broker_that_never_acknowledges(tmp_path):
    async def greedy(reader, writer):
        writer.write(LET_IN)
        await reader.read(-1)

    async with answering(greedy) as url:
        with pytest.raises(LinkError, match=r"has not acknowledged 1 click within 0.5 s"):
            await press(url, "A", state_folder=tmp_path, timeout_s=0.5)
        async with MqttLink(url, timeout_s=0.5) as link:
            with pytest.raises(LinkError, match="has not acknowledged 3 clicks"):
                await link.send_many(device().say("SINGLE") * 3)


async def test_a_broker_that_hangs_up_before_it_acknowledges():
    async def rude(reader, writer):
        writer.write(LET_IN)
        await reader.readuntil(b"DOUBLE")

    async with answering(rude) as url, MqttLink(url) as link:
        with pytest.raises(LinkError, match=r"closed the connection.*may be lost"):
            await link.send(device().say("DOUBLE")[0])
        with pytest.raises(LinkError, match="closed the connection"):
            await link.send(device().say("SINGLE")[0])


async def test_a_slow_broker_is_waited_for_as_long_as_it_moves():
    async def slow(reader, writer):
        writer.write(LET_IN)
        await reader.readuntil(b"COUNT5")
        for packet_id in range(1, 6):
            await asyncio.sleep(0.25)
            writer.write(bytes([0x40, 2, 0, packet_id]))
        await reader.read()

    frames = [device(f"COUNT{number}").say("SINGLE")[0] for number in range(1, 6)]
    async with answering(slow) as url, MqttLink(url, timeout_s=1) as link:
        assert await link.send_many(frames) == 5


async def test_a_link_is_opened_before_it_is_used():
    link = MqttLink("mqtt://127.0.0.1/")
    with pytest.raises(LinkError, match="is not connected; open the link first"):
        await link.send(device().say("SINGLE")[0])
    await link.close()


async def test_what_cannot_be_pressed_is_refused(embedded, tmp_path):
    with pytest.raises(ValueError, match="one of SINGLE, DOUBLE, LONG"):
        await press(embedded, "A", "TRIPLE", state_folder=tmp_path)
    with pytest.raises(WireError, match="device id"):
        await press(embedded, "a/b", state_folder=tmp_path)
    with pytest.raises(WireError, match="namespace"):
        await press(embedded, "A", namespace="Not OK", state_folder=tmp_path)
    assert not list(tmp_path.glob("*b*"))


async def test_a_simulated_button_clicks_into_a_receiver_of_this_process():
    heard = []

    async def receive(frame):
        heard.append(frame)

    button = SimulatedButton(device(key=b"k"), MemoryLink(receive), clock=lambda: 1234)
    said = [await button.click(), await button.click("LONG")]
    assert [frame.click for frame in heard] == said
    assert [click.click_type for click in said] == ["SINGLE", "LONG"]
    assert said[1].reported_ms == 1234
    with pytest.raises(ValueError, match="no click"):
        await button.click("TRIPLE")
