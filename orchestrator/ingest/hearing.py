"""One frame from bytes to commits: whose it is, what it says, what the claim service made of it."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from hardware.click import Click, Ignored, RawFrame
from hardware.decode import Decoder, Identity
from hardware.families import Options
from hardware.keys import DeviceKey
from orchestrator.claims.service import ClaimService
from orchestrator.domain.errors import ClickclaimError, RefusedError
from orchestrator.domain.events import UnknownDevice
from orchestrator.ingest.keys import KeyBook, Known
from orchestrator.ingest.repeats import Marks
from orchestrator.ingest.reports import Report
from orchestrator.ingest.translate import by_own_clock, click_heard

T = TypeVar("T")

# While the store cannot take a click, the click waits; nothing is acknowledged meanwhile.
_RETRY_FIRST_S: Final = 0.25
_RETRY_CAP_S: Final = 10.0

# What is kept of an address that is no device id; a name on a topic may be 64 KiB long.
_ADDRESS_CHARS: Final = 256

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ear:
    """One place that frames come from. Contacts are timed for each apart."""

    namespace: str
    decoder: Decoder
    book: KeyBook
    takes_topics: bool
    """Whether our own MQTT topic may name another namespace: true for a broker of ours, not for
    what a station says that it heard."""
    lag_ms: int = 0
    """How long ago, by our clock, its last frame says it was heard: a station's clock may be
    behind, and what a station kept for us comes late."""


class Reader:
    """Reads frames for a claim service. One frame of one address at a time; addresses overlap."""

    def __init__(
        self,
        service: ClaimService,
        *,
        options: Options | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._service = service
        self._options = options
        self._sleep = sleep
        self._marks = Marks(service.store)
        self._failing = False

    def ear(self, namespace: str, takes_topics: bool) -> Ear:
        """A new place to hear from."""
        book = KeyBook(self._service.store)
        return Ear(namespace, Decoder(book, self._options), book, takes_topics)

    async def read(
        self, ear: Ear, what: RawFrame | Click, identity: Identity | None
    ) -> list[Report]:
        """What became of each click of a frame, or of a click that time alone completed.

        Committed when this returns. At least one report. ``identity`` is what ``ear.decoder``
        says of the frame.
        """
        try:
            if isinstance(what, Click):
                return [await self._take(ear, ear.namespace, what, None)]
            return await self._read(ear, what, identity)
        except Exception as error:  # noqa: BLE001 - one frame's fault must silence no other button
            frame = what.frame if isinstance(what, Click) else what
            _log.exception("this frame could not be handled: %s", frame)
            why = f"internal error, {type(error).__name__}: {error}"
            return [Report(frame=frame, namespace=ear.namespace, reason=why)]

    async def _read(self, ear: Ear, frame: RawFrame, identity: Identity | None) -> list[Report]:
        namespace = ear.namespace
        known: Known | None = None
        keys: tuple[DeviceKey, ...] = ()
        if identity is not None:
            if identity.namespace not in {None, namespace} and not ear.takes_topics:
                why = f"its topic names namespace {identity.namespace}, not {namespace}"
                return [Report(frame=frame, namespace=namespace, reason=why)]
            namespace = identity.namespace or namespace
            known = await self._find(ear, namespace, identity.family, identity.address)
            keys = await self._insist(partial(ear.book.fetch, known))
        ear.lag_ms = max(0, self._service.clock.now_ms() - frame.heard_ms)
        # One after the other with no waiting between: the book answers for this frame only.
        ear.book.hold(keys)
        said = ear.decoder.decode(frame)
        return [await self._take(ear, namespace, one, known) for one in said]

    async def _find(self, ear: Ear, namespace: str, family: str, address: str) -> Known:
        return await self._insist(partial(ear.book.find, namespace, family, address))

    async def _take(
        self, ear: Ear, namespace: str, said: Click | Ignored, known: Known | None
    ) -> Report:
        if said.address is not None and (known is None or known.address != said.address):
            known = await self._find(ear, namespace, said.family or "", said.address)
        device_id = known.device_id if known else None
        if isinstance(said, Ignored):
            if device_id is not None:
                await self._note_counter(namespace, device_id, said)
            return Report(
                frame=said.frame,
                namespace=namespace,
                reason=said.reason,
                read=said,
                device_id=device_id,
            )
        if device_id is None:
            return await self._unknown(namespace, said)
        now_ms = self._service.clock.now_ms()
        heard = click_heard(said, namespace=namespace, device_id=device_id, now_ms=now_ms)
        if self._service.clocks is not None:
            heard = by_own_clock(heard, self._service.now_ms(namespace), now_ms)
        rule = self._marks.rule(namespace, device_id)
        event = await self._insist(partial(self._service.receive, heard, rule))
        return Report(
            frame=said.frame,
            namespace=namespace,
            reason=event.reason,
            read=said,
            device_id=device_id,
            event=event,
        )

    async def _note_counter(self, namespace: str, device_id: str, said: Ignored) -> None:
        try:
            await self._marks.note(namespace, device_id, said, said.frame.heard_ms)
        except ClickclaimError as error:  # the next counted frame says it again
            _log.debug("the counter of %s was not noted: %s", device_id, error)

    async def _unknown(self, namespace: str, click: Click) -> Report:
        address = click.address[:_ADDRESS_CHARS]
        heard_ms = min(click.frame.heard_ms, self._service.clock.now_ms())
        unknown = UnknownDevice(
            namespace=namespace,
            address=address,
            family=click.family,
            click_type=click.click_type,
            source=click.frame.source,
            first_heard_ms=heard_ms,
            last_heard_ms=heard_ms,
        )
        await self._insist(partial(self._service.note_unknown, unknown))
        shown = shlex.quote(ascii(address)[1:-1])
        why = f"no device id is known for it; type: clickclaim devices alias {shown} DEVICE"
        return Report(frame=click.frame, namespace=namespace, reason=why, read=click)

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until the store answers: what it cannot take now waits, and nothing is lost."""
        pause_s = _RETRY_FIRST_S
        while True:
            try:
                answer = await ask()
            except RefusedError:
                raise
            except ClickclaimError as error:
                if not self._failing:
                    self._failing = True
                    _log.error("%s What was heard waits until this is mended.", error)
                await self._sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_CAP_S)
                continue
            if self._failing:
                self._failing = False
                _log.info("the store takes clicks again")
            return answer
