"""The service's end of the modelled broker: production's connection over a client of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Self

import aiomqtt

from hardware.sources.mqtt_connection import Connection
from orchestrator.simulation.broker import Broker, Published
from orchestrator.simulation.gate import Gate


class _Acknowledger:
    """The part of paho's client that a connection reaches for."""

    def __init__(self, client: SimulatedClient) -> None:
        self._client = client

    def ack(self, mid: int, _qos: int) -> None:
        self._client.acknowledge(mid)

    def disconnect(self) -> None:
        self._client.broker.disconnect(self._client)

    def socket(self) -> None:
        """There is none."""


class SimulatedClient:
    """What ``hardware.sources.mqtt_connection`` uses of aiomqtt's client, over the model.

    A killed process neither connects nor publishes nor acknowledges any more.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        clean: bool,
        owner: str,
        gate: Gate,
        deliver: Callable[[aiomqtt.Message], None],
    ) -> None:
        self.broker = broker
        self.client_id = client_id
        self.clean = clean
        self.owner = owner
        self._gate = gate
        self._hand_over = deliver
        self._lost: asyncio.Future[None] | None = None
        self._client = _Acknowledger(self)

    async def __aenter__(self) -> Self:
        await self._travel()
        self._lost = asyncio.get_running_loop().create_future()
        self.broker.connect(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.broker.disconnect(self)
        self.lose("disconnected")

    async def subscribe(self, topics: Sequence[tuple[str, Any]]) -> list[Any]:
        """Subscribe at QoS 1; the granted QoS of each."""
        await self._travel()
        self.broker.subscribe(self, [topic for topic, _ in topics])
        return [_Granted() for _ in topics]

    async def publish(self, topic: str, payload: str, qos: int = 0) -> None:
        """Publish on this connection; an error when the broker is away."""
        await self._travel()
        self.broker.accept(Published(topic, payload.encode(), qos))

    @property
    def messages(self) -> AsyncIterator[aiomqtt.Message]:
        """Ends with MqttError when the connection does; messages are handed over elsewhere."""
        return self._wait_for_loss()

    def deliver(self, message: aiomqtt.Message) -> None:
        """A message arrives, if whoever connected still lives."""
        if self._gate.alive:
            self._hand_over(message)

    def acknowledge(self, mid: int) -> None:
        """PUBACK, if whoever connected still lives."""
        if self._gate.alive:
            self.broker.acknowledge(self, mid)

    def lose(self, why: str) -> None:
        """The connection breaks."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_exception(aiomqtt.MqttError(why))
            self._lost.exception()

    async def _wait_for_loss(self) -> AsyncIterator[aiomqtt.Message]:
        while self._lost is not None:
            await asyncio.shield(self._lost)
            yield aiomqtt.Message("", b"", 0, False, 0, None)

    async def _travel(self) -> None:
        await asyncio.sleep(self.broker.weather.delay_s[1])
        await self._gate.check()
        if not self.broker.reachable(self.owner) or (self._lost is not None and self._lost.done()):
            raise aiomqtt.MqttError("nobody answers")


class _Granted:
    """A granted QoS of 1."""

    value = 1


class SimulatedConnection(Connection):
    """The production connection, with its marker and its order of acknowledging, over the model."""

    def __init__(self, broker: Broker, owner: str, gate: Gate, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._broker = broker
        self._owner = owner
        self._gate = gate

    def _build(self, _context: object) -> Any:
        return SimulatedClient(
            self._broker,
            self._client_id,
            clean=not self._persistent,
            owner=self._owner,
            gate=self._gate,
            deliver=self._deliver,
        )


def simulated_connection(broker: Broker, owner: str, gate: Gate) -> partial[SimulatedConnection]:
    """What ``MqttSource`` is handed in place of its connection."""
    return partial(SimulatedConnection, broker, owner, gate)
