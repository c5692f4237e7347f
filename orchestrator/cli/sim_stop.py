"""How Ctrl-C ends a simulation that computes all the time: at its next step, and for certain."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Says whether Ctrl-C was pressed or SIGTERM came; KeyboardInterrupt follows at the end.

    Left to itself Python raises that wherever it just is: in the clearing of a weak reference it
    says "Exception ignored" and goes on, in a task of a world the world ends untidily. A second
    Ctrl-C does what it always does.
    """
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        put_back()

    def put_back() -> None:
        for number, before in others.items():
            signal.signal(number, before)

    others: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        others[number] = signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        put_back()
    if asked:
        raise KeyboardInterrupt
