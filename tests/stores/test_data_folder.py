"""Data folders that cannot be used, and what is said about each."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.domain.errors import StoreError, StoreInUseError, StoreUnreadableError
from orchestrator.stores.files import DATABASE_NAME
from orchestrator.stores.lock import LOCK_NAME
from orchestrator.stores.migrations import migration_files
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import AddAttempt, AttemptQuery, Committed, PutMeta
from tests.stores import values

REPOSITORY = Path(__file__).parents[2]


async def refused(folder: Path, **how) -> StoreError:
    """The error of opening this folder. It leaves no connection and no lock behind."""
    with pytest.raises(StoreError) as caught:
        await SqliteStore.open(folder, **how)
    return caught.value


async def filled(folder: Path, rows: int = 0) -> Path:
    """The database file of a folder that has been used."""
    store = await SqliteStore.open(folder)
    await store.unit([AddAttempt(values.attempt(f"a{n}")) for n in range(rows)])
    await store.close()
    return folder / DATABASE_NAME


# --- what is made -------------------------------------------------------------------------------


async def test_folder_and_files_are_their_owners_alone(tmp_path: Path):
    folder = tmp_path / "not" / "there" / "yet"
    before = os.umask(0)
    try:
        store = await SqliteStore.open(folder)
        await store.unit([PutMeta("m", "1")])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}, modes
    await store.close()
    # The write-ahead log is gone: one file is the whole database, to be copied or kept.
    assert {path.name for path in folder.iterdir()} == {DATABASE_NAME, LOCK_NAME}


async def test_what_is_committed_is_there_when_the_folder_is_opened_again(folder: Path):
    store = await SqliteStore.open(folder)
    await store.unit([PutMeta("m", "1"), AddAttempt(values.attempt())])
    await store.close()
    store = await SqliteStore.open(folder)
    assert await store.meta("m") == "1"
    assert await store.attempt("a1") == values.attempt()
    await store.close()


async def test_each_commit_waits_for_the_disk(sqlite):
    for pragma, wanted in [("synchronous", 2), ("fullfsync", 1), ("journal_mode", "wal")]:
        ((found,),) = sqlite._database.write.execute(f"PRAGMA {pragma}").fetchall()
        assert found == wanted, pragma


async def test_a_folder_is_not_made_for_those_who_only_look(folder: Path):
    error = await refused(folder, exclusive=False, create=False)
    assert str(folder) in str(error)
    assert "--data" in str(error)
    assert not folder.exists()


# --- who else is there --------------------------------------------------------------------------


async def test_a_second_service_is_told_who_the_first_one_is(folder: Path):
    first = await SqliteStore.open(folder)
    error = await refused(folder)
    assert type(error) is StoreInUseError
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    for part in (str(folder), f"process {os.getpid()}", f"since {today}", "--data"):
        assert part in str(error)
    await first.close()
    again = await SqliteStore.open(folder)
    await again.close()


async def test_a_killed_service_leaves_no_lock_behind(folder: Path):
    script = (
        "import asyncio, os, signal, sys; from pathlib import Path;"
        "from orchestrator.stores.sqlite import SqliteStore;"
        "asyncio.run(SqliteStore.open(Path(sys.argv[1])));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, folder], cwd=REPOSITORY, check=False
    )
    assert done.returncode == -9
    assert (folder / LOCK_NAME).read_text().strip().isdigit()
    store = await SqliteStore.open(folder)
    await store.close()


async def test_a_command_works_beside_the_service(folder: Path):
    service = await SqliteStore.open(folder)
    command = await SqliteStore.open(folder, exclusive=False)
    assert await command.unit([PutMeta("m", "1")]) == Committed()
    await command.close()
    assert await service.meta("m") == "1"
    assert await service.unit([PutMeta("n", "1")]) == Committed()
    await service.close()


# --- what cannot be read ------------------------------------------------------------------------


async def test_a_file_that_is_no_database(folder: Path):
    folder.mkdir()
    (folder / DATABASE_NAME).write_text("deviceId,type\n" * 1000)
    error = await refused(folder)
    assert type(error) is StoreUnreadableError
    assert f"{folder / DATABASE_NAME} is not a database" in str(error)
    assert (folder / DATABASE_NAME).read_text() == "deviceId,type\n" * 1000


async def test_a_database_of_another_program_is_left_alone(folder: Path):
    folder.mkdir()
    connection = sqlite3.connect(folder / DATABASE_NAME)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = (folder / DATABASE_NAME).read_bytes()
    error = await refused(folder)
    assert type(error) is StoreUnreadableError
    assert "another program" in str(error)
    assert (folder / DATABASE_NAME).read_bytes() == before


async def test_a_newer_schema_names_both_versions(folder: Path):
    path = await filled(folder)
    newest = max(migration_files())
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {newest + 5}")
    connection.close()
    for exclusive in (True, False):
        error = await refused(folder, exclusive=exclusive)
        assert type(error) is StoreUnreadableError
        assert f"schema {newest + 5}" in str(error)
        assert f"up to {newest}" in str(error)


@pytest.mark.parametrize("part", [0.3, 0.9])
async def test_a_file_that_was_cut_short(folder: Path, part: float):
    path = await filled(folder, rows=500)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * part))
    error = await refused(folder)
    assert type(error) is StoreUnreadableError
    assert "damaged" in str(error)
    assert "backup" in str(error)


async def test_a_page_that_was_overwritten_is_found_when_it_is_read(folder: Path):
    path = await filled(folder, rows=500)
    size = path.stat().st_size
    with path.open("r+b") as file:
        # The rows. The pages that tell what tables there are come first in the file.
        file.seek(size // 2)
        file.write(b"\xa5" * (size - size // 2))
    store = await SqliteStore.open(folder)
    with pytest.raises(StoreUnreadableError, match="damaged"):
        await store.attempts(AttemptQuery(limit=500))
    with pytest.raises(StoreUnreadableError, match="damaged"):
        await store.unit([AddAttempt(values.attempt(f"new {n}")) for n in range(500)])
    await store.close()


async def test_a_data_folder_that_is_a_file(tmp_path: Path):
    (tmp_path / "data").write_text("")
    for folder in (tmp_path / "data", tmp_path / "data" / "below"):
        error = await refused(folder)
        assert "not a folder" in str(error)


# --- what cannot be written ---------------------------------------------------------------------

AS_SOMEBODY_WITHOUT_RIGHTS = """
import asyncio, os, sys
from pathlib import Path
import orchestrator.stores.sqlite as stores

async def main():
    folder, exclusive = Path(sys.argv[1]), sys.argv[2] == "service"
    try:
        store = await stores.SqliteStore.open(folder, exclusive=exclusive)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    await store.close()
    return "opened"

async def warm_up():
    # What is loaded late must be loaded before: the interpreter may lie where nobody may look.
    await asyncio.to_thread(Path.cwd().as_uri)

asyncio.run(warm_up())
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(asyncio.run(main()))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def opened_by_somebody(folder: Path, role: str) -> str:
    """What opening says to a user whom file permissions bind, which root is not."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", AS_SOMEBODY_WITHOUT_RIGHTS, folder, role],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


async def a_used_folder(parent: Path) -> Path:
    """A data folder in which everybody may do everything."""
    folder = parent / "data"
    await filled(folder)
    folder.chmod(0o777)
    for path in folder.iterdir():
        path.chmod(0o666)
    return folder


@pytest.mark.parametrize("role", ["service", "command"])
async def test_somebody_with_rights_may_use_it(open_folder: Path, role: str):
    assert await opened_by_somebody(await a_used_folder(open_folder), role) == "opened"


@pytest.mark.parametrize("role", ["service", "command"])
async def test_a_file_that_is_read_only(open_folder: Path, role: str):
    folder = await a_used_folder(open_folder)
    (folder / DATABASE_NAME).chmod(0o444)
    said = await opened_by_somebody(folder, role)
    assert said.startswith(f"StoreError: {folder / DATABASE_NAME} cannot be written.")
    assert "chmod" in said


@pytest.mark.parametrize("role", ["service", "command"])
async def test_a_folder_that_is_read_only(open_folder: Path, role: str):
    folder = await a_used_folder(open_folder)
    folder.chmod(0o555)
    said = await opened_by_somebody(folder, role)
    assert said.startswith(f"StoreError: {folder / DATABASE_NAME} cannot be written.")


@pytest.mark.parametrize("role", ["service", "command"])
async def test_a_folder_that_may_not_be_made(open_folder: Path, role: str):
    open_folder.chmod(0o555)
    said = await opened_by_somebody(open_folder / "data", role)
    assert said.startswith("StoreError: ")
    assert "cannot be written" in said
