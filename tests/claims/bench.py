"""A claim service on a store in memory, with time that is told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from orchestrator.claims.facts import FactHub
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import VirtualClock
from orchestrator.domain.events import ClickHeard, Evidence, Judgement
from orchestrator.domain.ids import Caller
from orchestrator.settings import Settings
from orchestrator.stores.memory import MemoryStore

MINE = Caller("default", "111122223333", "KEYMINE")
THEIRS = Caller("default", "444455556666", "KEYTHEIRS")
ELSEWHERE = Caller("elsewhere", "111122223333", "KEYELSEWHERE")


def by_press_id(state: Mapping[str, Any] | None, click: ClickHeard) -> Judgement:
    """A repeat rule of four lines: the press id that was heard last is a repeat."""
    if state and state["press_id"] == click.press_id:
        return Judgement(verdict="REPEAT", first_heard_ms=state["first_ms"], state=state)
    heard = {"press_id": click.press_id, "first_ms": click.received_ms}
    return Judgement(verdict="NEW", first_heard_ms=click.received_ms, state=heard)


class Bench:
    """A service, its clock, and a finger."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = VirtualClock(1_700_000_000_000)
        self.store = MemoryStore()
        self.hub = FactHub()
        self.settings = settings or Settings()
        self._ids = itertools.count(1)
        self.service = ClaimService(
            self.store,
            self.clock,
            self.settings,
            self.hub,
            new_id=lambda: f"id-{next(self._ids):06d}",
        )
        self.registry = DeviceRegistry(self.store, self.clock, self.settings)
        self._presses = itertools.count(1)

    async def click(self, device_id: str, *, press_id: str | None = None, **said: Any):
        """A click of this device, heard now; a new press unless ``press_id`` says which."""
        return await self.service.receive(
            self.heard(device_id, press_id=press_id, **said), by_press_id
        )

    def heard(self, device_id: str, *, press_id: str | None = None, **said: Any) -> ClickHeard:
        facts: dict[str, Any] = {
            "namespace": "default",
            "device_id": device_id,
            "click_type": "SINGLE",
            "received_ms": self.clock.now_ms(),
            "evidence": Evidence(heard_by="station"),
            "source": "memory:",
            "press_id": press_id or f"p{next(self._presses)}",
        }
        return ClickHeard(**(facts | said))

    async def claim(self, caller: Caller, device_id: str) -> None:
        """Initiate, click, finalize."""
        await self.service.initiate(caller, device_id)
        await self.click(device_id, namespace=caller.namespace)
        await self.service.finalize(caller, device_id)
