"""Group commit: who shares a transaction, when they are answered, and what a failure takes."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.domain.errors import StoreError, StoreFullError
from orchestrator.stores.files import DATABASE_NAME
from orchestrator.stores.groups import MAX_GROUP
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import (
    AddAttempt,
    AddDevice,
    AddEvent,
    Committed,
    Conflict,
    EventQuery,
    Purge,
    PutMeta,
    RemoveDevice,
    SwapDevice,
)
from tests.stores import values
from tests.stores.executors import HeldExecutor, InlineExecutor
from tests.stores.values import device, stored


@pytest.fixture
def executor() -> HeldExecutor:
    return HeldExecutor()


@pytest.fixture
async def held(folder: Path, executor: HeldExecutor):
    """A store whose commits wait until the executor is told to do them."""
    store = await SqliteStore.open(folder, executor=executor)
    executor.holding = True
    yield store
    executor.holding = False
    executor.release()
    await store.close()


async def turns(count: int = 5) -> None:
    """Let whatever is ready run, and what becomes ready by that."""
    for _ in range(count):
        await asyncio.sleep(0)


def meta_in_file(folder: Path, name: str) -> str | None:
    """What another program finds in the database."""
    with sqlite3.connect(folder / DATABASE_NAME) as connection:
        found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    connection.close()
    return found and found[0]


def trace(store: SqliteStore) -> list[str]:
    """The statements that the writing connection runs from now on."""
    statements: list[str] = []
    store._database.write.set_trace_callback(statements.append)
    return statements


async def test_nobody_is_answered_before_the_commit(held, executor, folder: Path):
    unit = asyncio.create_task(held.unit([PutMeta("m", "1")]))
    conflict = asyncio.create_task(held.unit([SwapDevice(device(), device())]))
    await turns()
    assert executor.held == 1
    assert not unit.done()
    assert not conflict.done()
    assert await held.meta("m") is None
    assert meta_in_file(folder, "m") is None
    executor.release()
    assert await unit == Committed()
    assert isinstance(await conflict, Conflict)
    assert meta_in_file(folder, "m") == "1"


async def test_units_that_wait_share_one_commit(sqlite):
    statements = trace(sqlite)
    results = await asyncio.gather(*(sqlite.unit([PutMeta(f"m{n}", "1")]) for n in range(100)))
    assert results == [Committed()] * 100
    assert statements.count("COMMIT") == 1


async def test_units_that_come_during_a_commit_share_the_next(held, executor):
    statements = trace(held)
    first = asyncio.create_task(held.unit([PutMeta("m", "0")]))
    await turns()
    rest = [asyncio.create_task(held.unit([PutMeta(f"m{n}", "1")])) for n in range(10)]
    await turns()
    assert statements.count("COMMIT") == 0
    executor.release()
    await first
    await turns()
    assert not any(task.done() for task in rest)
    executor.release()
    await asyncio.gather(*rest)
    assert statements.count("COMMIT") == 2


async def test_a_group_has_a_limit_so_that_the_loop_is_not_kept(sqlite):
    statements = trace(sqlite)
    count = 2 * MAX_GROUP + 1
    await asyncio.gather(*(sqlite.unit([PutMeta(f"m{n}", "1")]) for n in range(count)))
    assert statements.count("COMMIT") == 3


async def test_units_of_a_group_pay_for_no_savepoint_until_one_must_be_undone(sqlite):
    await sqlite.unit([AddDevice(device())])
    statements = trace(sqlite)
    stale = SwapDevice(device(), device())
    # A compare that comes first has nothing to undo.
    await asyncio.gather(sqlite.unit([PutMeta("a", "1")]), sqlite.unit([stale]))
    assert not [text for text in statements if text.startswith("SAVEPOINT")]
    late = [PutMeta("b", "1"), stale]
    results = await asyncio.gather(sqlite.unit([PutMeta("c", "1")]), sqlite.unit(late))
    assert results == [Committed(), Conflict(stale)]
    assert statements.count("SAVEPOINT unit") == 2
    assert [await sqlite.meta(name) for name in "abc"] == ["1", None, "1"]


async def test_reads_during_a_commit_see_what_was_committed_before(held, executor):
    executor.holding = False
    await held.unit([AddDevice(device("D1")), AddAttempt(values.attempt("a1"))])
    before = await held.device("default", "D1")
    executor.holding = True
    after = replace(before, clicks=1)
    unit = asyncio.create_task(held.unit([SwapDevice(before, after), AddDevice(device("D2"))]))
    await turns()
    assert await held.device("default", "D1") == before
    assert await held.devices("default") == [before]
    assert await held.device("default", "D2") is None
    executor.release()
    await unit
    assert await held.device("default", "D1") == replace(after, version=2)
    assert await held.device("default", "D2") == stored(device("D2"))


async def test_a_device_that_is_read_while_it_is_removed_is_gone_afterwards(held, executor):
    executor.holding = False
    await held.unit([AddDevice(device())])
    executor.holding = True
    unit = asyncio.create_task(held.unit([RemoveDevice(stored(device()))]))
    await turns()
    assert executor.held == 1
    assert await held.device("default", "D1") == stored(device())
    executor.release()
    assert await unit == Committed()
    assert await held.device("default", "D1") is None


async def test_a_purge_runs_aside_and_alone(held, executor):
    executor.holding = False
    await held.unit([AddEvent(values.event("e1")), AddEvent(values.event("e2"))])
    executor.holding = True
    purge = Purge(events_before_ms=values.NOW_MS + 1, answers_before_ms=0)
    units = [
        asyncio.create_task(held.unit(ops))
        for ops in ([PutMeta("before", "1")], [purge], [PutMeta("after", "1")])
    ]
    await turns()
    executor.release()
    await turns()
    assert [task.done() for task in units] == [True, False, False]
    assert len(await held.events(EventQuery(namespace="default"))) == 2
    executor.release()  # the statements of the purge
    await turns()
    assert not units[1].done()
    executor.release()  # its commit
    await turns()
    assert [task.done() for task in units] == [True, True, False]
    executor.release()
    assert await asyncio.gather(*units) == [Committed()] * 3
    assert await held.events(EventQuery(namespace="default")) == []


async def test_closing_finishes_what_waits(folder: Path):
    store = await SqliteStore.open(folder)
    units = [asyncio.create_task(store.unit([PutMeta(f"m{n}", "1")])) for n in range(1000)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*units) == [Committed()] * 1000
    assert meta_in_file(folder, "m999") == "1"


# --- failures -----------------------------------------------------------------------------------


def limit_pages(store: SqliteStore, pages: int) -> None:
    """No page beyond these, as on a disk that is full: SQLite itself then says SQLITE_FULL."""
    store._database.write.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_full_disk_fails_the_whole_group_and_keeps_nothing_of_it(sqlite, folder: Path):
    await sqlite.unit([PutMeta("before", "1")])
    limit_pages(sqlite, 1)
    results = await asyncio.gather(
        sqlite.unit([PutMeta("small", "1")]),
        sqlite.unit([PutMeta("large", "x" * 100_000)]),
        sqlite.unit([PutMeta("late", "1")]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StoreFullError] * 3
    assert "no room left" in str(results[0])
    assert results[0] is not results[1]
    assert [await sqlite.meta(name) for name in ("before", "small", "large", "late")] == [
        "1",
        None,
        None,
        None,
    ]
    assert meta_in_file(folder, "small") is None


async def test_the_store_goes_on_when_there_is_room_again(sqlite):
    before = stored(device())
    await sqlite.unit([AddDevice(device())])
    limit_pages(sqlite, 1)
    with pytest.raises(StoreFullError):
        await sqlite.unit([SwapDevice(before, replace(before, tags={"t": "x" * 100_000}))])
    assert await sqlite.device("default", "D1") == before
    limit_pages(sqlite, 1_000_000)
    assert await sqlite.unit([SwapDevice(before, replace(before, clicks=1))]) == Committed()
    assert (await sqlite.device("default", "D1")).clicks == 1


class FailingExecutor(InlineExecutor):
    """Stands for a disk that fails at the commit itself."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def submit(self, fn, /, *args, **kwargs):
        if self.error is None:
            return super().submit(fn, *args, **kwargs)
        error = self.error

        def fail():
            raise error

        return super().submit(fail)


async def test_an_executor_that_takes_nothing_leaves_nobody_waiting(folder: Path):
    executor = FailingExecutor()
    store = await SqliteStore.open(folder, executor=executor)
    executor.error = RuntimeError("cannot schedule new futures after shutdown")
    units = [store.unit([PutMeta("m", "1")]), store.unit([PutMeta("n", "1")])]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError, RuntimeError]
    executor.error = None
    assert await store.meta("m") is None
    assert await store.unit([PutMeta("m", "2")]) == Committed()
    await store.close()


async def test_a_failed_commit_fails_every_unit_of_its_group(folder: Path):
    executor = FailingExecutor()
    store = await SqliteStore.open(folder, executor=executor)
    await store.unit([AddDevice(device("D1"))])
    before = await store.device("default", "D1")
    executor.error = sqlite3.OperationalError("disk I/O error")
    results = await asyncio.gather(
        store.unit([SwapDevice(before, replace(before, clicks=1))]),
        store.unit([AddDevice(device("D2"))]),
        store.unit([AddDevice(device("D1"))]),
        return_exceptions=True,
    )
    assert all(type(result) is StoreError for result in results), results
    assert "disk I/O error" in str(results[0])
    assert await store.device("default", "D1") == before
    assert await store.device("default", "D2") is None
    executor.error = None
    assert await store.unit([SwapDevice(before, replace(before, clicks=2))]) == Committed()
    assert (await store.device("default", "D1")).clicks == 2
    await store.close()


async def test_a_disk_that_fails_in_the_middle_of_a_write(sqlite, folder: Path):
    await sqlite.unit([AddDevice(device("D1"))])
    log = folder / f"{DATABASE_NAME}-wal"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may grow beyond here: the system cuts the write of the log short.
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 10_000, hard))
    try:
        results = await asyncio.gather(
            sqlite.unit([PutMeta("m", "1")]),
            sqlite.unit([PutMeta("n", "x" * 100_000)]),
            return_exceptions=True,
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [isinstance(result, StoreError) for result in results] == [True, True]
    assert str(folder) in str(results[0])
    assert await sqlite.meta("m") is None
    assert await sqlite.unit([PutMeta("m", "2")]) == Committed()
    assert meta_in_file(folder, "m") == "2"
    assert await sqlite.device("default", "D1") == stored(device("D1"))


async def test_a_number_too_large_for_the_database_fails_its_own_unit_only(sqlite):
    too_large = device("D1", clicks=2**63)
    results = await asyncio.gather(
        sqlite.unit([PutMeta("m", "1")]),
        sqlite.unit([PutMeta("n", "1"), AddDevice(too_large)]),
        sqlite.unit([AddAttempt(values.attempt("\ud800"))]),
        return_exceptions=True,
    )
    assert results[0] == Committed()
    assert isinstance(results[1], OverflowError)
    assert isinstance(results[2], UnicodeEncodeError)
    assert [await sqlite.meta("m"), await sqlite.meta("n")] == ["1", None]
