"""Which schema a data folder has, and how an older one becomes today's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orchestrator.domain.errors import StoreUnreadableError
from orchestrator.stores.lock import ServiceLock

SCHEMA_FOLDER: Final = Path(__file__).parent / "schema" / "sqlite"
# "CLCK" in ASCII: tells our database from another program's that has no version either.
APPLICATION_ID: Final = 0x434C_434B


def migration_files() -> dict[int, Path]:
    """The numbered files, by the version that each one leads to."""
    return {int(path.name[:4]): path for path in sorted(SCHEMA_FOLDER.glob("[0-9]*.sql"))}


def migrate(connection: sqlite3.Connection, path: Path, *, service_lock: bool) -> None:
    """Bring the database to today's schema, all of it or nothing.

    Two may come at once: the second waits for the first and finds nothing to do. A schema with
    rows in it changes only under the service lock, so that no running service meets columns it
    does not know: it is taken here when the caller does not hold it.
    """
    files = migration_files()
    newest = max(files)
    if _version(connection, path, newest) == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    lock = None
    try:
        version = _version(connection, path, newest)
        if version not in {0, newest} and not service_lock:
            lock = ServiceLock.take(path.parent)
        for number in range(version + 1, newest + 1):
            for statement in _statements(files[number].read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        if lock is not None:
            lock.release()


def _version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The schema's version; 0 for a database with nothing in it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise StoreUnreadableError(
            f"{path} is a database of another program."
            " Move it away, or choose another folder with --data."
        )
    if version > newest:
        raise StoreUnreadableError(
            f"{path} has schema {version}, and this clickclaim knows schemas up to {newest}."
            " Install the newer clickclaim that wrote it, or choose another folder with --data."
        )
    return int(version)


def _statements(script: str) -> Iterator[str]:
    """The statements of a file, one by one: executescript would commit before it starts."""
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        statement = "\n".join(lines)
        if sqlite3.complete_statement(statement):
            yield statement
            lines = []
