"""A simulated button on a link: it clicks when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware_sim.core.device import ButtonDevice, Frame
from firmware_sim.core.wire import CLICK_TYPES, ButtonClick


class Link(Protocol):
    """Carries frames of one kind to whoever listens."""

    async def send(self, frame: Frame) -> None:
        """Return when the frame is taken; raise LinkError when it is not."""


class SimulatedButton:
    """A device and the link of its frames.

    ``clock`` gives the UTC milliseconds that the button reports; without one it reports none.
    """

    def __init__(
        self, device: ButtonDevice, link: Link, clock: Callable[[], int] | None = None
    ) -> None:
        self.device = device
        self._link = link
        self._clock = clock

    async def click(self, click_type: str = "SINGLE") -> ButtonClick:
        """Click, without finger and contact. Returns what was said once the link has taken it.

        Raises ValueError for an unknown click type, LinkError when the link fails.
        """
        if click_type not in CLICK_TYPES:
            raise ValueError(f"{click_type!r} is no click; use one of {', '.join(CLICK_TYPES)}")
        frames = self.device.say(click_type, self._clock() if self._clock else None)
        for frame in frames:
            await self._link.send(frame)
        return frames[0].click
