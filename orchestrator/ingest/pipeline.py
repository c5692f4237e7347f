"""How frames flow: sources side by side, each button in order, acknowledged after the commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hardware.click import Click, RawFrame
from hardware.decode import Identity
from hardware.families import Options
from hardware.source import Source, SourceRefusedError
from hardware.supervisor import StateChange, Supervisor
from orchestrator.claims.service import ClaimService
from orchestrator.domain.errors import ClickclaimError
from orchestrator.domain.ids import DEFAULT_NAMESPACE, Caller
from orchestrator.faults import FaultTable
from orchestrator.ingest.answered import Answered
from orchestrator.ingest.contacts import Contacts
from orchestrator.ingest.faulty import read_faulty
from orchestrator.ingest.hearing import Ear, Reader
from orchestrator.ingest.lanes import Lanes
from orchestrator.ingest.markers import Markers
from orchestrator.ingest.reports import Listener, Report
from orchestrator.ports import FrameReceipt

# Twice what one group commit of a busy store holds, and far fewer than would hurt memory.
MAX_IN_FLIGHT: Final = 2_000

# A source that once worked and now refuses us: somebody is mending it.
_REFUSED_RETRY_S: Final = 30.0

OnState = Callable[[StateChange], None]
Done = Callable[[list[Report]], Awaitable[None]]


@dataclass(slots=True)
class _Work:
    """A frame, or a click that time completed, and whom to tell when it is done."""

    ear: Ear
    what: RawFrame | Click
    identity: Identity | None
    done: Done


class Ingest:
    """Hears sources for a claim service.

    ``listener`` is told of every frame and what became of it. Frames of one button are handled in
    the order in which they were heard, those of different buttons at the same time, so that many
    share one commit. A source is told that a frame is done when what it led to is durable.
    """

    def __init__(
        self,
        service: ClaimService,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        listener: Listener | None = None,
        options: Options | None = None,
        max_in_flight: int = MAX_IN_FLIGHT,
        faults: FaultTable | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = service.clock
        self._namespace = namespace
        self._listener = listener
        self._sleep = sleep
        self._faults = faults
        self._reader = Reader(service, options=options, sleep=sleep)
        self._markers = Markers(service.store, service.clock)
        self._lanes: Lanes[_Work] = Lanes(self._do, limit=max_in_flight)
        self._contacts = Contacts(service.clock, self._reader.ear, self._put_timed)
        self._answered = Answered(service.clock)
        self._started = asyncio.Event()
        self.supervisors: list[Supervisor] = []
        """One for each source of ``run``, in its order."""

    async def open(self, spec: str, *, session: bool = True, **options: Any) -> Source:
        """The source a spec string names, not yet hearing; hand it to ``run``.

        A broker knows us again by our session, unless ``session`` is False: then it keeps nothing
        for us while we are away. Raises SourceSpecError.
        """
        return await self._markers.open(spec, session=session, **options)

    async def run(
        self, sources: Sequence[Source], *, on_state: OnState | None = None, stay: bool = False
    ) -> None:
        """Hear until every source has ended; without any, or to ``stay``, until cancelled.

        No source ends this by failing: one that is away is opened again and again, and so is one
        that refuses us. ``wait_reading`` tells of those.
        """
        self.supervisors = [
            Supervisor(source, clock=self._clock, sleep=self._sleep, on_state=on_state)
            for source in sources
        ]
        self._started.set()
        try:
            async with asyncio.TaskGroup() as group:
                aside = [
                    group.create_task(self._contacts.run(), name="time contacts"),
                    group.create_task(self._markers.run(list(sources)), name="keep markers"),
                ]
                if sources:
                    async with asyncio.TaskGroup() as hearing:
                        for one in self.supervisors:
                            hearing.create_task(self._hear(one), name=f"hear {one.spec}")
                if sources and not stay:
                    await self._lanes.idle()
                    await self._contacts.idle()
                    await self._lanes.idle()
                    for task in aside:
                        task.cancel()
        finally:
            self._started.clear()
            await self._lanes.stop()
            # Without it, what is queued at a broker counts a little less often; that is all.
            with contextlib.suppress(ClickclaimError):
                for source in sources:
                    await self._markers.keep(source, always=True)

    async def wait_reading(self, timeout_s: float | None = None) -> None:
        """Return when every source hears. Raises the SourceError of the first that does not."""
        await self._started.wait()
        for supervisor in self.supervisors:
            await supervisor.wait_reading(timeout_s)

    async def receive_frames(
        self, caller: Caller, frames: Sequence[RawFrame], invocation: str | None = None
    ) -> list[FrameReceipt]:
        """What became of frames that a station heard, in their order; durable when this returns.

        They are the caller's namespace's, whatever a topic in them says, and count as heard by a
        station when they say so themselves: the station's access key vouches for that. The same
        ``invocation`` within ten minutes gets the same answer.
        """

        async def take() -> list[FrameReceipt]:
            return await asyncio.gather(*[self._receive(caller, frame) for frame in frames])

        return await self._answered.once(caller, invocation, take)

    # -----------------------------------------------------------------------------------------

    async def _receive(self, caller: Caller, frame: RawFrame) -> FrameReceipt:
        result: asyncio.Future[FrameReceipt] = asyncio.get_running_loop().create_future()

        async def answer(reports: list[Report]) -> None:
            if not result.done():
                result.set_result(_most_telling(reports).receipt())

        # Two stations may name their ports alike, and each has a clock of its own.
        heard = replace(frame, source=f"{frame.source} at {caller.access_key}")
        ear = self._contacts.ear(caller.namespace, heard.source, takes_topics=False)
        await self._put(ear, heard, answer)
        return await result

    async def _hear(self, supervisor: Supervisor) -> None:
        while True:
            # A generator that is left must be closed by us: its source closes with it.
            async with contextlib.aclosing(supervisor.frames()) as frames:  # type: ignore[type-var]
                try:
                    async for frame in frames:
                        await self._take_in(supervisor, frame)
                except SourceRefusedError:
                    pass
                else:
                    return
            await self._sleep(_REFUSED_RETRY_S)

    async def _take_in(self, supervisor: Supervisor, frame: RawFrame) -> None:
        async def acknowledge(_reports: list[Report]) -> None:
            await supervisor.acknowledge(frame)

        ear = self._contacts.ear(self._namespace, frame.source, takes_topics=True)
        await self._put(ear, frame, acknowledge)

    async def _put(self, ear: Ear, what: RawFrame | Click, done: Done) -> None:
        frame = what.frame if isinstance(what, Click) else what
        identity = ear.decoder.identify(frame)
        who = frame.address or (identity.address if identity else frame.channel)
        await self._lanes.put((ear.namespace, who), _Work(ear, what, identity, done))

    async def _put_timed(self, ear: Ear, click: Click) -> None:
        await self._put(ear, click, _nobody)

    async def _do(self, work: _Work) -> None:
        if self._faults:
            reports = await read_faulty(
                self._faults, self._reader, work.ear, work.what, work.identity, sleep=self._sleep
            )
        else:
            reports = await self._reader.read(work.ear, work.what, work.identity)
        if isinstance(work.what, RawFrame):
            self._contacts.heard(work.ear, work.what.source)
        if self._listener is not None:
            for report in reports:
                self._listener(report)
        await work.done(reports)


async def _nobody(_reports: list[Report]) -> None:
    """The frame that began this click was acknowledged long ago."""


def _most_telling(reports: list[Report]) -> Report:
    """Of several buttons in one frame, the one whose click counted most."""
    return next((one for one in reports if one.event is not None), reports[0])
