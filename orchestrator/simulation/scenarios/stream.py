"""How a station hears of its claims: one stream of facts, dealt out to the slots by device."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from orchestrator.domain.ids import Caller
from orchestrator.ports import Fact, ServiceAwayError
from orchestrator.simulation.gate import Gate
from orchestrator.simulation.network import FarClaims, Line
from orchestrator.simulation.nodes import ServiceNode
from orchestrator.simulation.witness import WitnessedClaims


class StationStream:
    """One station's stream; it is opened when a slot listens, and again after it broke."""

    def __init__(self, service: ServiceNode, caller: Caller) -> None:
        self.service = service
        self._caller = caller
        self._slots: dict[str, asyncio.Queue[Fact | None]] = {}
        self._pump: asyncio.Task[None] | None = None

    async def facts(self, device_id: str) -> AsyncIterator[Fact]:
        """Facts of this device, until the stream breaks."""
        queue = self._slots[device_id] = asyncio.Queue()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._run())
        try:
            while (fact := await queue.get()) is not None:
                yield fact
        finally:
            if self._slots.get(device_id) is queue:
                del self._slots[device_id]

    async def _run(self) -> None:
        api: WitnessedClaims | None = self.service.local(self._caller)
        try:
            if api is not None:
                async for fact in api.facts():
                    queue = self._slots.get(fact.device_id)
                    if queue is not None:
                        queue.put_nowait(fact)
        except ServiceAwayError:
            pass  # the slots are told below, as when the stream just ends
        finally:
            for queue in self._slots.values():
                queue.put_nowait(None)


class SlotClaims(FarClaims):
    """The claim API as one slot has it: everything over the line, facts from its station."""

    def __init__(
        self,
        stream: StationStream,
        device_id: str,
        caller: Caller,
        gate: Gate,
        line: Line,
        seed: random.Random,
    ) -> None:
        super().__init__(stream.service, caller, gate, line, seed)
        self._stream = stream
        self._device_id = device_id

    async def facts(self) -> AsyncIterator[Fact]:
        """As ``ClaimApi.facts``, of this slot's device alone."""
        await self._travel()
        async for fact in self._stream.facts(self._device_id):
            await self._travel()
            yield fact
        raise ServiceAwayError("the stream ended")
