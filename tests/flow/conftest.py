"""A real claim service over a memory store, on virtual time, and a press to give its buttons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from orchestrator.claims.facts import FactHub
from orchestrator.claims.local import LocalClaims
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import VirtualClock
from orchestrator.domain.events import ClickHeard, DeviceEvent, Evidence, Judgement
from orchestrator.domain.ids import Caller
from orchestrator.settings import Settings, for_profile
from orchestrator.stores.memory import MemoryStore

ALICE = Caller(namespace="default", account="111111111111", access_key="alice")
BOB = Caller(namespace="default", account="222222222222", access_key="bob")


def every_press_is_new(state, click: ClickHeard) -> Judgement:
    """The repeat rule has its own tests; here a press id that was seen is a repeat."""
    seen = dict(state or {})
    if click.press_id is not None and click.press_id in seen:
        return Judgement(verdict="REPEAT", first_heard_ms=seen[click.press_id], state=seen)
    if click.press_id is not None:
        seen[click.press_id] = click.received_ms
    return Judgement(verdict="NEW", first_heard_ms=click.received_ms, state=seen)


@dataclass
class World:
    clock: VirtualClock
    service: ClaimService
    hub: FactHub
    told: list = field(default_factory=list)
    alice: Caller = ALICE
    bob: Caller = BOB
    presses: int = 0

    def api(self, caller: Caller = ALICE) -> LocalClaims:
        return LocalClaims(self.service, self.hub, caller)

    async def press(
        self, device_id: str, click_type: str = "SINGLE", press_id: str | None = None
    ) -> DeviceEvent:
        self.presses += 1
        heard = ClickHeard(
            namespace="default",
            device_id=device_id,
            click_type=click_type,
            received_ms=self.clock.now_ms(),
            evidence=Evidence(heard_by="station"),
            source="test",
            press_id=press_id or f"press-{self.presses}",
        )
        return await self.service.receive(heard, every_press_is_new)

    async def settle(self) -> None:
        """Let every task run until it waits for something."""
        await self.clock.advance(0)

    async def advance(self, ms: int) -> None:
        """Let what was begun come to its first wait, then let time pass."""
        await self.settle()
        await self.clock.advance(ms)

    def told_of(self, kind: type) -> list:
        return [one for one in self.told if isinstance(one, kind)]


@pytest.fixture
def settings() -> Settings:
    return replace(for_profile("dev"), claim_window_s=120)


@pytest.fixture
async def world(settings) -> AsyncIterator[World]:
    clock = VirtualClock()
    hub = FactHub()
    store = MemoryStore()
    service = ClaimService(store, clock, settings, hub)
    timer = asyncio.create_task(service.run_deadlines(), name="deadlines")
    yield World(clock=clock, service=service, hub=hub)
    timer.cancel()
    await asyncio.gather(timer, return_exceptions=True)
    await store.close()
