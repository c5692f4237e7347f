"""Where data lies when nobody says, and how a command opens it beside a running service."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Every command's help loads this file; the service's rules are for those that run.
    from orchestrator.claims.access import AccessKeys
    from orchestrator.claims.registry import DeviceRegistry
    from orchestrator.ports import Clock, Store

DATA_VARIABLE = "CLICKCLAIM_DATA"


def default_data_folder() -> Path:
    """The folder that ``$CLICKCLAIM_DATA`` names, else this user's own."""
    named = os.environ.get(DATA_VARIABLE)
    if named:
        return Path(named)
    import platformdirs  # noqa: PLC0415 - only who does not name a folder needs it

    return Path(platformdirs.user_data_dir("clickclaim"))


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
    from orchestrator.claims.access import AccessKeys  # noqa: PLC0415 - see above
    from orchestrator.claims.registry import DeviceRegistry  # noqa: PLC0415
    from orchestrator.clocks import WallClock  # noqa: PLC0415
    from orchestrator.settings import Settings  # noqa: PLC0415
    from orchestrator.stores.sqlite import SqliteStore  # noqa: PLC0415

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
