"""When a recorded frame is heard again: at its own pace, or at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from hardware.capture import CaptureReader, NotACaptureError
from hardware.click import RawFrame
from hardware.source import SourceEndedError, SourceRefusedError, SourceSpecError

_USAGE = "write replay:FILE, replay:FILE?speed=2 or replay:FILE?speed=max"


class ReplaySource:
    """``replay:FILE?speed=N|max``: the frames of a capture, each marked simulated.

    At a speed, ``read`` waits for each frame's moment and stamps it with the time then. With
    ``max`` it does not wait, and stamps keep their distances from the moment of ``open``: what is
    timed on the host comes out as it was recorded, and the clock is left behind.
    """

    def __init__(
        self,
        spec: str,
        *,
        now_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._spec = spec
        self._path, self._speed = _parse(spec)
        self._now_ms = now_ms
        self._sleep = sleep
        self._frames: Iterator[RawFrame] | None = None
        self._reader: CaptureReader | None = None
        self._next: RawFrame | None = None
        self._first_ms = 0
        self._opened_ms = 0

    @property
    def spec(self) -> str:
        """The spec string."""
        return self._spec

    async def open(self) -> None:
        """Begin with the first frame. Raises SourceRefusedError when the file is none of ours."""
        try:
            # One line of a local file; what follows is read a line at a time as well.
            self._reader = CaptureReader(self._path)
        except NotACaptureError as wrong:
            raise SourceRefusedError(self._spec, str(wrong)) from wrong
        except OSError as wrong:
            why = wrong.strerror or str(wrong)
            raise SourceRefusedError(self._spec, why, "record one: clickclaim record") from wrong
        self._frames = iter(self._reader)
        self._next = next(self._frames, None)
        self._first_ms = self._next.heard_ms if self._next else 0
        self._opened_ms = self._now_ms()

    async def read(self) -> RawFrame:
        """The next frame, at its moment. Raises SourceEndedError after the last."""
        if self._frames is None or self._reader is None:
            raise SourceRefusedError(self._spec, "read before open")
        frame = self._next
        if frame is None:
            raise SourceEndedError(self._spec, self._reader.cut or "every frame was played")
        # A capture may hold frames out of order; time does not run back for them.
        offset_ms = max(0, frame.heard_ms - self._first_ms)
        if self._speed is None:
            await self._sleep(0)  # let others run: a file has no pause of its own
            heard_ms = self._opened_ms + offset_ms
        else:
            due_ms = self._opened_ms + offset_ms / self._speed
            while (wait_ms := due_ms - self._now_ms()) > 0:
                await self._sleep(wait_ms / 1000)
            heard_ms = self._now_ms()
        # Only now: a cancelled wait leaves the frame where it is.
        self._next = next(self._frames, None)
        return replace(frame, source=self._spec, heard_ms=heard_ms, simulated=True, direct=False)

    async def acknowledge(self, frame: RawFrame) -> None:
        """Nobody waits for it."""

    async def close(self) -> None:
        """Forget where it was; ``open`` begins anew."""
        self._frames = self._reader = self._next = None

    async def wait_for_wake(self) -> None:
        """A file does not come back by itself."""
        await asyncio.Event().wait()


def open_replay(
    spec: str,
    *,
    now_ms: Callable[[], int],
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    **_others: Any,
) -> ReplaySource:
    """The source that ``replay:…`` names. Raises SourceSpecError when it cannot be understood."""
    return ReplaySource(spec, now_ms=now_ms, sleep=sleep)


def _parse(spec: str) -> tuple[Path, float | None]:
    """File, and times its own pace (None: as fast as possible)."""
    rest = spec.removeprefix("replay:")
    name, _, query = rest.partition("?")
    if not name:
        raise SourceSpecError(spec, "no file is named", _USAGE)
    try:
        options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        speed = options.pop("speed", "1")
        pace = None if speed == "max" else float(speed)
    except ValueError:
        raise SourceSpecError(spec, f"{query!r} is not understood", _USAGE) from None
    if options:
        raise SourceSpecError(spec, f"nobody knows {', '.join(sorted(options))}", _USAGE)
    if pace is not None and not 0.01 <= pace <= 1000:
        raise SourceSpecError(spec, f"speed {speed} is not within 0.01 to 1000", _USAGE)
    return Path(name), pace
