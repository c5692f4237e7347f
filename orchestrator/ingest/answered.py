"""Requests of frames that were answered: sent again, they get the same receipts.

In memory alone: nearly all frames of a busy room are no clicks, and a commit for each request would
be the most that a service does. What a restart forgets, the repeat rule tells where a frame says
its own number; a contact that the service times says none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from orchestrator.claims.answers import ANSWERS_KEPT_MS
from orchestrator.domain.ids import Caller
from orchestrator.ports import Clock, FrameReceipt

# Stations send one request at a time, and a busy one sends some hundred in ten minutes.
_MOST_KEPT: Final = 10_000

_Receipts = asyncio.Task[list[FrameReceipt]]


class Answered:
    """The receipts of the last ten minutes' requests, by access key and invocation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[int, _Receipts]] = OrderedDict()

    async def once(
        self,
        caller: Caller,
        invocation: str | None,
        take: Callable[[], Coroutine[Any, Any, list[FrameReceipt]]],
    ) -> list[FrameReceipt]:
        """What ``take`` returns; of a request that is sent again, what it returned, or will.

        ``take`` goes on when whoever asks is cancelled. One that fails may be asked for again.
        """
        if invocation is None:
            return await take()
        self._forget_old()
        key = (caller.access_key, invocation)
        if key not in self._kept:
            taking = asyncio.get_running_loop().create_task(take(), name=f"frames {invocation}")
            taking.add_done_callback(lambda task: self._ended(key, task))
            self._kept[key] = (self._clock.now_ms(), taking)
        _, receipts = self._kept[key]
        return await asyncio.shield(receipts)

    def _ended(self, key: tuple[str, str], task: _Receipts) -> None:
        if task.cancelled() or task.exception() is not None:
            self._kept.pop(key, None)

    def _forget_old(self) -> None:
        old_ms = self._clock.now_ms() - ANSWERS_KEPT_MS
        while self._kept:
            at_ms, _ = next(iter(self._kept.values()))
            if at_ms > old_ms and len(self._kept) < _MOST_KEPT:
                return
            self._kept.popitem(last=False)
