"""An operator who cannot wait: asks again and again, and to finalize before anybody has pressed."""

from __future__ import annotations

import asyncio
from typing import Any

from orchestrator.domain.claims import VAIN_INITIATES
from orchestrator.simulation.network import insist
from orchestrator.simulation.nodes import Station
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import hold
from orchestrator.units import AttemptQuery


class Impatience:
    """Each request has an invocation of its own, so that none is answered from the store."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._dice = scene.dice("impatience")

    async def ask(self, station: Station, device_id: str, claim_id: str) -> None:
        """Initiate until refused, or tired of it. The last claim is left open, to time out."""
        dice, api, asked = self._dice, station.api(), []
        for number in range(dice.choice([2, 5, VAIN_INITIATES + 3])):
            name = f"impatient-{claim_id}-{number}"
            opened = await self._insist(lambda name=name: api.initiate(device_id, invocation=name))
            if opened is None:
                return
            asked.append(opened.attempt_id)
            if len(asked) > VAIN_INITIATES:
                vain = not await self._any_click(station, device_id, asked[0])
                hold(4, not vain, "{} initiated {} times in vain", device_id, len(asked))
            if dice.random() < 0.3:
                epoch = opened.epoch
                await self._insist(
                    lambda name=name, epoch=epoch: api.finalize(
                        device_id, tags=None, if_epoch=epoch, invocation=f"early-{name}"
                    )
                )
            await asyncio.sleep(dice.uniform(0.0, 1.0))

    async def _any_click(self, station: Station, device_id: str, since: str) -> bool:
        """Whether anybody's attempt at this device has had its click since this one was opened."""
        store = station.service.store
        assert store is not None
        query = AttemptQuery(
            namespace=station.caller.namespace, device_id=device_id, limit=1_000_000
        )
        attempts = await store.attempts(query)
        ids = [one.attempt_id for one in attempts]
        recent = attempts[: ids.index(since) + 1]
        return any(mark.what == "click" for one in recent for mark in one.timeline)

    async def _insist(self, call: Any) -> Any:
        return await insist(
            call, lambda error: self._scene.trace.count(f"impatient: {type(error).__name__}")
        )
