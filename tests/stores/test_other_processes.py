"""A service and commands on one data folder: each sees what the other has committed."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.domain.errors import StoreError
from orchestrator.stores import cache, files
from orchestrator.stores.files import DATABASE_NAME
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import (
    AddAttempt,
    AddDevice,
    Committed,
    Conflict,
    PutMeta,
    RemoveDevice,
    SwapDevice,
)
from tests.stores import values
from tests.stores.executors import HeldExecutor
from tests.stores.values import device, stored


@pytest.fixture
async def command(sqlite, folder: Path):
    """Another connection, as another process has it."""
    store = await SqliteStore.open(folder, exclusive=False)
    yield store
    await store.close()


@pytest.fixture
def plain(sqlite, folder: Path):
    """A connection that is not ours at all."""
    connection = sqlite3.connect(folder / DATABASE_NAME, isolation_level=None, timeout=0)
    yield connection
    connection.close()


async def test_what_another_commits_is_seen(sqlite, command):
    assert await sqlite.device("default", "D1") is None
    await command.unit([AddDevice(device("D1"))])
    assert await sqlite.device("default", "D1") == stored(device("D1"))


async def test_what_another_changes_is_seen_though_it_was_read_before(sqlite, command):
    await sqlite.unit([AddDevice(device("D1")), AddAttempt(values.attempt("a1"))])
    for clicks in range(1, 20):
        before = await command.device("default", "D1")
        assert await sqlite.device("default", "D1") == before
        writer = (sqlite, command)[clicks % 2]
        await writer.unit([SwapDevice(before, replace(before, clicks=clicks))])
        assert (await sqlite.device("default", "D1")).clicks == clicks
        assert (await command.device("default", "D1")).clicks == clicks
    await command.unit([RemoveDevice(await command.device("default", "D1"))])
    assert await sqlite.device("default", "D1") is None


async def test_what_any_program_changes_is_seen(sqlite, plain):
    await sqlite.unit([AddAttempt(values.attempt("a1"))])
    assert (await sqlite.attempt("a1")).reason == ""
    plain.execute("UPDATE attempts SET reason = 'by hand'")
    await asyncio.sleep(0)
    assert (await sqlite.attempt("a1")).reason == "by hand"


async def test_two_that_swap_the_same_device_never_both_succeed(sqlite, command):
    await sqlite.unit([AddDevice(device("D1"))])
    for _ in range(20):
        before = await sqlite.device("default", "D1")
        swap = SwapDevice(before, replace(before, clicks=before.clicks + 1))
        results = await asyncio.gather(sqlite.unit([swap]), command.unit([swap]))
        assert sorted(map(type, results), key=str) == [Committed, Conflict]
    assert (await command.device("default", "D1")).clicks == 20


async def test_a_change_that_lands_beside_a_commit_of_ours_is_not_missed(folder: Path, plain):
    """Between our commit and its answer another one commits, to the same device and another."""
    executor = HeldExecutor()
    store = await SqliteStore.open(folder, exclusive=False, executor=executor)
    await store.unit([AddDevice(device("D1")), AddDevice(device("D2"))])
    one, two = await store.devices("default")
    assert await store.device("default", "D2") == two
    executor.holding = True
    unit = asyncio.create_task(store.unit([SwapDevice(one, replace(one, clicks=1))]))
    for _ in range(5):
        await asyncio.sleep(0)
    executor.release()
    plain.execute("UPDATE devices SET clicks = clicks + 50, version = version + 1")
    # The answer is on its way; the loop has not had a turn yet.
    assert (await store.device("default", "D1")).clicks == 51
    assert (await store.device("default", "D2")).clicks == 50
    assert await unit == Committed()
    assert (await store.device("default", "D1")).clicks == 51
    assert (await store.device("default", "D2")).clicks == 50
    executor.holding = False
    await store.close()


async def test_a_unit_waits_for_another_writer_and_the_loop_does_not(sqlite, plain):
    plain.execute("BEGIN IMMEDIATE")
    unit = asyncio.create_task(sqlite.unit([PutMeta("m", "1")]))
    done, _ = await asyncio.wait([unit], timeout=0.05)
    assert not done
    assert await sqlite.meta("m") is None
    plain.execute("COMMIT")
    assert await unit == Committed()
    # And the next one asks without waiting again.
    ((wait_ms,),) = sqlite._database.write.execute("PRAGMA busy_timeout").fetchall()
    assert wait_ms == 0


async def test_a_writer_that_never_ends_is_an_error_that_says_so(sqlite, plain, monkeypatch):
    monkeypatch.setattr("orchestrator.stores.groups.BUSY_S", 0.02)
    plain.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Another process keeps"):
        await sqlite.unit([PutMeta("m", "1")])
    plain.execute("ROLLBACK")
    assert await sqlite.unit([PutMeta("m", "1")]) == Committed()
    assert files.BUSY_S == 5


async def test_rows_are_kept_up_to_a_limit_and_all_are_found(sqlite, monkeypatch):
    monkeypatch.setattr(cache, "MAX_ROWS", 10)
    await sqlite.unit([AddDevice(device(f"D{n}")) for n in range(50)])
    for n in range(50):
        assert await sqlite.device("default", f"D{n}") == stored(device(f"D{n}"))
    assert len(sqlite._reads._cache._rows) == 10


async def test_reading_what_was_written_asks_no_database(sqlite):
    await sqlite.unit([AddDevice(device("D1")), AddAttempt(values.attempt("a1"))])
    statements: list[str] = []
    sqlite._database.read.set_trace_callback(statements.append)
    for _ in range(3):
        assert await sqlite.device("default", "D1") == stored(device("D1"))
        assert await sqlite.attempt("a1") == values.attempt("a1")
    # One look in a turn of the loop for what other processes did.
    assert statements == ["PRAGMA data_version"]
