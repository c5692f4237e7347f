"""Rows of devices and attempts as they were last committed, so that a read need not ask SQLite.

A claim reads its device and its attempt five times, and each commit empties SQLite's own page
cache of the reading connection. A row is served from here only while nobody but this process can
have changed it; ``data_version`` tells when another process has.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from typing import Final

from orchestrator.stores.files import Database
from orchestrator.stores.rows import Kept, Key, Row

# Twice the devices and attempts of 2,000 claims at once; about 2 KiB each.
MAX_ROWS: Final = 8192


class RowCache:
    """Committed rows by key. Used on the loop's thread.

    Another process's commits are looked for once a turn of the loop: whatever tells this process
    that such a commit has happened comes as an event, and its task runs in a later turn.
    """

    def __init__(self, database: Database) -> None:
        self._read = database.read
        self._write = database.write
        self._rows: dict[Key, Kept] = {}
        self._seen_by_read = _data_version(self._read)
        self._seen_by_write = _data_version(self._write)
        self._committing = False
        self._looked = False
        self._usable = True

    def get(self, key: Key) -> Kept | None:
        """The committed row, or None when only the database can tell."""
        if not self._looked:
            self._look()
        return self._rows.get(key) if self._usable else None

    def put(self, key: Key, row: Row) -> Kept:
        """Remember a row that was just read."""
        kept = self._rows[key] = Kept(row)
        if len(self._rows) > MAX_ROWS:
            del self._rows[next(iter(self._rows))]
        return kept

    def commit_begins(self, changes: Mapping[Key, Row | None]) -> None:
        """From now on until the commit has ended, only the database tells of these."""
        self._committing = True
        for key in changes:
            self._rows.pop(key, None)

    def commit_failed(self) -> None:
        """Nothing has changed."""
        self._committing = False

    def commit_landed(self, changes: Mapping[Key, Row | None]) -> None:
        """These are the rows now, unless another process was here since."""
        # The reading connection first: what comes between the two looks is found by the next.
        seen_by_read = _data_version(self._read)
        seen_by_write = _data_version(self._write)
        if seen_by_write == self._seen_by_write:
            for key, row in changes.items():
                if row is None:
                    self._rows.pop(key, None)  # it may have been read while it was on its way out
                else:
                    self.put(key, row)
        else:
            self._rows.clear()
        self._seen_by_read = seen_by_read
        self._seen_by_write = seen_by_write
        self._committing = False
        self._usable = True

    def _look(self) -> None:
        """See whether anybody has committed since the last look."""
        self._looked = True
        asyncio.get_running_loop().call_soon(self._turn_over)
        version = _data_version(self._read)
        # A change during our commit may be ours or not: ``commit_landed`` finds out.
        self._usable = version == self._seen_by_read or not self._committing
        if version != self._seen_by_read and not self._committing:
            self._rows.clear()
            self._seen_by_read = version

    def _turn_over(self) -> None:
        self._looked = False


def _data_version(connection: sqlite3.Connection) -> int:
    """A number that changes when another connection, of any process, has committed."""
    ((version,),) = connection.execute("PRAGMA data_version").fetchall()
    return int(version)
