"""Frames handed over in the same process: what tests and simulated worlds hear with."""

from __future__ import annotations

import asyncio
from typing import Any

from hardware.click import RawFrame
from hardware.source import SourceAwayError, SourceEndedError, SourceError


class MemorySource:
    """``memory:``: hears what ``hear`` is handed, in order.

    It can be made to fail as a real one does: ``fail`` breaks the link (and ``open`` succeeds
    again), ``refuse`` makes the next ``open`` fail, ``end`` says that nothing more will come.
    """

    def __init__(self, spec: str = "memory:") -> None:
        self._spec = spec
        self._heard: asyncio.Queue[RawFrame | SourceError] = asyncio.Queue()
        self._refusal: SourceError | None = None
        self._wake = asyncio.Event()
        self.is_open = False
        self.opened = 0
        """How often ``open`` succeeded."""
        self.acknowledged: list[RawFrame] = []
        """What was acknowledged, in order."""

    @property
    def spec(self) -> str:
        """The spec string."""
        return self._spec

    def hear(self, frame: RawFrame) -> None:
        """The next frame. What is heard while closed is lost, as on a radio."""
        if self.is_open:
            self._heard.put_nowait(frame)

    def fail(self, problem: str = "the link broke") -> None:
        """What was heard so far is still read; after it the link is gone."""
        self._heard.put_nowait(SourceAwayError(self._spec, problem))

    def end(self) -> None:
        """What was heard so far is still read; after it the source has ended."""
        self._heard.put_nowait(SourceEndedError(self._spec, "nothing more will come"))

    def refuse(self, error: SourceError | None) -> None:
        """What ``open`` raises from now on; None lets it succeed."""
        self._refusal = error

    def wake(self) -> None:
        """Something suggests that ``open`` may work now."""
        self._wake.set()

    async def open(self) -> None:
        """Begin to hear, unless ``refuse`` says otherwise."""
        if self._refusal is not None:
            raise self._refusal
        self.is_open = True
        self.opened += 1

    async def read(self) -> RawFrame:
        """The next frame that was handed over."""
        heard = await self._heard.get()
        if isinstance(heard, SourceError):
            raise heard
        return heard

    async def acknowledge(self, frame: RawFrame) -> None:
        """Note it."""
        self.acknowledged.append(frame)

    async def close(self) -> None:
        """Forget what was heard and not read."""
        self.is_open = False
        while not self._heard.empty():
            self._heard.get_nowait()

    async def wait_for_wake(self) -> None:
        """Return when ``wake`` is called, once for each call."""
        await self._wake.wait()
        self._wake.clear()


def open_memory(spec: str, **_options: Any) -> MemorySource:
    """The source that ``memory:`` names. It needs no clock: its frames are stamped already."""
    return MemorySource(spec)
