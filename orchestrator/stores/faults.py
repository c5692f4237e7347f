"""Which StoreError stands for which trouble with the data folder, and the next step for each."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from orchestrator.domain.errors import StoreError, StoreFullError, StoreUnreadableError

# Broken by the values of one statement (a number beyond 64 bits, text that is not Unicode, a
# missing value): the transaction is whole.
_OF_A_STATEMENT: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)

_NOT_WRITABLE: Final = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# All codes of one kind share the lowest byte (sqlite.org, "Result and Error Codes").
_KIND_MASK: Final = 0xFF


def is_of_the_database(error: Exception) -> bool:
    """Whether all who share the transaction are hit, and not only the unit at work."""
    return isinstance(error, sqlite3.Error) and not isinstance(error, _OF_A_STATEMENT)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process held the database just then."""
    return _kind(error) in _BUSY


def store_error(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """What to tell about an error at this file or folder."""
    if isinstance(error, OSError):
        return _of_system(error, path)
    kind = _kind(error)
    if kind == sqlite3.SQLITE_FULL:
        return _full(path)
    if kind == sqlite3.SQLITE_NOTADB:
        return StoreUnreadableError(
            f"{path} is not a database. Move it away, or choose another folder with --data."
        )
    if kind == sqlite3.SQLITE_CORRUPT:
        return StoreUnreadableError(
            f"{path} is damaged ({error}). Stop the service, keep a copy of the folder,"
            " and bring back the folder's last backup."
        )
    if kind in _NOT_WRITABLE:
        return not_writable(path)
    if kind in _BUSY:
        return StoreError(
            f"Another process keeps {path} locked. Wait until it is done, or stop it;"
            " `fuser` with that file name tells which one it is."
        )
    return StoreError(
        f"{path} could not be used: {error}. Nothing of this change was stored."
        " Check the disk, then try again."
    )


def not_writable(path: Path) -> StoreError:
    """The file or its folder does not let us write."""
    return StoreError(
        f"{path} cannot be written. Give this user write permission to the file and its folder"
        " (chmod u+w), or choose another folder with --data."
    )


def _of_system(error: OSError, path: Path) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _full(path)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return not_writable(path)
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return StoreError(
            f"{path.parent} is not a folder, or lies below a file."
            " Choose another folder with --data."
        )
    return StoreError(
        f"{path} could not be used: {error.strerror}. Choose another folder with --data."
    )


def _full(path: Path) -> StoreFullError:
    return StoreFullError(
        f"The disk has no room left for {path}; nothing of this change was stored."
        " Free some space, then try again."
    )


def _kind(error: sqlite3.Error) -> int | None:
    # Errors that Python's module raises itself carry no code.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _KIND_MASK
