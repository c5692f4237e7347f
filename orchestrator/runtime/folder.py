"""Where data lies when nobody says, and how a command opens it beside a running service."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.claims.access import AccessKeys
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.clocks import WallClock
from orchestrator.ports import Clock, Store
from orchestrator.settings import Settings

DATA_VARIABLE = "CLICKCLAIM_DATA"


def default_data_folder() -> Path:
    """The folder that ``$CLICKCLAIM_DATA`` names, else this user's own."""
    named = os.environ.get(DATA_VARIABLE)
    if named:
        return Path(named)
    import platformdirs  # noqa: PLC0415 - only who does not name a folder needs it

    return Path(platformdirs.user_data_dir("clickclaim"))


def state_folder() -> Path:
    """Where simulated buttons of this user keep their counters."""
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_state_dir("clickclaim"))


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operator works with on a data folder, whether or not a service runs on it."""

    folder: Path
    store: Store
    clock: Clock
    registry: DeviceRegistry
    access: AccessKeys


@asynccontextmanager
async def open_desk(folder: Path, *, create: bool = False) -> AsyncIterator[Desk]:
    """A data folder for a command that reads or changes a few rows. Raises StoreError."""
    from orchestrator.stores.sqlite import SqliteStore  # noqa: PLC0415 - sqlite3 costs its import

    store = await SqliteStore.open(folder, exclusive=False, create=create)
    clock, settings = WallClock(), Settings()
    try:
        yield Desk(
            folder=folder,
            store=store,
            clock=clock,
            registry=DeviceRegistry(store, clock, settings),
            access=AccessKeys(store, clock, settings),
        )
    finally:
        await store.close()
