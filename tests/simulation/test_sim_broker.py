"""The broker model does what MQTT 3.1.1 promises, and no more than that."""

from __future__ import annotations

import asyncio
import random

import aiomqtt

from orchestrator.simulation.broker import Broker, Published, Weather
from orchestrator.simulation.loop import SimulatedLoop


class Client:
    """A subscriber that notes what comes, and acknowledges when told."""

    def __init__(self, client_id: str = "c", *, clean: bool = False) -> None:
        self.client_id = client_id
        self.clean = clean
        self.owner = client_id
        self.came: list[aiomqtt.Message] = []
        self.lost: list[str] = []

    def deliver(self, message: aiomqtt.Message) -> None:
        self.came.append(message)

    def lose(self, why: str) -> None:
        self.lost.append(why)

    @property
    def said(self) -> list[str]:
        return [message.payload.decode() for message in self.came]


def live(work, **weather) -> None:
    loop = SimulatedLoop(7)
    broker = Broker(random.Random(7), Weather(**weather))
    loop.run(work(broker))
    loop.close()


async def on_its_way() -> None:
    await asyncio.sleep(10)


def test_what_is_not_acknowledged_comes_again_in_order():
    async def work(broker):
        first = Client()
        broker.connect(first)
        broker.subscribe(first, ["a/+"])
        for number in range(4):
            broker.accept(Published("a/b", str(number).encode(), 1))
        await on_its_way()
        assert first.said == ["0", "1", "2", "3"]
        broker.acknowledge(first, first.came[0].mid)
        broker.acknowledge(first, first.came[2].mid)
        broker.cut_all("cut")
        assert first.lost == ["cut"]
        broker.accept(Published("a/b", b"4", 1))
        again = Client()
        broker.connect(again)
        await on_its_way()
        assert again.said == ["1", "3", "4"]
        assert not broker.idle
        for message in again.came:
            broker.acknowledge(again, message.mid)
        assert broker.idle

    live(work)


def test_messages_of_one_topic_keep_their_order_and_topics_overtake_each_other():
    async def work(broker):
        client = Client()
        broker.connect(client)
        broker.subscribe(client, ["#"])
        for number in range(30):
            broker.accept(Published(f"t/{number % 3}", str(number).encode(), 1))
        await on_its_way()
        numbers = [int(said) for said in client.said]
        for topic in range(3):
            own = [number for number in numbers if number % 3 == topic]
            assert own == sorted(own)
        assert numbers != sorted(numbers)

    live(work, delay_s=(0.001, 2.0))


def test_qos_0_is_not_kept_for_the_absent_nor_sent_again():
    async def work(broker):
        client = Client()
        broker.connect(client)
        broker.subscribe(client, ["a"])
        broker.accept(Published("a", b"heard", 0))
        await on_its_way()
        broker.cut_all("cut")
        broker.accept(Published("a", b"missed", 0))
        again = Client()
        broker.connect(again)
        await on_its_way()
        assert (client.said, again.said) == (["heard"], [])

    live(work)


def test_a_retained_copy_comes_at_subscribing_and_says_so():
    async def work(broker):
        client = Client()
        broker.connect(client)
        broker.subscribe(client, ["a"])
        broker.accept(Published("a", b"kept", 1), retain=True)
        broker.subscribe(client, ["a"])
        await on_its_way()
        assert [(one.payload, one.retain) for one in client.came] == [
            (b"kept", False),
            (b"kept", True),
        ]

    live(work)


def test_a_clean_session_and_a_broker_that_forgets_keep_nothing():
    async def work(broker):
        clean = Client("clean", clean=True)
        kept = Client("kept")
        for client in (clean, kept):
            broker.connect(client)
            broker.subscribe(client, ["a"])
        broker.disconnect(clean)
        broker.cut_all("cut")
        broker.accept(Published("a", b"1", 1))
        clean = Client("clean", clean=True)
        broker.connect(clean)
        await broker.restart(1.0, forget=True)
        kept = Client("kept")
        broker.connect(kept)
        await on_its_way()
        assert (clean.said, kept.said) == ([], [])

    live(work)


def test_a_publisher_sends_until_it_has_its_puback():
    async def work(broker):
        client = Client()
        broker.connect(client)
        broker.subscribe(client, ["a"])
        await broker.publish("a", b"1")
        await on_its_way()
        assert set(client.said) == {"1"}
        assert len(client.said) > 1  # a PUBACK was lost: the same message twice

    live(work, lose=0.7)


def test_the_broker_may_deliver_twice():
    async def work(broker):
        client = Client()
        broker.connect(client)
        broker.subscribe(client, ["a"])
        broker.accept(Published("a", b"1", 1))
        await on_its_way()
        assert client.said == ["1", "1"]
        assert len({message.mid for message in client.came}) == 1

    live(work, duplicate=1.0)


def test_who_is_cut_off_does_not_reach_it_and_others_do():
    async def work(broker):
        away, here = Client("away"), Client("here")
        for client in (away, here):
            broker.connect(client)
            broker.subscribe(client, ["a"])
        cut = asyncio.ensure_future(broker.cut_off("away", 30.0))
        await asyncio.sleep(1)
        broker.accept(Published("a", b"1", 1))
        assert not broker.reachable("away")
        assert broker.reachable("here")
        await on_its_way()
        assert (away.said, here.said) == ([], ["1"])
        await cut
        assert broker.reachable("away")

    live(work)


def test_a_session_taken_over_loses_its_old_client():
    async def work(broker):
        first, second = Client(), Client()
        broker.connect(first)
        broker.connect(second)
        assert first.lost == ["taken over"]

    live(work)
