"""How a long simulation says how far it is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from orchestrator.cli.output import note

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_LINE_EVERY_S: Final = 5.0
_BAR_EVERY_S: Final = 0.1


class Progress:
    """Progress on stderr. ``silent``: none at all."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._far = ""
        # What is done within the first seconds needs no line in the log of a CI job.
        self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt | asyncio.CancelledError):
            note(f"cancelled{self._far}: there is no verdict")

    def tell(self, what: str, done: int, of: int) -> None:
        """``done`` of ``of`` are done of this; ``of`` 0 when nobody knows how many."""
        now_s = time.monotonic()
        self._far = f" at {what}, {done} of {of}" if of else f" at {what}, {done}"
        if self._silent:
            return
        if self._bar is None:
            if done != of and now_s - self._said_s >= _LINE_EVERY_S:
                self._said_s = now_s
                note(f"{what}: {done} of {of}" if of else f"{what}: {done}")
            return
        new = what != self._what
        if not (new or done == of or now_s - self._said_s >= _BAR_EVERY_S):
            return
        self._what, self._said_s = what, now_s
        if new or self._task is None:
            self._task = self._bar.add_task(what, total=of or None, completed=done)
        else:
            self._bar.update(self._task, completed=done)
