"""A request that something befalls on purpose: late, refused, lost, done twice, or cut off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from orchestrator.api.errors import DoorError
from orchestrator.api.handlers import JSON_HEADERS, Answer
from orchestrator.api.limits import Receive
from orchestrator.faults import Fault

T = TypeVar("T")

# Clients wait a minute for an answer by default; a connection nobody waits on is not kept.
_SILENT_FOR_S: Final = 60.0


class NoAnswerError(Exception):
    """There will be no answer; ``silent`` when the client is left to wait for one."""

    def __init__(self, *, silent: bool) -> None:
        super().__init__("a fault of /v1/faults")
        self.silent = silent


async def do_faulty(
    struck: Sequence[Fault],
    do: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T | Answer:
    """What ``do`` answers, after these faults. Raises NoAnswerError for a drop or a crash."""
    for fault in struck:
        if fault.kind == "latency":
            await sleep(fault.latency_ms / 1000)
        elif fault.kind == "drop":
            raise NoAnswerError(silent=True)
        elif fault.error is not None:
            raise DoorError(fault.error, "This is a fault of /v1/faults: nothing was done.")
        elif fault.status is not None:
            # What stands in front of a service knows nothing of its exceptions.
            return Answer(fault.status, b'{"message":"A fault of /v1/faults."}', JSON_HEADERS)
    for fault in struck:
        if fault.kind == "duplicate":
            with contextlib.suppress(Exception):  # of two requests the second one is answered
                await do()
    if not any(fault.kind == "crash" for fault in struck):
        return await do()
    with contextlib.suppress(Exception):  # nobody hears of a refusal either
        await do()
    raise NoAnswerError(silent=False)


async def hang_up(lost: NoAnswerError, receive: Receive, send: Any, closing: asyncio.Event) -> None:
    """End the connection without an answer; before that, let the client wait when it should."""
    if lost.silent:
        gone = asyncio.create_task(_gone(receive), name="wait for a client to give up")
        closed = asyncio.create_task(closing.wait(), name="wait for the service to close")
        await asyncio.wait(
            (gone, closed), timeout=_SILENT_FOR_S, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (gone, closed):
            task.cancel()
        await asyncio.gather(gone, closed, return_exceptions=True)
    # ASGI has no word for this. uvicorn's ``send`` is a method of the exchange that holds the
    # connection; where there is none, ending without an answer is understood.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None and not transport.is_closing():
        transport.abort()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
