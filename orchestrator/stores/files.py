"""How a data folder is opened: permissions, lock, connections, and what durable means."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.domain.errors import StoreError
from orchestrator.stores.faults import store_error
from orchestrator.stores.lock import ServiceLock
from orchestrator.stores.migrations import migrate

DATABASE_NAME: Final = "clickclaim.sqlite"
# Another process writes for milliseconds; one that takes longer than this is stuck.
BUSY_S: Final = 5.0
# 16 MiB of pages in the write-ahead log before they are copied into the file: a claim changes
# the same pages three times, and at SQLite's default of 4 MiB a busy service copies each time.
_CHECKPOINT_PAGES: Final = 4000
# Every operation and query has constant text; all of them stay compiled.
_CACHED_STATEMENTS: Final = 256


@dataclass(frozen=True, slots=True)
class Database:
    """An open data folder. ``write`` is for one thread at a time, and so is ``read``."""

    path: Path
    write: sqlite3.Connection
    read: sqlite3.Connection
    lock: ServiceLock | None

    def close(self) -> None:
        """Close both connections, the writing one last: it clears the write-ahead log away."""
        self.read.close()
        self.write.close()
        if self.lock is not None:
            self.lock.release()


def open_database(folder: Path, *, exclusive: bool, create: bool) -> Database:
    """Open the folder's database at today's schema. Errors are StoreErrors."""
    path = folder / DATABASE_NAME
    lock = None
    write = None
    try:
        _make(folder, path, create=create)
        lock = ServiceLock.take(folder) if exclusive else None
        write = _connect_to_write(path)
        _set_up_writing(write)
        migrate(write, path, service_lock=exclusive)
        _use_write_ahead_log(write, path)
        _check_that_it_writes(write)
        read = _connect_to_read(path)
    except BaseException as error:
        if write is not None:
            write.close()
        if lock is not None:
            lock.release()
        if isinstance(error, sqlite3.Error | OSError):
            raise store_error(error, path) from error
        raise
    # From here on the writer asks without waiting, and waits where that blocks nobody.
    set_busy_wait(write, 0)
    return Database(path, write, read, lock)


def set_busy_wait(connection: sqlite3.Connection, seconds: float) -> None:
    """How long a statement waits for another process."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def _make(folder: Path, path: Path, *, create: bool) -> None:
    """The folder, for its owner alone, and an empty file that nobody else can read."""
    if path.exists():
        # Not opened to look at it: closing any handle of a file drops the locks that another
        # connection of this process has on it.
        return
    if not create:
        raise StoreError(
            f"There is no data in {folder}. Name the folder that `clickclaim serve` uses"
            " with --data."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # another process was faster
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _connect_to_write(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=BUSY_S,
        isolation_level=None,  # we say BEGIN and COMMIT ourselves
        check_same_thread=False,  # used in turn by the loop's thread and the writer's
        cached_statements=_CACHED_STATEMENTS,
    )


def _set_up_writing(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    # macOS: without this, fsync leaves the data in the drive's own cache.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16384")


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"{path} cannot have a write-ahead log here (journal mode {mode})."
            " Choose a folder on a local disk with --data."
        )


def _check_that_it_writes(connection: sqlite3.Connection) -> None:
    # SQLite opens a file that it may only read without a word, and refuses at the first change.
    connection.execute("DELETE FROM meta WHERE name = ''")


def _connect_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
