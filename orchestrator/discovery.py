"""How a button whose id nobody knows is claimed: which clicks name it, and when to start over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.discovery import QUIET_MS, Discovery, forget, hear
from orchestrator.domain.errors import TakenError
from orchestrator.flow import Tell, claim_device, tell_nobody
from orchestrator.ports import ClaimApi, Clock

# Dispositions of a click of a registered device that nobody has claimed.
_UNCLAIMED: Final = ("NO_CLAIM", "LATE")
# Of these nothing needs to be said: another message of a press, or somebody else's button.
_OTHERS: Final = ("DUPLICATE", "REPLAYED", "MATCHED", "DELIVERED")
# A repeat comes at most this long after the press (the repeat rule's own bound).
_PRESS_LASTS_MS: Final = 60_000
# A room full of beacons must not push what matters off the screen.
_TOLD_AT_MOST: Final = 20
# The claiming click is known to the service; our own receipt for it is on its way this long.
_HEARD_LATEST_MS: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the service made of one frame that this station heard."""

    device_id: str | None
    disposition: str | None
    reason: str
    shared: bool = False
    """It came by a broker, where the service may have heard it first by itself."""
    carries: Literal["", "level", "unread"] = ""
    """Without a disposition, what there is to tell. ``level``: the frame says only that a contact
    closed or opened, and its click, once timed, is told to nobody here. ``unread``: it may be a
    click, and could not be read. Empty: it is none, and that is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A button was pressed for the first time: press it again to claim it."""

    device_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two unclaimed buttons were pressed: neither is claimed until there is quiet."""

    device_id: str
    other: str | None
    quiet_ms: int = QUIET_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class NotForUs:
    """A click that names no button: unknown, or refused by the policy."""

    heard: Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class NoClick:
    """A button is heard that no click can name: it sends levels, or could not be read."""

    heard: Heard


async def claim_any(
    api: ClaimApi,
    heard: AsyncIterator[Heard],
    *,
    claim_id: str,
    clock: Clock,
    tags: Mapping[str, str] | None = None,
    on_progress: Tell = tell_nobody,
) -> Attempt | None:
    """Claim the button that is clicked twice. Returns the ended attempt of the one that was named.

    None when ``heard`` ended and no button had been named. ``heard`` is every frame's verdict, in
    order, of sources that are READING. An overlap cancels the claim that had begun and waits for
    new clicks. Cancelling gives up the claim in progress.
    """
    return await _Search(api, claim_id, clock, dict(tags or {}), on_progress).run(heard)


@dataclass(slots=True)
class _Search:
    """One run of ``claim_any``."""

    api: ClaimApi
    claim_id: str
    clock: Clock
    tags: dict[str, str]
    tell: Tell
    state: Discovery = field(default_factory=Discovery)
    claiming: asyncio.Task[Attempt] | None = None
    again: asyncio.Event = field(default_factory=asyncio.Event)
    """The second click of the named button has come by our own ears."""
    named: int = 0
    sure: bool = True
    """The named button is nobody's, as the service said; else that is still to be seen."""
    last_ms: dict[str, int] = field(default_factory=dict)
    """When each device was last heard here, whatever it was."""
    told: set[Heard] = field(default_factory=set)
    """What was said of buttons that cannot be named."""

    async def run(self, heard: AsyncIterator[Heard]) -> Attempt | None:
        coming = _next(heard)
        try:
            while True:
                await asyncio.wait({coming, *self._tasks()}, return_when=asyncio.FIRST_COMPLETED)
                if self.claiming is not None and self.claiming.done():
                    if not self._is_somebodys(self.claiming):
                        return self.claiming.result()
                    self.claiming = None
                    continue
                one = coming.result()
                if one is None:
                    return None if self.claiming is None else await self.claiming
                await self._take(one)
                coming = _next(heard)
        except asyncio.CancelledError as cancelled:
            await self._cancel(*cancelled.args)
            raise
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await self._cancel("the station stopped listening")

    def _tasks(self) -> tuple[asyncio.Task[Attempt], ...]:
        return () if self.claiming is None else (self.claiming,)

    def _is_somebodys(self, claiming: asyncio.Task[Attempt]) -> bool:
        """Whether the named button was no candidate at all; then it is none any more."""
        found = not self.sure and isinstance(claiming.exception(), TakenError)
        if found and self.state.candidate is not None:
            self.state = forget(self.state, self.state.candidate)
        return found

    async def _take(self, heard: Heard) -> None:
        """One verdict: does it name a button, press it again, or stand in another's way?"""
        device_id, now_ms = heard.device_id, self.clock.now_ms()
        if device_id is None or heard.disposition is None:
            self._tell_once(heard)
            return
        before_ms = self.last_ms.get(device_id)
        self.last_ms[device_id] = now_ms
        # The service heard this press before, by itself or from us, and its answer got lost: for us
        # it is a repeat from the start.
        first_here = before_ms is None or now_ms - before_ms >= _PRESS_LASTS_MS
        told_late = first_here and heard.disposition == "DUPLICATE"
        if device_id == self.state.candidate and self.claiming is not None:
            if heard.disposition == "MATCHED" or heard.shared:
                self.again.set()
        elif heard.disposition in _UNCLAIMED or told_late:
            await self._clicked(device_id, now_ms, sure=not told_late)
        elif heard.disposition not in _OTHERS:
            self.tell(NotForUs(heard=heard))

    def _tell_once(self, heard: Heard) -> None:
        """No device is named by this frame; whoever waits for one may want to know why."""
        if heard.disposition is None and (heard.device_id is None or not heard.carries):
            return
        if heard in self.told or len(self.told) >= _TOLD_AT_MOST:
            return
        self.told.add(heard)
        self.tell(NoClick(heard=heard) if heard.disposition is None else NotForUs(heard=heard))

    async def _clicked(self, device_id: str, now_ms: int, *, sure: bool) -> None:
        candidate = self.state.candidate
        self.state, found = hear(self.state, device_id, now_ms)
        if found.what == "overlap":
            self.tell(Overlap(device_id=device_id, other=candidate))
            await self._cancel(f"overlap: {device_id} was pressed too")
            return
        self.tell(Named(device_id=device_id))
        self.named += 1
        self.sure = sure
        self.again = asyncio.Event()
        self.claiming = asyncio.create_task(
            claim_device(
                self.api,
                device_id,
                claim_id=f"{self.claim_id}-{self.named}",
                clock=self.clock,
                tags=self.tags,
                confirm=self._heard_again,
                on_progress=self.tell,
            ),
            name=f"claim {device_id}",
        )

    async def _heard_again(self) -> None:
        """Finalize waits for this: whatever was pressed before the second click is known then."""
        pause = asyncio.create_task(self._pause(), name="second click")
        again = asyncio.create_task(self.again.wait(), name="second click heard")
        try:
            await asyncio.wait({pause, again}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            again.cancel()

    async def _pause(self) -> None:
        await self.clock.sleep_until(self.clock.now_ms() + _HEARD_LATEST_MS)

    async def _cancel(self, reason: str = "cancelled at the station") -> None:
        claiming, self.claiming = self.claiming, None
        if claiming is None or claiming.done():
            return
        claiming.cancel(reason)
        try:
            await asyncio.wait({claiming})
        except asyncio.CancelledError:
            # We are to stop ourselves meanwhile: not before the claim is given up, and not less.
            await asyncio.wait({claiming})
            raise
        with contextlib.suppress(asyncio.CancelledError):
            claiming.result()
        if self.state.candidate is not None:
            self.state = forget(self.state, self.state.candidate)


def _next(heard: AsyncIterator[Heard]) -> asyncio.Task[Heard | None]:
    async def wait() -> Heard | None:
        return await anext(heard, None)

    return asyncio.create_task(wait(), name="next frame")
