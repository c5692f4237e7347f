"""How many claims a second this machine commits, and how long one takes: what `bench` prints."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.events import ClickHeard, Evidence
from orchestrator.domain.ids import Caller
from orchestrator.ingest.repeats import rule
from orchestrator.runtime.process import settle_memory
from orchestrator.runtime.service import Service, open_service
from orchestrator.settings import for_profile

_ME = Caller(namespace="default", account="111122223333", access_key="BENCH")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    claims: int
    at_once: int
    claims_per_s: float
    p50_ms: float
    p99_ms: float
    """From initiate to finalized, with so many others under way."""


async def measure_claims(folder: Path, *, claims: int, at_once: int) -> Measured:
    """Claims on a data folder there, each step durable before the next, each answer kept."""
    took_s: list[float] = []
    numbers = iter(range(claims))
    async with open_service(for_profile("dev"), folder) as service:
        settle_memory()

        async def worker() -> None:
            for number in numbers:
                began_s = time.perf_counter()
                await _claim(service, f"BENCH{number:09d}")
                took_s.append(time.perf_counter() - began_s)

        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
        whole_s = time.perf_counter() - began_s
    took_s.sort()
    return Measured(
        claims=claims,
        at_once=at_once,
        claims_per_s=claims / whole_s,
        p50_ms=took_s[claims // 2] * 1000,
        p99_ms=took_s[claims * 99 // 100] * 1000,
    )


async def _claim(service: Service, device_id: str) -> None:
    """Initiate, click, finalize; a step that does not do what it should is an error."""
    opened = await service.claims.initiate(_ME, device_id, invocation=f"i{device_id}")
    heard = ClickHeard(
        namespace=_ME.namespace,
        device_id=device_id,
        click_type="SINGLE",
        received_ms=service.clock.now_ms(),
        evidence=Evidence(heard_by="station", simulated=True),
        source="sim:",
        press_id="1.1",
    )
    event = await service.claims.receive(heard, rule)
    state = await service.claims.finalize(
        _ME, device_id, if_epoch=opened.epoch, invocation=f"f{device_id}"
    )
    if (event.disposition, state) != ("MATCHED", "CLAIMED"):
        raise AssertionError(f"{device_id}: {event.disposition}, then {state}")
