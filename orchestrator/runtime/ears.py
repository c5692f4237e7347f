"""How a station listens: sources kept open, their frames sent to a claim API, none forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hardware.click import RawFrame
from hardware.source import Source, SourceEndedError
from hardware.supervisor import StateChange, Supervisor
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.ports import ClaimApi, Clock, FrameReceipt, ServiceAwayError

# A busy room of beacons gives some hundred frames a second; so much is kept for a service that
# restarts, in some 10 MB of memory.
FRAMES_KEPT: Final = 20_000
# As many as one request takes.
_BATCH: Final = 256
_RETRY_FIRST_S: Final = 0.25
_RETRY_CAP_S: Final = 5.0

OnReceipt = Callable[[RawFrame, FrameReceipt], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    """The service went away, or is back."""

    away: bool
    reason: str = ""
    waiting: int = 0
    """Frames that wait for it."""
    dropped: int = 0
    """Frames that no longer found room while it was away."""


@dataclass(slots=True)
class _Waiting:
    """A frame, and the source to be told when the service has it."""

    frame: RawFrame
    heard_by: Supervisor


@dataclass(slots=True)
class Ears:
    """Listens on several sources for one claim API. ``run`` does it until it is cancelled.

    A frame is acknowledged to its source when the service has answered for it. While the service
    is away frames wait, at most ``kept``; then the oldest go, and that is said. A source that
    will not let us in ends ``run`` with its SourceRefusedError, unless ``retry_refused``.
    """

    api: ClaimApi
    sources: Sequence[Source]
    clock: Clock
    on_receipt: OnReceipt = lambda _frame, _receipt: None
    on_state: Callable[[StateChange], None] = lambda _change: None
    on_service: Callable[[ServiceChange], None] = lambda _change: None
    retry_refused: bool = False
    kept: int = FRAMES_KEPT
    supervisors: list[Supervisor] = field(init=False)
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _dropped: int = 0
    _ended: bool = False

    def __post_init__(self) -> None:
        self.supervisors = [
            Supervisor(
                source,
                clock=self.clock,
                on_state=self.on_state,
                retry_refused=self.retry_refused,
            )
            for source in self.sources
        ]

    async def run(self) -> None:
        """Listen and forward; returns when every source has ended and all frames are sent."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forward(), name="forward frames")
            async with asyncio.TaskGroup() as listening:
                for one in self.supervisors:
                    listening.create_task(self._listen(one), name=f"source {one.spec}")
            self._ended = True
            self._changed.set()

    async def wait_reading(self, timeout_s: float | None) -> None:
        """Return when every source hears. Raises the SourceError of the first that will not."""
        for supervisor in self.supervisors:
            # A short recording has been heard to its end by now, which is as good.
            with contextlib.suppress(SourceEndedError):
                await supervisor.wait_reading(timeout_s)

    async def _listen(self, supervisor: Supervisor) -> None:
        async for frame in supervisor.frames():
            # Who sends again what is not acknowledged can wait; a radio or a serial line cannot.
            while len(self._waiting) >= self.kept and frame.acknowledge_token is not None:
                self._room.clear()
                await self._room.wait()
            if len(self._waiting) >= self.kept:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(_Waiting(frame, supervisor))
            self._changed.set()

    async def _forward(self) -> None:
        while batch := await self._next_batch():
            await self._sent(batch, await self._insist(batch))

    async def _next_batch(self) -> list[_Waiting]:
        """The next frames to be sent; none when no more will come."""
        while not self._waiting:
            if self._ended:
                return []
            self._changed.clear()
            await self._changed.wait()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH))]
        self._room.set()
        return batch

    async def _insist(self, batch: Sequence[_Waiting]) -> list[FrameReceipt]:
        """Send until the service answers, under one id: what it took, and its answer got lost, it
        takes once."""
        invocation = secrets.token_hex(8)
        away, pause_s = False, _RETRY_FIRST_S
        while True:
            try:
                receipts = await self._send(batch, invocation)
            except ServiceAwayError as error:
                if not away:
                    away = True
                    self.on_service(ServiceChange(away=True, reason=str(error)))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_CAP_S)
                continue
            if away:
                dropped, self._dropped = self._dropped, 0
                waiting = len(batch) + len(self._waiting)
                self.on_service(ServiceChange(away=False, waiting=waiting, dropped=dropped))
            return receipts

    async def _send(self, batch: Sequence[_Waiting], invocation: str) -> list[FrameReceipt]:
        """A receipt for each frame; one that the service cannot take spoils no other."""
        try:
            return await self.api.send_frames([one.frame for one in batch], invocation=invocation)
        except InvalidRequestError as error:
            if len(batch) == 1:
                return [FrameReceipt(disposition=None, device_id=None, reason=str(error))]
            return [
                receipt
                for number, one in enumerate(batch)
                for receipt in await self._send([one], f"{invocation}-{number}")
            ]

    async def _sent(self, batch: Sequence[_Waiting], receipts: Sequence[FrameReceipt]) -> None:
        for one, receipt in zip(batch, receipts, strict=True):
            self.on_receipt(one.frame, receipt)
            await one.heard_by.acknowledge(one.frame)
