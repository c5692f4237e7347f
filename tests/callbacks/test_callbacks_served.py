"""A service that serves posts its owners' clicks, to whom it was allowed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from firmware_sim.core.wire import ButtonClick, encode_json, events_topic
from orchestrator.runtime.serving import BrokerChoice, HttpAddress, serving
from orchestrator.settings import for_profile
from tests.brokers import publish


@pytest.fixture
async def receiver():
    """A web server of twelve lines, and what it was sent."""
    received = asyncio.Queue()

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        received.put_nowait((head, json.loads(await reader.readexactly(length))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    received.port = server.sockets[0].getsockname()[1]
    yield received
    server.close()
    await server.wait_closed()


async def test_a_click_of_a_claimed_button_reaches_its_owners_url_at_once(receiver, monkeypatch):
    # Whoever waits for the outbox to be looked at by itself waits for longer than the test.
    monkeypatch.setattr("orchestrator.callbacks.LOOK_EVERY_MS", 3_600_000)
    settings = replace(for_profile("dev"), callback_hosts=("127.0.0.1",))
    async with serving(
        settings,
        None,
        http=HttpAddress.parse("127.0.0.1:0"),
        broker=BrokerChoice.parse("embedded", "dev"),
    ) as running:
        port = int(running.mqtt.rstrip("/").rpartition(":")[2])

        async def press(counter):
            said = ButtonClick("B1", 1, counter, "SINGLE", test_mode=False)
            await publish(port, events_topic("default", "B1"), encode_json(said))

        api = running.service.api()
        opened = await api.initiate("B1", invocation="one")
        await press(1)
        async with asyncio.timeout(30):
            while (await api.attempt(opened.attempt_id)).timeline[-1].what != "click":
                await asyncio.sleep(0.01)
        await api.finalize("B1", tags=None, if_epoch=opened.epoch, invocation="two")
        caller = running.service.access.anonymous()
        await running.service.claims.invoke(
            caller,
            "B1",
            device_type="button",
            method_name="setOnClickCallback",
            parameters=json.dumps({"callback": {"url": f"http://127.0.0.1:{receiver.port}/c"}}),
        )
        await running.service.claims.update_state(caller, "B1", enabled=True)
        await press(2)
        async with asyncio.timeout(30):
            head, body = await receiver.get()
    assert head.startswith("post /c ")
    assert "x-clickclaim-event-id: " in head
    assert body["deviceEvent"]["buttonClicked"]["clickType"] == "SINGLE"
    assert body["deviceInfo"]["deviceId"] == "B1"
