"""A service's ears in a process of their own, which kills itself at a point that it is told.

Arguments: data folder, broker URL, point, count. At the count-th time that the point is reached
the process sends itself SIGKILL; point ``never`` runs until somebody else does it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from orchestrator.claims.service import ClaimService
from orchestrator.clocks import WallClock
from orchestrator.ingest import Ingest
from orchestrator.settings import Settings
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import AddEvent

POINTS = ("before commit", "after commit", "before acknowledgement", "after acknowledgement")


class Fuse:
    """Burns at the count-th time that the point is reached."""

    def __init__(self, point: str, count: int) -> None:
        self._point = point
        self._left = count

    def reached(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(folder: str, url: str, point: str, count: str) -> None:
    fuse = Fuse(point, int(count))
    store = await SqliteStore.open(Path(folder))
    commit = store.unit

    async def unit(ops):
        click = any(isinstance(op, AddEvent) for op in ops)
        if click:
            fuse.reached("before commit")
        outcome = await commit(ops)
        if click:
            fuse.reached("after commit")
        return outcome

    store.unit = unit
    ingest = Ingest(ClaimService(store, WallClock(), Settings()))
    source = await ingest.open(url)
    acknowledge = source.acknowledge

    async def acknowledged(frame):
        fuse.reached("before acknowledgement")
        await acknowledge(frame)
        fuse.reached("after acknowledgement")

    source.acknowledge = acknowledged
    running = asyncio.create_task(ingest.run([source]))
    await ingest.wait_reading(20)
    # Claims that were open before us are, from here on, known to be older than our marker.
    while '"heardUntilMs":null' in (await store.meta(f"session {source.spec}") or ""):
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await running


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
