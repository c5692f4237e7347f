"""Claims in one process, initiate to finalize, each step durable, 2,000 claims at once.

The store is SQLite on the disk under the working folder, fsync at each commit. A claim is
initiate, a click through the inbox with the production repeat rule, and finalize, each with its
stored answer. The figure is the best of three rounds of 10,000 claims: what the machine can do
when nothing else runs on it; the others are shown, too.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row

from orchestrator.claims.facts import FactHub
from orchestrator.claims.service import ClaimService
from orchestrator.clocks import WallClock
from orchestrator.domain.events import ClickHeard, Evidence
from orchestrator.domain.ids import Caller
from orchestrator.ingest.repeats import rule
from orchestrator.settings import Settings
from orchestrator.stores.sqlite import SqliteStore

CLAIMS = 10_000
AT_ONCE = 2_000
ROUNDS = 3


async def round_of_claims(folder: Path) -> float:
    """Claims per second of one round on a fresh data folder."""
    store = await SqliteStore.open(folder)
    service = ClaimService(store, WallClock(), Settings(), FactHub())
    me = Caller("default", "111122223333", "BENCH")
    numbers = iter(range(CLAIMS))

    async def claim(number: int) -> None:
        device_id = f"G030PM{number:010d}"
        begun = await service.initiate(me, device_id, invocation=f"i{number}")
        heard = ClickHeard(
            namespace="default",
            device_id=device_id,
            click_type="SINGLE",
            received_ms=service.clock.now_ms(),
            evidence=Evidence(heard_by="station"),
            source="memory:",
            press_id="1.1",
        )
        event = await service.receive(heard, rule)
        if event.disposition != "MATCHED":
            raise AssertionError(event)
        state = await service.finalize(me, device_id, if_epoch=begun.epoch, invocation=f"f{number}")
        if state != "CLAIMED":
            raise AssertionError(state)

    async def worker() -> None:
        for number in numbers:
            await claim(number)

    gc.collect()
    start_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    rate = CLAIMS / (time.perf_counter() - start_s)
    claimed = await store.devices("default", state="CLAIMED", limit=CLAIMS + 1)
    if len(claimed) != CLAIMS:
        raise AssertionError(f"{len(claimed)} of {CLAIMS} are CLAIMED")
    await store.close()
    return rate


def rows() -> list[Row]:
    """Best of three, and all three."""
    rates = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            rates.append(asyncio.run(round_of_claims(Path(folder) / "data")))
    shown = ", ".join(f"{rate:,.0f}" for rate in rates)
    return [
        Row(
            "claims in process, durable, 2,000 at once",
            "≥ 2,500 /s; stretch 4,000",
            f"{max(rates):,.0f} /s (rounds: {shown})",
        )
    ]
