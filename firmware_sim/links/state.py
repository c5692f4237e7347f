"""Where a simulated button keeps its numbers between two runs of a program: files, one user's."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from firmware_sim.core.counter import RECORD_BYTES, Slot
from firmware_sim.core.wire.click import check_device_id
from firmware_sim.links.errors import LinkError

# Somebody else's press holds the file for one write to disk, a few milliseconds.
LOCK_WAIT_S = 10.0
_LOCK_POLL_S = 0.01


class FileSlot(Slot):
    """The two places as two small files. Use ``device_slot``, which locks them."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem

    def read(self, place: int) -> bytes:
        """The record, or nothing when there is no file yet."""
        try:
            with self._path(place).open("rb") as file:
                return file.read(RECORD_BYTES + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _unusable(self._path(place), error) from error

    def write(self, place: int, record: bytes) -> None:
        """Replace the record on disk, not only in the system's memory."""
        try:
            file = os.open(self._path(place), os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(file, record, 0)
                os.ftruncate(file, len(record))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise _unusable(self._path(place), error) from error

    def _path(self, place: int) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{place}")


def state_folder() -> Path:
    """The user's own folder for the numbers of simulated buttons."""
    return Path(platformdirs.user_state_dir("clickclaim")) / "buttons"


@contextmanager
def device_slot(
    device_id: str, folder: Path | None = None, wait_s: float = LOCK_WAIT_S
) -> Iterator[FileSlot]:
    """The slot of one button, for this process alone as long as it is held.

    Hold it for as long as its numbers are taken: two counters on one slot would give one number
    twice. Raises LinkError when the folder cannot be used or another process keeps the button.
    """
    folder = folder or state_folder()
    stem = folder / check_device_id(device_id)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(stem.with_name(f"{stem.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _lock(lock, device_id, folder, wait_s)
        yield FileSlot(stem)
    finally:
        os.close(lock)  # the lock goes with it


def _lock(lock: int, device_id: str, folder: Path, wait_s: float) -> None:
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise LinkError(
                    f"button {device_id} in {folder}",
                    f"is in use by another process for more than {wait_s:g} s",
                    "end that process, or use another device id",
                ) from None
            time.sleep(_LOCK_POLL_S)
        else:
            return


def _unusable(path: Path, error: OSError) -> LinkError:
    return LinkError(
        str(path),
        f"cannot be used ({error.strerror or error})",
        "make it writable, or set XDG_STATE_HOME to a folder that is",
    )
