"""Sources that are only looked at: frames decoded here, shown, and never sent to a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from hardware.click import Click, Ignored, RawFrame
from hardware.decode import Decoder
from hardware.keys import KeyBook
from hardware.repeats import Press, State, judge
from hardware.source import Source
from hardware.supervisor import StateChange, Supervisor
from orchestrator.ports import Clock


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading of one frame, and whether its press is new."""

    said: Click | Ignored
    verdict: str
    """NEW, REPEAT or REPLAYED."""


@dataclass(slots=True)
class Looker:
    """Listens on sources and decodes what they hear, with the keys that it is given."""

    sources: Sequence[Source]
    clock: Clock
    keys: KeyBook
    on_state: Callable[[StateChange], None]
    _states: dict[tuple[str, str], State] = field(default_factory=dict)
    _heard: asyncio.Queue[RawFrame | None] = field(default_factory=asyncio.Queue)

    async def readings(self) -> AsyncIterator[Seen]:
        """Everything that is heard, until every source has ended. Raises SourceRefusedError."""
        decoder = Decoder(self.keys)
        listening = asyncio.create_task(self._listen(), name="listen")
        try:
            while True:
                frame = await self._next(decoder)
                if frame is None and listening.done():
                    listening.result()
                    return
                said = (
                    list(decoder.advance(self.clock.now_ms()))
                    if frame is None
                    else decoder.decode(frame)
                )
                for one in said:
                    yield self._judged(one)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for source in self.sources:
                    group.create_task(self._hear(source), name=f"source {source.spec}")
        finally:
            self._heard.put_nowait(None)

    async def _hear(self, source: Source) -> None:
        supervisor = Supervisor(source, clock=self.clock, on_state=self.on_state)
        async for frame in supervisor.frames():
            self._heard.put_nowait(frame)
            await supervisor.acknowledge(frame)

    async def _next(self, decoder: Decoder) -> RawFrame | None:
        """The next frame; None when time alone may have completed a click, or at the end."""
        idle_ms = decoder.idle_for_ms(self.clock.now_ms())
        try:
            async with asyncio.timeout(None if idle_ms is None else idle_ms / 1000):
                return await self._heard.get()
        except TimeoutError:
            return None

    def _judged(self, said: Click | Ignored) -> Seen:
        key = (said.family or "", said.address or "")
        judged = judge(self._states.get(key, State()), Press.of(said), said.frame.heard_ms)
        self._states[key] = judged.state
        return Seen(said, judged.verdict)
