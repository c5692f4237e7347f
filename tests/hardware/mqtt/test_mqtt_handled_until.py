"""How far everything is done: no further than the oldest message that is not acknowledged."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import aiomqtt

from hardware.sources.mqtt_connection import Connection
from hardware.sources.mqtt_spec import MqttSpec


class Heard:
    """A connection to which messages are handed, and what it says of how far it is."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.until_ms: list[int] = []
        self._mid = 0
        self.connection = Connection(
            MqttSpec.parse("mqtt://broker/"),
            client_id="c",
            now_ms=lambda: self.now_ms,
            on_alive=self.until_ms.append,
            on_notice=lambda _: None,
            timeout_s=1.0,
            marker_every_s=2.0,
        )

    def message(self, at_ms: int, topic: str = "a", payload: bytes = b""):
        self.now_ms = at_ms
        self._mid += 1
        self.connection._deliver(aiomqtt.Message(topic, payload, 1, False, self._mid, None))
        return self.connection._arrived[-1] if self.connection._arrived else None

    def marker(self, sent_ms: int, at_ms: int) -> None:
        marker = self.connection._marker
        self.message(at_ms, marker.topic, marker.next(sent_ms).encode())


def test_with_nothing_waiting_it_is_the_time_of_the_marker():
    heard = Heard()
    heard.marker(1_000, 1_005)
    heard.marker(3_000, 3_005)
    assert heard.until_ms == [1_000, 3_000]


def test_a_message_that_waits_for_its_commit_holds_it_back():
    heard = Heard()
    heard.marker(1_000, 1_005)
    waiting = heard.message(1_500)
    later = heard.message(1_700)
    heard.marker(3_000, 3_005)
    heard.connection.acknowledge(later)
    heard.marker(5_000, 5_005)
    assert heard.until_ms == [1_000, 1_500, 1_500]
    heard.connection.acknowledge(waiting)
    heard.marker(7_000, 7_005)
    assert heard.until_ms == [1_000, 1_500, 1_500, 7_000]


def test_a_message_heard_after_the_marker_was_sent_does_not_hold_it_back():
    heard = Heard()
    heard.marker(1_000, 1_005)
    heard.message(3_002)
    heard.marker(3_000, 3_005)
    assert heard.until_ms == [1_000, 3_000]


def test_what_the_broker_held_for_us_may_be_of_any_age_until_it_is_done():
    heard = Heard()
    queued = heard.message(900)
    heard.marker(1_000, 1_005)
    heard.marker(3_000, 3_005)
    assert queued.queued
    assert heard.until_ms == []
    heard.connection.acknowledge(queued)
    heard.marker(5_000, 5_005)
    assert heard.until_ms == [5_000]


async def test_leaving_waits_for_its_own_marker_when_an_earlier_one_is_still_on_its_way():
    heard = Heard()
    marker = heard.connection._marker
    first = marker.next(1_000).encode()
    taken: list[bytes] = []

    class Broker:
        """Sends the earlier marker back before it takes in the last one."""

        _client = SimpleNamespace(socket=lambda: None)

        async def publish(self, topic: str, payload: str, qos: int) -> None:
            taken.append(payload.encode())
            heard.message(3_001, marker.topic, first)

    heard.now_ms = 3_000
    leaving = asyncio.create_task(heard.connection._last_marker(Broker()))
    while not heard.until_ms:
        await asyncio.sleep(0)
    await asyncio.wait({leaving}, timeout=0)
    assert (leaving.done(), heard.until_ms) == (False, [1_000])
    heard.message(3_002, marker.topic, taken[0])
    await leaving
    assert heard.until_ms == [1_000, 3_000]
