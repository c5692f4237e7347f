"""How a broker knows us again after a restart, and up to when we had heard everything."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any, Final, NoReturn, Protocol, runtime_checkable

import msgspec

from hardware.source import Source
from hardware.sources import open_source
from orchestrator.domain.errors import ClickclaimError
from orchestrator.ports import Clock, Store
from orchestrator.units import PutMeta

_BROKERS: Final = ("mqtt:", "mqtts:")

_log = logging.getLogger(__name__)


@runtime_checkable
class Resuming(Protocol):
    """A source that goes on where it was: what was queued for it meanwhile, it hears."""

    @property
    def spec(self) -> str:
        """The spec string, without secrets."""

    @property
    def heard_until_ms(self) -> int | None:
        """Whatever was sent before this has been heard."""


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """What is kept of one broker."""

    client_id: str
    heard_until_ms: int | None = None


class Markers:
    """Sessions of this data folder at its brokers, one for each spec string."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, Session] = {}
        self._moved = asyncio.Event()

    async def open(self, spec: str, *, session: bool = True, **options: Any) -> Source:
        """The source of this spec, not yet hearing; a broker's goes on with our session there."""
        if session and spec.startswith(_BROKERS):
            # Loads the driver, which a spec string of this kind asks for.
            from hardware.sources.mqtt_spec import MqttSpec  # noqa: PLC0415

            kept = await self._session(MqttSpec.parse(spec).shown)
            options["client_id"] = kept.client_id
            options["heard_until_ms"] = kept.heard_until_ms
            options["on_marker"] = self._moved.set
        return open_source(spec, clock=self._clock, **options)

    async def keep(self, source: Source, *, always: bool = False) -> None:
        """Write the source's marker if it moved and somebody may ask for it.

        After a kill, a click that was queued at the broker counts only for a claim that was
        initiated before the marker. So only an open claim asks for it, and an idle service writes
        nothing; ``always`` when stopping.
        """
        if isinstance(source, Resuming):
            await self._keep(source, always=always)

    async def _keep(self, source: Resuming, *, always: bool = False) -> None:
        session = self._kept.get(source.spec)
        if session is None:
            return
        until_ms = source.heard_until_ms
        if until_ms == session.heard_until_ms:
            return
        if always or await self._store.earliest_deadline_ms() is not None:
            await self._put(source.spec, Session(session.client_id, until_ms))

    async def run(self, sources: list[Source]) -> NoReturn:
        """Keep the markers of these sources whenever one moves, until cancelled."""
        # A second is too often to find out again what a source can do.
        resuming = [source for source in sources if isinstance(source, Resuming)]
        while True:
            await self._moved.wait()
            self._moved.clear()
            for source in resuming:
                try:
                    await self._keep(source)
                except ClickclaimError as error:  # the next marker comes in a second
                    _log.debug("the marker of %s was not kept: %s", source.spec, error)

    async def _session(self, spec: str) -> Session:
        text = await self._store.meta(_name(spec))
        if text is not None:
            session = msgspec.json.decode(text, type=Session)
            self._kept[spec] = session
            return session
        # 22 characters: every broker takes 23 ([MQTT-3.1.3-5]).
        session = Session(f"clickclaim{secrets.token_hex(6)}")
        await self._put(spec, session)
        return session

    async def _put(self, spec: str, session: Session) -> None:
        await self._store.unit([PutMeta(_name(spec), msgspec.json.encode(session).decode())])
        self._kept[spec] = session


def _name(spec: str) -> str:
    return f"session {spec}"
