"""What every source of frames must do, and how it fails."""

from __future__ import annotations

from typing import Protocol

from hardware.click import RawFrame


class SourceError(Exception):
    """A source could not be used. The message names it, what is wrong, and the next step.

    SourceError
    ├── SourceSpecError      the spec string itself is wrong: mend it
    ├── SourceRefusedError   trying again will not help: permission, missing package, no such key
    ├── SourceAwayError      not there now, may come back: unplugged, adapter off, broker gone
    └── SourceEndedError     nothing is wrong and nothing more will come: a replay is over
    """

    def __init__(self, spec: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{spec}: {problem}" + (f"; {remedy}" if remedy else ""))
        self.spec = spec
        self.problem = problem
        self.remedy = remedy


class SourceSpecError(SourceError):
    """The spec string cannot be understood."""


class SourceRefusedError(SourceError):
    """The source exists but will not let us in, however often we try."""


class SourceAwayError(SourceError):
    """The source is not there at the moment, or went away while reading."""


class SourceEndedError(SourceError):
    """Everything the source had was read, and it has no more."""


class Source(Protocol):
    """Frames from one place. Used by one task at a time; ``hardware.supervisor`` drives it.

    ``open`` returns when a frame sent from now on would be heard. ``read`` waits for the next
    frame and may be cancelled without losing one. After any SourceError, or when done, ``close``
    is called; it never raises. A closed source may be opened again.
    """

    @property
    def spec(self) -> str:
        """The spec string, without secrets."""

    async def open(self) -> None:
        """Begin to hear. Raises SourceAwayError or SourceRefusedError."""

    async def read(self) -> RawFrame:
        """The next frame.

        Raises SourceAwayError when the link is gone, SourceEndedError when no more will come.
        """

    async def acknowledge(self, frame: RawFrame) -> None:
        """What this frame led to is durable: tell the sender, where the link can (MQTT QoS 1)."""

    async def close(self) -> None:
        """Let go of everything. Never raises."""

    async def wait_for_wake(self) -> None:
        """Return when something suggests that ``open`` may work now (a plug event, say).

        May wait for ever; the supervisor bounds it with its own delay.
        """
