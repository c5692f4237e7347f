"""A command in a process of its own, on the files of a running service: `devices`, say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from orchestrator.claims.registry import DeviceRegistry
from orchestrator.settings import for_profile
from orchestrator.simulation.disk import Disk, InlineExecutor
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.nodes import ServiceNode
from orchestrator.stores.sqlite import SqliteStore

T = TypeVar("T")

# How often a process looks whether the other one has ended its transaction.
_LOOK_S: Final = 0.01


@asynccontextmanager
async def command_beside(node: ServiceNode) -> AsyncIterator[DeviceRegistry]:
    """The registry over a store of its own; the service is up and on real files.

    For ``ServiceNode.unless_killed``: whoever is killed meanwhile never comes back from here.
    """
    disk = node.disk
    assert isinstance(disk, Disk)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    patient = _Patient(node, disk, loop)
    while patient.must_wait():  # noqa: ASYNC110 - nobody tells another process
        await asyncio.sleep(_LOOK_S)
    # There is always room to look at what is there.
    store = await SqliteStore.open(disk.folder, exclusive=False, create=False, executor=patient)
    patient.may_write = True
    try:
        yield DeviceRegistry(node.watched(store), node.clock, for_profile("dev"))
    finally:
        patient.may_write = False
        await store.close()


class _Patient(InlineExecutor):
    """Waits in virtual time for the service's transaction, where SQLite would really wait."""

    def __init__(self, node: ServiceNode, disk: Disk, loop: SimulatedLoop) -> None:
        self._node = node
        self._disk = disk
        self._loop = loop
        self.may_write = False

    def must_wait(self) -> bool:
        """Whether somebody else is in the middle of a transaction."""
        return self._disk.is_locked or _writes(self._node)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do it when the service is not writing; never, when it was killed while it did."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._try(future, lambda: fn(*args, **kwargs))
        return future

    def _try(self, future: Future[T], work: Callable[[], T]) -> None:
        if self.must_wait():
            self._loop.call_later(_LOOK_S, self._try, future, work)
            return
        try:
            if self.may_write:
                self._disk.check_room()
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is for whoever waits
            future.set_exception(error)


def _writes(node: ServiceNode) -> bool:
    """Whether the service is in the middle of a transaction."""
    store = node.store
    return (
        isinstance(store, SqliteStore)
        and store.database is not None
        and store.database.write.in_transaction
    )
