"""A disk that loses power: at a commit, before it, after it, or in the middle of a write."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Literal, TypeVar

from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.stores.files import BUSY_S, DATABASE_NAME, Database
from orchestrator.stores.sqlite import SqliteStore

T = TypeVar("T")

PowerCut = Literal["before", "after", "torn"]

_WAL = "clickclaim.sqlite-wal"
# PRAGMA synchronous: from here on a commit is on the platter when it returns.
_FULL = 2


class InlineExecutor(Executor):
    """Does work where it is asked for: no thread, so a run is the same each time."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do it now; the future is done when this returns."""
        return _done(Future(), fn, *args, **kwargs)


class Disk(InlineExecutor):
    """The executor of one service's store, over a folder of real files.

    ``cut_power`` arms a power cut for the next commit. Then the files are as a real cut leaves
    them: what was synced before is there, what was being written is there whole, in part, or not
    at all. Nobody is answered, then or later; ``on_cut`` is told.

    With ``loop`` and ``takes_s`` a commit takes so much virtual time. It lands at the beginning
    of that time or at its end, as the seed decides: others read and decide meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        seed: random.Random,
        on_cut: Callable[[], None],
        *,
        loop: SimulatedLoop | None = None,
        takes_s: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.folder = folder
        self._random = seed
        self._on_cut = on_cut
        self._loop = loop
        self._takes_s = takes_s
        self.full = False
        """Nothing can be written."""
        self._armed: PowerCut | None = None
        self._dead = False
        self._torn_at: int | None = None
        self._tore = False
        self._zeroed = False
        self._locked_by: sqlite3.Connection | None = None
        self._waiting: list[Callable[[], None]] = []
        self._connection: sqlite3.Connection | None = None
        self._bytes_at_open = 0

    async def open(self) -> SqliteStore:
        """Production's store, on the files as they are."""
        return await SqliteStore.open(self.folder, executor=self)

    def cut_power(self, how: PowerCut) -> None:
        """Let the next commit be the last."""
        self._armed = how

    def heal(self) -> None:
        """No cut any more, room for all, and nobody else is writing."""
        self._armed = None
        self.full = False
        self.unlock()

    def check_room(self) -> None:
        """What SQLite raises, when the disk is full."""
        if self.full:
            raise _no_room()

    @property
    def is_locked(self) -> bool:
        """Whether another process is writing."""
        return self._locked_by is not None

    def lock(self) -> bool:
        """Let another process begin to write and take its time; False while this one writes."""
        other = sqlite3.connect(self.folder / DATABASE_NAME, timeout=0, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            other.close()
            return False
        self._locked_by = other
        return True

    def unlock(self) -> None:
        """The other process is done; who waited goes on."""
        other, self._locked_by = self._locked_by, None
        if other is not None:
            other.close()
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()

    @property
    def tore(self) -> bool:
        """Whether the cut left part of a write behind."""
        return self._tore

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do it, unless the power is gone or goes at this very moment."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # whoever no longer waits for it does not stop it
        if self._dead:
            return future
        if self._armed is not None:
            self._cut_at(self._armed, lambda: _done(Future(), fn, *args, **kwargs))
            return future
        if self._connection is not None:
            try:
                self.check_room()
            except sqlite3.Error as error:
                future.set_exception(error)
                return future
            if self._locked_by is not None and not self._connection.in_transaction:
                self._wait_for_lock(future, lambda: fn(*args, **kwargs))
                return future
        wait_s = self._random.uniform(*self._takes_s) if self._takes_s[1] else 0.0
        if self._loop is None or not wait_s or self._connection is None:
            _done(future, fn, *args, **kwargs)
            self._note_open(future)
        elif self._random.random() < 0.5:
            self._loop.call_later(
                wait_s, self._answer, future, _done(Future(), fn, *args, **kwargs)
            )
        else:
            self._loop.call_later(wait_s, self._do_late, future, fn, args, kwargs)
        return future

    def pull_plug(self) -> None:
        """The power goes between two writes, or while one is under way."""
        self._dead = True
        self._lose_unsynced(self._size())
        self._on_cut()

    def after_cut(self) -> Disk:
        """The disk as the next start finds it: a folder of its own, its last write as it was left.

        The old files stay open in the dead process; closing them would tidy up what a power cut
        does not.
        """
        folder = self.folder.with_name(f"{self.folder.name}+")
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.lock", "*-shm"))
        wal = folder / _WAL
        if self._torn_at is not None and wal.exists():
            size = wal.stat().st_size
            with wal.open("r+b") as file:
                file.truncate(min(self._torn_at, size))
                if self._zeroed:
                    file.truncate(size)  # grows again, with zeros: sectors that were never written
        return Disk(folder, self._random, self._on_cut, loop=self._loop, takes_s=self._takes_s)

    def _wait_for_lock(self, future: Future[T], work: Callable[[], T]) -> None:
        """As SQLite waits for another process, in virtual time."""
        assert self._loop is not None

        def go_on() -> None:
            if not future.done() and not self._dead:
                _done(future, work)

        def give_up() -> None:
            if not future.done() and not self._dead:
                future.set_exception(_locked())

        self._waiting.append(go_on)
        self._loop.call_later(BUSY_S, give_up)

    def _cut_at(self, how: PowerCut, work: Callable[[], object]) -> None:
        self._dead = True
        before = after = self._size()
        if how != "before":
            work()
            after = self._size()
        if how == "torn":
            self._torn_at = self._random.randint(before, after)
            self._tore = before < self._torn_at < after
            self._zeroed = self._random.random() < 0.5
        else:
            self._torn_at = after
        self._lose_unsynced(self._torn_at)
        self._on_cut()

    def _lose_unsynced(self, size: int) -> None:
        """What no commit has synced may be gone as well."""
        if self._connection is None:
            return
        (level,) = self._connection.execute("PRAGMA synchronous").fetchone()
        if level < _FULL and size > self._bytes_at_open:
            self._torn_at = self._random.randint(self._bytes_at_open, size)

    def _note_open(self, future: Future[Any]) -> None:
        if future.exception() is None and isinstance(database := future.result(), Database):
            self._connection = database.write
            self._bytes_at_open = self._size()

    def _answer(self, future: Future[T], done: Future[T]) -> None:
        """The work was done a while ago; now it is told."""
        if self._dead:
            return
        error = done.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    def _do_late(
        self,
        future: Future[T],
        fn: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        if not self._dead:
            _done(future, fn, *args, **kwargs)

    def _size(self) -> int:
        wal = self.folder / _WAL
        return wal.stat().st_size if wal.exists() else 0


def _no_room() -> sqlite3.Error:
    """What SQLite raises when the file cannot grow."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def _locked() -> sqlite3.Error:
    """What SQLite raises when another process has written for too long."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def _done(future: Future[T], fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
    try:
        future.set_result(fn(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
        future.set_exception(error)
    return future
