"""Frames to a receiver in this very process: nothing lost, nothing late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from firmware_sim.core.device import Frame


class MemoryLink:
    """Hands each frame to the receiver and waits for it, as if the receiver acknowledged."""

    def __init__(self, receive: Callable[[Frame], Awaitable[None]]) -> None:
        self._receive = receive

    async def send(self, frame: Frame) -> None:
        """Return when the receiver has taken the frame."""
        await self._receive(frame)
