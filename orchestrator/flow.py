"""How one claim is driven through a claim API: when to ask, how long to insist, what to undo.

The attempt belongs to the service. A flow holds nothing that it could not read there: killed
anywhere and started again with the same claim id, it finds its attempt and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.claims import STOPPED_WAITING
from orchestrator.domain.devices import CLAIM_INITIATED
from orchestrator.domain.errors import ClickclaimError, RefusedError
from orchestrator.ports import ClaimApi, Clock, Fact, Initiated, ServiceAwayError
from orchestrator.units import AttemptQuery

T = TypeVar("T")

# Until a fact of our own initiate has come, nothing proves that the stream carries our facts, and
# the attempt itself is read at this pace, ever slower.
_POLL_FIRST_MS: Final = 100
_POLL_UNPROVEN_MS: Final = 5_000
# A proven stream says when it breaks; this is for the link that dies without saying so.
_POLL_PROVEN_MS: Final = 30_000

_RETRY_FIRST_MS: Final = 250
_RETRY_CAP_MS: Final = 5_000
# Initiate was sent and no answer came: a service that restarts is back by then.
_INITIATE_PATIENCE_MS: Final = 15_000
# What a service that comes back late may need to end the attempt and answer.
_GRACE_MS: Final = 60_000
# Somebody who pressed Ctrl-C waits for this.
_CLEAN_UP_MS: Final = 5_000

# Patience of the same length as the window is meant to be the window.
_SAME_MOMENT_MS: Final = 1_000

# Clicks of which nothing needs to be said: the one that counts, and further messages of a press.
_NO_NEWS: Final = ("MATCHED", "DUPLICATE")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOpened:
    """The claim is initiated: press the button now."""

    device_id: str
    claim_id: str
    attempt_id: str
    deadline_ms: int
    """UTC ms on the flow's own clock; exclusive."""
    resumed: bool
    """The attempt had begun before this flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickCounted:
    """The click that the claim was waiting for has come."""

    device_id: str
    after_ms: int
    """Since initiate, on the service's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickRefused:
    """A click of the device came and did not count."""

    device_id: str
    click_type: str
    disposition: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLost:
    """The service does not answer; the flow asks again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBack:
    """The service answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedUp:
    """The claim was given up. ``attempt`` is how it stands then; None when nobody answered."""

    attempt: Attempt | None


Progress = WindowOpened | ClickCounted | ClickRefused | ServiceLost | ServiceBack | CleanedUp
Tell = Callable[[Any], None]


def tell_nobody(progress: Any) -> None:
    """For callers who do not want to follow."""


async def claim_device(
    api: ClaimApi,
    device_id: str,
    *,
    claim_id: str,
    clock: Clock,
    sources_reading: Callable[[], Awaitable[None]] | None = None,
    tags: Mapping[str, str] | None = None,
    patience_ms: int | None = None,
    confirm: Callable[[], Awaitable[None]] | None = None,
    on_progress: Tell = tell_nobody,
) -> Attempt:
    """Claim a device: initiate, wait for its click, finalize. Returns the attempt, ended.

    ``claim_id`` makes it one claim however often it is run. ``sources_reading`` returns when a
    press would be heard, and is awaited before the window opens. ``patience_ms`` gives up before
    the service's window does. ``confirm`` is awaited between the click and finalize; cancelling
    there, as anywhere, gives the claim up, with the cancel message as reason.

    Raises:
        RefusedError: the rules say no; nothing of this claim is left open.
        ServiceAwayError: the service could not be reached, or not again. Run it again with the
            same claim id to learn how the claim ended.
    """
    flow = _Flow(api, device_id, claim_id, clock, on_progress)
    try:
        return await flow.run(sources_reading, dict(tags or {}), patience_ms, confirm)
    except asyncio.CancelledError as cancelled:
        reason = str(cancelled.args[0]) if cancelled.args else "cancelled at the station"
        await flow.clean_up(reason)
        raise


class _Flow:
    """One run of ``claim_device``."""

    def __init__(
        self, api: ClaimApi, device_id: str, claim_id: str, clock: Clock, tell: Tell
    ) -> None:
        self._api = api
        self._device_id = device_id
        self._claim_id = claim_id
        self._clock = clock
        self._tell = tell
        self._news = asyncio.Event()
        self._proven = False
        self._lost = False
        self._asked = False
        self._pressed = False
        self._deadline_ms = 0
        """When the window ends, on our own clock."""
        self._give_up_ms = 0
        """How long ServiceAwayError is waited out; 0: the first contact fails at once."""

    async def run(
        self,
        sources_reading: Callable[[], Awaitable[None]] | None,
        tags: Mapping[str, str],
        patience_ms: int | None,
        confirm: Callable[[], Awaitable[None]] | None,
    ) -> Attempt:
        if sources_reading is not None:
            await sources_reading()
        listener = asyncio.create_task(self._listen(), name=f"facts of {self._device_id}")
        try:
            opened = await self._find() or await self._initiate()
            attempt = await self._wait_for_click(opened, self._until_ms(patience_ms))
            if confirm is not None and attempt.outcome is None:
                await confirm()
            return await self._finalize(attempt, tags)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def clean_up(self, reason: str) -> Attempt | None:
        """Give up what this claim has open, and nothing else: never raises for the service."""
        attempt: Attempt | None = None
        if self._asked:
            self._give_up_ms = self._clock.now_ms() + _CLEAN_UP_MS
            with contextlib.suppress(ServiceAwayError, ClickclaimError):
                attempt = await self._insist(self._query)
                if attempt is not None and attempt.outcome is None:
                    attempt = await self._give_up(attempt, reason)
        self._tell(CleanedUp(attempt=attempt))
        return attempt

    # -- the steps -----------------------------------------------------------------------------

    async def _find(self) -> Attempt | None:
        """The attempt of an earlier run with this claim id."""
        attempt = await self._insist(self._query)
        if attempt is not None:
            self._asked = True
            self._opened(attempt.attempt_id, attempt.deadline_ms, resumed=True)
        return attempt

    async def _initiate(self) -> Initiated:
        self._asked = True
        self._give_up_ms = self._clock.now_ms() + _INITIATE_PATIENCE_MS
        opened = await self._insist(
            lambda: self._api.initiate(self._device_id, invocation=self._claim_id)
        )
        self._opened(opened.attempt_id, self._clock.now_ms() + opened.window_ms, resumed=False)
        return opened

    async def _wait_for_click(self, opened: Initiated | Attempt, until_ms: int | None) -> Attempt:
        """The attempt with its click, or ended.

        What was just initiated is not read: whatever becomes of it is news.
        """
        attempt = opened if isinstance(opened, Attempt) else None
        pause_ms = _POLL_FIRST_MS
        while attempt is None or (attempt.outcome is None and not _pressed(attempt)):
            now_ms = self._clock.now_ms()
            if until_ms is not None and now_ms >= until_ms:
                return await self._give_up(opened, STOPPED_WAITING)
            next_ms = now_ms + (_POLL_PROVEN_MS if self._proven else pause_ms)
            # The service ends the attempt by itself; should nobody tell us, we look just then.
            if now_ms < opened.deadline_ms:
                next_ms = min(next_ms, opened.deadline_ms)
            await self._wait_for_news(next_ms if until_ms is None else min(next_ms, until_ms))
            pause_ms = min(pause_ms * 2, _POLL_UNPROVEN_MS)
            attempt = await self._read(opened.attempt_id)
        if attempt.outcome is None:
            self._pressed = True
            after_ms = attempt.latencies_ms.get("click_ms", 0)
            self._tell(ClickCounted(device_id=self._device_id, after_ms=after_ms))
        return attempt

    def _until_ms(self, patience_ms: int | None) -> int | None:
        """When the station gives up; None when the service's own deadline comes no later."""
        if patience_ms is None:
            return None
        until_ms = self._clock.now_ms() + patience_ms
        return until_ms if until_ms < self._deadline_ms - _SAME_MOMENT_MS else None

    async def _finalize(self, attempt: Attempt, tags: Mapping[str, str]) -> Attempt:
        if attempt.outcome is not None:
            return attempt
        try:
            await self._insist(
                lambda: self._api.finalize(
                    self._device_id,
                    tags=tags or None,
                    if_epoch=attempt.epoch,
                    invocation=self._claim_id,
                )
            )
        except RefusedError as refusal:
            after = await self._read(attempt.attempt_id)
            if after.outcome is not None:
                return after  # too late, superseded, or finalized by an answer we never got
            await self._give_up(after, f"finalize was refused: {refusal}")
            raise
        return await self._read(attempt.attempt_id)

    async def _give_up(self, attempt: Initiated | Attempt, reason: str) -> Attempt:
        """Unclaim what is still ours and still open; the attempt after that."""
        with contextlib.suppress(RefusedError):  # it has moved on: then there is nothing to undo
            await self._insist(
                lambda: self._api.unclaim(
                    self._device_id,
                    if_epoch=attempt.epoch,
                    if_state=CLAIM_INITIATED,
                    reason=reason,
                    invocation=self._claim_id,
                )
            )
        return await self._read(attempt.attempt_id)

    # -- asking --------------------------------------------------------------------------------

    async def _query(self) -> Attempt | None:
        query = AttemptQuery(device_id=self._device_id, invocation=self._claim_id, limit=1)
        return next(iter(await self._api.attempts(query)), None)

    async def _read(self, attempt_id: str) -> Attempt:
        attempt = await self._insist(lambda: self._api.attempt(attempt_id))
        if attempt is None:
            raise ServiceAwayError(
                f"the service no longer knows attempt {attempt_id}: is it another service,"
                " or another data folder, than the one that began it?"
            )
        return attempt

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask until the service answers, or until giving up; the rules' refusals pass through."""
        pause_ms = _RETRY_FIRST_MS
        while True:
            try:
                answer = await call()
            except ServiceAwayError as error:
                now_ms = self._clock.now_ms()
                if now_ms >= self._give_up_ms:
                    raise
                self._say_lost(error)
                await self._clock.sleep_until(min(now_ms + pause_ms, self._give_up_ms))
                pause_ms = min(pause_ms * 2, _RETRY_CAP_MS)
            else:
                self._say_back()
                return answer

    # -- listening -----------------------------------------------------------------------------

    async def _listen(self) -> NoReturn:
        """Wakes the flow at each fact of its device, through every loss of the stream."""
        pause_ms = _RETRY_FIRST_MS
        while True:
            # What keeps us from listening does not keep us from reading the attempt.
            with contextlib.suppress(ServiceAwayError, ClickclaimError):
                async for fact in self._api.facts():
                    pause_ms = _RETRY_FIRST_MS
                    if fact.device_id == self._device_id:
                        self._hear(fact)
            self._proven = False
            self._news.set()
            await self._clock.sleep_until(self._clock.now_ms() + pause_ms)
            pause_ms = min(pause_ms * 2, _RETRY_CAP_MS)

    def _hear(self, fact: Fact) -> None:
        self._proven = True
        disposition = str(fact.data.get("disposition", ""))
        if fact.kind == "click" and not self._pressed and disposition not in _NO_NEWS:
            self._tell(
                ClickRefused(
                    device_id=self._device_id,
                    click_type=str(fact.data.get("clickType", "")),
                    disposition=disposition,
                    reason=str(fact.data.get("reason", "")),
                )
            )
        # That our own claim has begun we know; and whatever ends it is a fact of its own.
        if fact.kind != "claim-initiated":
            self._news.set()

    async def _wait_for_news(self, until_ms: int) -> None:
        if not self._news.is_set():
            pause = asyncio.create_task(self._sleep_until(until_ms), name="until the next look")
            pause.add_done_callback(self._pause_is_over)
            try:
                await self._news.wait()
            finally:
                pause.cancel()
        self._news.clear()

    async def _sleep_until(self, until_ms: int) -> None:
        await self._clock.sleep_until(until_ms)

    def _pause_is_over(self, pause: asyncio.Task[None]) -> None:
        if not pause.cancelled():
            self._news.set()

    # -- telling -------------------------------------------------------------------------------

    def _opened(self, attempt_id: str, deadline_ms: int, *, resumed: bool) -> None:
        self._deadline_ms = deadline_ms
        self._give_up_ms = max(deadline_ms, self._clock.now_ms()) + _GRACE_MS
        self._tell(
            WindowOpened(
                device_id=self._device_id,
                claim_id=self._claim_id,
                attempt_id=attempt_id,
                deadline_ms=deadline_ms,
                resumed=resumed,
            )
        )

    def _say_lost(self, error: ServiceAwayError) -> None:
        if not self._lost:
            self._lost = True
            self._tell(ServiceLost(reason=str(error)))

    def _say_back(self) -> None:
        if self._lost:
            self._lost = False
            self._tell(ServiceBack())


def _pressed(attempt: Attempt) -> bool:
    return any(mark.what == "click" for mark in attempt.timeline)
