"""One service for all processes of a test session: who starts it, and how everybody finds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from orchestrator.runtime.session_server import ADDRESS, ALIVE, LOG, USERS

# Python and all imports take a second; sixteen workers on two cores take a while longer.
_STARTS_WITHIN_S: Final = 60
_START: Final = "from orchestrator.runtime.session_server import main; main()"


class ServiceNotStartedError(Exception):
    """The service for the tests could not be started."""


class ServiceGoneError(Exception):
    """The service for the tests does not answer any more."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(
            f"The claim service at {url} ended while tests still needed it, perhaps killed for its "
            f"memory. Its log: {folder / LOG}"
        )


@contextmanager
def joined(folder: Path) -> Iterator[str]:
    """The URL of the session's service, started if it does not run, alive while the body runs."""
    folder.mkdir(parents=True, exist_ok=True)
    with _file(folder / USERS) as users:
        with _file(folder / "start.lock") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            # A service that is ending holds this until it has ended.
            fcntl.flock(users, fcntl.LOCK_SH)
            url = (folder / ADDRESS).read_text() if _runs(folder) else _start(folder)
        yield url


def _runs(folder: Path) -> bool:
    with _file(folder / ALIVE) as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _start(folder: Path) -> str:
    try:
        started = subprocess.run(  # noqa: S603 - our own module in our own interpreter
            # -P: modules that lie where pytest was started are the project's, not for us.
            [sys.executable, "-P", "-c", _START, str(folder)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_STARTS_WITHIN_S,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceNotStartedError(
            f"The claim service did not start within {_STARTS_WITHIN_S} s. Its log: {folder / LOG}"
        ) from error
    if started.returncode != 0:
        with contextlib.suppress(OSError):
            started.stderr += (folder / LOG).read_text()
        raise ServiceNotStartedError(f"The claim service did not start:\n{started.stderr}")
    return started.stdout


@contextmanager
def _file(path: Path) -> Iterator[int]:
    """An open file; closing it lets go of its locks."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield number
    finally:
        os.close(number)
