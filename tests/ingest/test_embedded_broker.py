"""The broker in our own process: on loopback, quiet, and gone when told to."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import subprocess
import sys

import aiomqtt
import pytest

from orchestrator.broker import BrokerPortError, EmbeddedBroker
from tests.brokers import publish


@pytest.fixture
async def broker():
    broker = EmbeddedBroker()
    broker.port = await broker.start()
    yield broker
    await broker.stop()


def test_production_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="queues nothing for a subscriber that is away") as error:
        EmbeddedBroker(profile="production")
    assert "mqtt://" in str(error.value)


async def test_a_port_in_use_is_named_with_what_to_do(broker):
    with pytest.raises(BrokerPortError, match=f"127.0.0.1:{broker.port} .*in use") as error:
        await EmbeddedBroker().start(broker.port)
    assert "Choose another port" in str(error.value)


async def test_it_carries_a_message_from_one_client_to_another(broker):
    async with aiomqtt.Client("127.0.0.1", broker.port) as listener:
        await listener.subscribe("a/+", qos=1)
        await publish(broker.port, "a/b", b"hello")
        async with asyncio.timeout(30):
            message = await anext(listener.messages)
    assert (str(message.topic), message.payload) == ("a/b", b"hello")


async def test_it_listens_on_loopback_only(broker):
    with socket.socket() as other:
        # The same port on another address of this machine is free.
        other.bind(("127.0.0.2", broker.port))


async def test_stopping_ends_connections_and_frees_the_port(broker):
    client = aiomqtt.Client("127.0.0.1", broker.port)
    await client.__aenter__()
    async with asyncio.timeout(30):
        await broker.stop()
        with pytest.raises(aiomqtt.MqttError):
            await anext(client.messages)
    assert await broker.start(broker.port) == broker.port


async def test_stopping_before_starting_or_twice_is_nothing():
    broker = EmbeddedBroker()
    await broker.stop()
    await broker.start()
    await broker.stop()
    await broker.stop()


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x10\x02\xff", b"", b"\x00" * 64])
async def test_what_is_no_mqtt_harms_nobody_and_says_nothing(broker, noise, caplog):
    caplog.set_level(logging.WARNING)
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(noise)
    # A reset instead of a goodbye.
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()
    await asyncio.sleep(0.05)
    await publish(broker.port, "a", b"still here")
    assert caplog.records == []
    assert reader is not None


_STORY = """
import asyncio, sys
from orchestrator.broker import EmbeddedBroker
assert "amqtt" not in sys.modules, "a service with a broker of its own must not load amqtt"

async def main():
    import aiomqtt
    broker = EmbeddedBroker()
    port = await broker.start()
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("a", qos=1)
        await client.publish("a", b"hello", qos=1)
        assert (await anext(client.messages)).payload == b"hello"
    late = aiomqtt.Client("127.0.0.1", port)
    await late.__aenter__()
    await broker.stop()
    try:
        await anext(late.messages)
    except aiomqtt.MqttError:
        pass

if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_it_gives_no_warning_on_either_loop(loop):
    command = [sys.executable, "-W", "error", "-c", _STORY, loop]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
