"""A disk that loses power: at a commit, before it, after it, or in the middle of a write."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")

PowerCut = Literal["before", "after", "torn"]

_WAL = "clickclaim.sqlite-wal"


class InlineExecutor(Executor):
    """Does work where it is asked for: no thread, so a run is the same each time."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do it now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
            future.set_exception(error)
        return future


class Disk(InlineExecutor):
    """The executor of one service's store, over a folder of real files.

    ``cut_power`` arms a power cut for the next commit. Then the files are as a real cut leaves
    them: what was synced before is there, what was being written is there whole, in part, or not
    at all. Nobody is answered, then or later; ``on_cut`` is told.
    """

    def __init__(self, folder: Path, seed: random.Random, on_cut: Callable[[], None]) -> None:
        self.folder = folder
        self._random = seed
        self._on_cut = on_cut
        self._armed: PowerCut | None = None
        self._dead = False
        self._wal_bytes: int | None = None
        self._generation = 0

    def cut_power(self, how: PowerCut) -> None:
        """Let the next commit be the last."""
        self._armed = how

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do it now, unless the power is gone or goes at this very moment."""
        if self._dead:
            return Future()
        how, self._armed = self._armed, None
        if how is None:
            return super().submit(fn, *args, **kwargs)
        self._dead = True
        before = self._size()
        if how != "before":
            super().submit(fn, *args, **kwargs)
        self._wal_bytes = self._random.randint(before, self._size()) if how == "torn" else None
        if how == "before":
            self._wal_bytes = before
        self._on_cut()
        return Future()

    def pull_plug(self) -> None:
        """The power goes between two writes."""
        self._dead = True
        self._on_cut()

    def after_cut(self) -> Disk:
        """The disk as the next start finds it: a folder of its own, its last write as it was left.

        The old files stay open in the dead process; closing them would tidy up what a power cut
        does not.
        """
        folder = self.folder.with_name(f"{self.folder.name}+")
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.lock", "*-shm"))
        wal = folder / _WAL
        if self._wal_bytes is not None and wal.exists():
            with wal.open("r+b") as file:
                file.truncate(self._wal_bytes)
        return Disk(folder, self._random, self._on_cut)

    def _size(self) -> int:
        wal = self.folder / _WAL
        return wal.stat().st_size if wal.exists() else 0
