"""The asynchronous form of what waits: the plain one in a thread, with errors as plain as there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def _in_asyncio() -> bool:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


async def in_thread(do: Callable[..., T], *arguments: object) -> T:
    """What ``do`` returns; the traceback of what it raises begins in it, not in asyncio."""
    __tracebackhide__ = True
    if not _in_asyncio():
        name = getattr(do, "__name__", str(do))
        raise RuntimeError(
            f"{name.removesuffix('_sync')} is for asyncio, and no loop of asyncio runs here."
            f" Call {name} in a thread: await trio.to_thread.run_sync(...)"
        )
    try:
        return await asyncio.to_thread(do, *arguments)
    except Exception as error:
        code = getattr(do, "__code__", None)
        begins = error.__traceback__
        while begins is not None and begins.tb_frame.f_code is not code:
            begins = begins.tb_next
        error.__traceback__ = begins or error.__traceback__
        raise
