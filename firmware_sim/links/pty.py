"""A simulated button on a pseudo terminal: what a receiver opens as a serial port."""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path
from typing import Self

from firmware_sim.core.device import Frame
from firmware_sim.links.errors import LinkError


class PtyLink:
    """A port that can be plugged in, written to and unplugged, at one path for its whole life.

    ``path`` is where the receiver finds it, a symbolic link that exists while it is plugged in,
    as a device node does. Unplugging closes the sending end: the receiver then sees what it
    would see of a cable that was pulled.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends: tuple[int, int] | None = None

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._ends is not None

    def plug(self) -> None:
        """Make the port appear at ``path``. Plugging in twice does nothing."""
        if self._ends is not None:
            return
        button_end, port_end = os.openpty()
        tty.setraw(port_end)  # no echo and no line editing, before anybody opens it
        os.set_blocking(button_end, False)
        self._ends = (button_end, port_end)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(port_end))

    def write(self, data: bytes) -> bool:
        """Write bytes as they are. False when they were lost: unplugged, or nobody reads.

        A serial line knows no receiver; its bytes fall on the floor when nobody takes them.
        """
        if self._ends is None:
            return False
        try:
            return os.write(self._ends[0], data) == len(data)
        except BlockingIOError:
            return False

    async def send(self, frame: Frame) -> None:
        """Write the sentence of a click. Raises LinkError when it is lost."""
        if not self.plugged:
            raise LinkError(str(self.path), "is unplugged", "plug it in")
        if not self.write(frame.payload):
            raise LinkError(str(self.path), "is full", "open it with a receiver, which reads it")

    def unplug(self) -> None:
        """Pull the cable. Unplugging twice does nothing."""
        if self._ends is None:
            return
        ends, self._ends = self._ends, None
        self.path.unlink(missing_ok=True)
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
