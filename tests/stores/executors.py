"""Two executors for tests: one that works at once, one that works when it is told to."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future


class InlineExecutor(Executor):
    """Works on the caller's thread, as a deterministic simulation does."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        _do(future, fn, args, kwargs)
        return future


class HeldExecutor(Executor):
    """Holds work back until ``release``: the time in which a commit is on its way."""

    def __init__(self) -> None:
        self.holding = False
        self._held: deque = deque()

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self._held.append((future, fn, args, kwargs))
        if not self.holding:
            self.release()
        return future

    @property
    def held(self) -> int:
        return len(self._held)

    def release(self) -> None:
        while self._held:
            _do(*self._held.popleft())


def _do(future, fn, args, kwargs) -> None:
    try:
        future.set_result(fn(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001 - the future is who hears of it
        future.set_exception(error)
