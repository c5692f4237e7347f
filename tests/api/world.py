"""A whole service behind its HTTP app, with a finger to press its buttons and a clock to move."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import httpx

from orchestrator.api.app import ApiApp
from orchestrator.claims.access import AccessKeys
from orchestrator.claims.facts import FactHub
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import VirtualClock
from orchestrator.domain.events import ClickHeard, DeviceEvent, Evidence, Judgement
from orchestrator.domain.ids import Caller
from orchestrator.ports import Clock, FrameReceipt, Store
from orchestrator.settings import for_profile
from orchestrator.stores.memory import MemoryStore

DEVICE = "G030PM0123456789"


def every_press_is_new(state, click: ClickHeard) -> Judgement:
    """The repeat rule has its own tests."""
    return Judgement(verdict="NEW", first_heard_ms=click.received_ms, state=state)


class World:
    """One service. ``anonymous`` is who calls without a signature in profile dev."""

    def __init__(
        self,
        profile: str = "dev",
        *,
        clock: Clock | None = None,
        store: Store | None = None,
        heartbeat_s: float = 15.0,
        **settings: Any,
    ) -> None:
        self.clock = clock or VirtualClock(time.time_ns() // 1_000_000)
        self.store = store or MemoryStore()
        self.settings = replace(for_profile(profile), **settings)
        self.hub = FactHub()
        self.service = ClaimService(self.store, self.clock, self.settings, self.hub)
        self.access = AccessKeys(self.store, self.clock, self.settings)
        self.registry = DeviceRegistry(self.store, self.clock, self.settings)
        self.frames: list[tuple[Caller, Any]] = []
        self.invocations: list[str | None] = []
        self.app = ApiApp(
            self.service,
            self.access,
            self.hub,
            self.settings,
            frames=self.take_frames,
            sources=lambda: [{"spec": "memory:", "state": "READING"}],
            heartbeat_s=heartbeat_s,
        )

    @property
    def anonymous(self) -> Caller:
        return self.access.anonymous()

    def client(self, **options: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://clickclaim", **options)

    async def take_frames(
        self, caller: Caller, frames: list[Any], invocation: str | None
    ) -> list[FrameReceipt]:
        """Stands where ingest will: keeps the frames, and says what each payload was."""
        self.invocations.append(invocation)
        self.frames.extend((caller, frame) for frame in frames)
        return [
            FrameReceipt(disposition=None, device_id=None, reason=frame.payload.decode())
            for frame in frames
        ]

    async def press(
        self, device_id: str = DEVICE, click_type: str = "SINGLE", **said: Any
    ) -> DeviceEvent:
        heard = ClickHeard(
            namespace=said.pop("namespace", "default"),
            device_id=device_id,
            click_type=click_type,
            received_ms=self.clock.now_ms(),
            evidence=Evidence(heard_by="station"),
            source="memory:",
            **said,
        )
        return await self.service.receive(heard, every_press_is_new)

    async def claim(
        self, device_id: str = DEVICE, caller: Caller | None = None, **tags: str
    ) -> None:
        caller = caller or self.anonymous
        await self.service.initiate(caller, device_id)
        await self.press(device_id, namespace=caller.namespace)
        await self.service.finalize(caller, device_id, tags=tags or None)

    def arn(self, device_id: str = DEVICE, caller: Caller | None = None) -> str:
        account = (caller or self.anonymous).account
        return f"arn:aws:iot1click:us-west-2:{account}:devices/{device_id}"
