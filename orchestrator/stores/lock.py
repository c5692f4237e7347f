"""One service a data folder: who holds it, since when, and how the second one is told."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from orchestrator.domain.errors import StoreInUseError
from orchestrator.stores.faults import store_error

LOCK_NAME: Final = "clickclaim.lock"


class ServiceLock:
    """The data folder's service lock, held until ``release`` or the end of the process.

    The kernel frees it when the holder dies, however it dies; the file stays and means nothing.
    """

    def __init__(self, file: int) -> None:
        self._file: int | None = file

    @classmethod
    def take(cls, folder: Path) -> ServiceLock:
        """Take it now, or raise StoreInUseError that names the holder."""
        path = folder / LOCK_NAME
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise store_error(error, path) from error
        try:
            # flock, not lockf: it also keeps out a second store of this very process.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = _in_use(folder, file)
            os.close(file)
            raise StoreInUseError(message) from None
        except OSError as error:
            os.close(file)
            raise store_error(error, path) from error
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(file)
            raise store_error(error, path) from error
        return cls(file)

    def release(self) -> None:
        """Let the next service in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _in_use(folder: Path, file: int) -> str:
    """The holder wrote its pid when it took the lock; the file's own time says when that was."""
    pid = os.pread(file, 32, 0).decode("ascii", "replace").strip()
    since = datetime.fromtimestamp(os.fstat(file).st_mtime, UTC)
    holder = f"process {pid}, since {since:%Y-%m-%d %H:%M:%S} UTC" if pid else "a new process"
    stop = f"Stop it (kill {pid})" if pid else "Stop it"
    return (
        f"Data folder {folder} is in use by another clickclaim service: {holder}."
        f" {stop}, or choose another folder with --data."
    )
