"""One claim from a command: sources that listen, the flow that drives it, and both end together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from hardware.click import Ignored, RawFrame
from hardware.supervisor import StateChange
from orchestrator.discovery import Heard, claim_any
from orchestrator.domain.attempts import Attempt
from orchestrator.flow import WindowOpened, claim_device
from orchestrator.ports import FrameReceipt
from orchestrator.runtime.ears import Ears, ServiceChange
from orchestrator.runtime.reach import Reached
from orchestrator.runtime.simulated import SimulatedSource
from orchestrator.runtime.sources import open_ear

T = TypeVar("T")

# A port or a broker that is there opens in a moment; one that is not is said before somebody who
# stands at the button gives up.
_READING_WITHIN_S: Final = 8.0


class NothingPressedError(Exception):
    """No button was pressed that could be meant."""


@dataclass(slots=True, kw_only=True)
class Claiming:
    """Claims with sources of this command's own; frames go to the service, which decodes them.

    Raises SourceError when a source cannot be used, also later, and what ``claim_device`` raises.
    """

    reached: Reached
    specs: Sequence[str]
    claim_id: str
    patience_ms: int
    tags: Mapping[str, str]
    on_progress: Callable[[Any], None]
    on_state: Callable[[StateChange], None]
    on_service: Callable[[ServiceChange], None]
    on_notice: Callable[[str], None]

    async def claim(self, device_id: str) -> Attempt:
        """Claim this device."""
        sources = [
            open_ear(
                spec,
                clock=self.reached.clock,
                on_notice=self.on_notice,
                simulate=(self.reached.namespace, device_id),
            )
            for spec in self.specs
        ]
        # What was recorded is played into the window; before it, it would not count.
        played = [one for one in sources if one.spec.startswith("replay:")]
        live = [one for one in sources if one not in played]
        for recording in played:
            await recording.open()  # a file that is none is told before a window opens
            await recording.close()
        ears = self._ears(live, _nobody)
        opened = asyncio.Event()
        fingers = [one for one in sources if isinstance(one, SimulatedSource)]

        def told(progress: Any) -> None:
            self.on_progress(progress)
            if isinstance(progress, WindowOpened):
                opened.set()

        flow = claim_device(
            self.reached.api,
            device_id,
            claim_id=self.claim_id,
            clock=self.reached.clock,
            sources_reading=lambda: ears.wait_reading(_READING_WITHIN_S),
            tags=self.tags,
            patience_ms=self.patience_ms,
            on_progress=told,
        )
        later = [self._press(one, opened) for one in fingers]
        later.append(self._play(self._ears(played, _nobody), opened))
        return await self._beside(ears, flow, *later)

    async def claim_any(self) -> Attempt:
        """Claim the device that is pressed twice. Raises NothingPressedError."""
        sources = [
            open_ear(spec, clock=self.reached.clock, on_notice=self.on_notice)
            for spec in self.specs
        ]
        verdicts: asyncio.Queue[Heard] = asyncio.Queue()

        def received(frame: RawFrame, receipt: FrameReceipt) -> None:
            verdicts.put_nowait(
                Heard(
                    device_id=receipt.device_id,
                    disposition=receipt.disposition,
                    reason=receipt.reason,
                    shared=not frame.direct,
                    carries="" if receipt.disposition else _carries(frame),
                )
            )

        ears = self._ears(sources, received)

        async def search() -> Attempt:
            await ears.wait_reading(_READING_WITHIN_S)
            try:
                async with asyncio.timeout(self.patience_ms / 1000):
                    found = await claim_any(
                        self.reached.api,
                        _each(verdicts),
                        claim_id=self.claim_id,
                        clock=self.reached.clock,
                        tags=self.tags,
                        on_progress=self.on_progress,
                    )
            except TimeoutError:
                found = None
            if found is None:
                seconds = self.patience_ms // 1000
                raise NothingPressedError(
                    f"No registered button was pressed twice within {seconds} s."
                )
            return found

        return await self._beside(ears, search())

    def _ears(
        self, sources: Sequence[Any], on_receipt: Callable[[RawFrame, FrameReceipt], None]
    ) -> Ears:
        return Ears(
            api=self.reached.api,
            sources=sources,
            clock=self.reached.clock,
            on_receipt=on_receipt,
            on_state=self.on_state,
            on_service=self.on_service,
        )

    async def _play(self, ears: Ears, opened: asyncio.Event) -> None:
        await opened.wait()
        await ears.run()

    async def _press(self, finger: SimulatedSource, opened: asyncio.Event) -> None:
        await opened.wait()
        clock = self.reached.clock
        await clock.sleep_until(clock.now_ms() + finger.wanted.after_ms)
        await finger.press()

    async def _beside(self, ears: Ears, flow: Awaitable[T], *others: Awaitable[None]) -> T:
        """Run the flow while the ears listen; a source that fails for good ends the flow."""
        driving = asyncio.ensure_future(flow)
        helping = [asyncio.ensure_future(one) for one in (ears.run(), *others)]
        try:
            while not driving.done():
                waiting = [driving, *(one for one in helping if not one.done())]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                failed = next((e for one in helping if one.done() and (e := one.exception())), None)
                if failed is not None and not driving.done():
                    driving.cancel(f"a source failed: {_first(failed)}")
                    await asyncio.gather(driving, return_exceptions=True)
                    raise _first(failed)
            return await driving
        except asyncio.CancelledError as cancelled:
            driving.cancel(*cancelled.args)
            await asyncio.gather(driving, return_exceptions=True)
            raise
        finally:
            for one in helping:
                one.cancel()
            await asyncio.gather(*helping, return_exceptions=True)


def _nobody(_frame: RawFrame, _receipt: FrameReceipt) -> None:
    """The flow learns from the service what a click was."""


def _carries(frame: RawFrame) -> Literal["", "level", "unread"]:
    """What a frame in which the service read no click may have been, as far as anybody can see."""
    # Loads every family, which a command that only shows its help does not need.
    from hardware.decode import Decoder  # noqa: PLC0415
    from hardware.families.family import Level  # noqa: PLC0415
    from hardware.keys import NoKeys  # noqa: PLC0415

    said = Decoder(NoKeys()).read(frame)
    if any(isinstance(one, Level) for one in said):
        return "level"
    return "" if any(isinstance(one, Ignored) and one.valid for one in said) else "unread"


async def _each(verdicts: asyncio.Queue[Heard]) -> AsyncIterator[Heard]:
    while True:
        yield await verdicts.get()


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
