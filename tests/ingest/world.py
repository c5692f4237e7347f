"""A claim service with ears, a station and a broker's worth of buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from firmware_sim.core.wire import ButtonClick, encode_json, events_topic, sign
from hardware.click import RawFrame
from hardware.source import Source
from hardware.sources.memory import MemorySource
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.domain.ids import Caller
from orchestrator.ingest import Ingest, Report
from orchestrator.ports import Clock, Store
from orchestrator.settings import Settings
from orchestrator.units import EventQuery

MINE = Caller("default", "111122223333", "KEYMINE")
ELSEWHERE = Caller("elsewhere", "111122223333", "KEYELSEWHERE")
KEY = bytes(range(32))


def payload(
    device_id: str = "B1",
    counter: int = 1,
    *,
    boot_id: int = 7,
    click: str = "SINGLE",
    key: bytes = b"",
    reported_ms: int | None = None,
) -> bytes:
    """What our own button publishes."""
    said = ButtonClick(device_id, boot_id, counter, click, test_mode=False, reported_ms=reported_ms)
    return encode_json(sign(said, key) if key else said)


def topic(device_id: str = "B1", namespace: str = "default") -> str:
    return events_topic(namespace, device_id)


class World:
    """Hears through a source in memory, unless ``run`` is given others."""

    def __init__(self, store: Store, clock: Clock, settings: Settings | None = None, **ingest: Any):
        self.store = store
        self.clock = clock
        self.service = ClaimService(store, clock, settings or Settings())
        self.registry = DeviceRegistry(store, clock, self.service.settings)
        self.source = MemorySource()
        self.reports: list[Report] = []
        self._news = asyncio.Event()
        self.ingest = Ingest(self.service, listener=self._listen, **ingest)
        self._running: asyncio.Task[None] | None = None

    def _listen(self, report: Report) -> None:
        self.reports.append(report)
        self._news.set()

    async def run(self, *sources: Source) -> None:
        """Hear until ``stop``."""
        self._running = asyncio.create_task(self.ingest.run(list(sources) or [self.source]))
        await self.ingest.wait_reading(30)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    def frame(self, device_id: str = "B1", counter: int = 1, **said: Any) -> RawFrame:
        """A frame of our own button over MQTT; members of RawFrame may be given too."""
        members = {
            name: said.pop(name) for name in list(said) if name in RawFrame.__dataclass_fields__
        }
        facts: dict[str, Any] = {
            "transport": "mqtt",
            "source": self.source.spec,
            "heard_ms": self.clock.now_ms(),
            "channel": topic(device_id, said.pop("namespace", "default")),
            "payload": payload(device_id, counter, **said),
        }
        return RawFrame(**(facts | members))

    def hear(self, *frames: RawFrame) -> None:
        for frame in frames:
            self.source.hear(frame)

    async def reported(self, count: int, timeout_s: float = 30) -> list[Report]:
        """The first ``count`` reports, once there are so many."""
        return await self.until(lambda: len(self.reports) >= count and self.reports, timeout_s)

    async def until(self, ask: Callable[[], Any], timeout_s: float = 30) -> Any:
        """Wait for news until ``ask`` answers with something."""
        async with asyncio.timeout(timeout_s):
            while not (answer := ask()):
                self._news.clear()
                await self._news.wait()
            return answer

    async def told(self, *frames: RawFrame) -> list[Report]:
        """Hear these and wait for as many reports."""
        before = len(self.reports)
        self.hear(*frames)
        return (await self.reported(before + len(frames)))[before:]

    async def events(self, device_id: str = "B1", namespace: str = "default") -> list[Any]:
        return await self.store.events(EventQuery(namespace=namespace, device_id=device_id))
