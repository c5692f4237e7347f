"""How a process of ours runs: on which event loop, and how it looks after its memory."""

from __future__ import annotations

import asyncio
import gc
from typing import Final

# Two thousand claims at once are some 100,000 objects that live for milliseconds and are freed
# by reference counts alone; at Python's default of 700 the collector walks them hundreds of
# times a second and takes a third of a busy service's time to find nothing. At 50,000 it took 6%,
# at twice what is alive 3%; garbage that is not found so long is some 30 MB.
_YOUNG: Final = 200_000
_MIDDLE: Final = 20
_OLD: Final = 50


def fast_loop() -> asyncio.AbstractEventLoop:
    """A new event loop, the fastest there is here."""
    try:
        import uvloop  # noqa: PLC0415 - where it exists
    except ImportError:  # Windows, PyPy: asyncio's own loop serves as well
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def collect_seldom() -> None:
    """From now on garbage is looked for seldom; cycles are still found, later."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def settle_memory() -> None:
    """Call once when everything is loaded: modules are no garbage."""
    gc.collect()
    gc.freeze()
    collect_seldom()
