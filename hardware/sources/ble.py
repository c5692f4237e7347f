"""Buttons heard over Bluetooth: advertisements, notifications, and a watch over the radio."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from hardware.click import RawFrame
from hardware.source import SourceAwayError, SourceError, SourceRefusedError, SourceSpecError
from hardware.sources.ble_links import Links, Notified
from hardware.sources.ble_radio import BUTTON_SERVICE_DATA, Advertisement, Radio, frame_of
from hardware.sources.bluez import BluezWatch

# Buttons may be silent for days, but the air seldom is. A radio that hears nothing this long is
# started again, which takes milliseconds; a press is repeated for longer than that.
_QUIET_S: Final = 60.0

# Time for a sleeping button to be woken, found and connected.
_CONNECT_S: Final = 20.0

# Tries to connect to one peer begin this far apart: it advertises several times a second.
_RETRY_S: Final = 1.0

# Frames waiting for a slow consumer. Advertisements repeat, so what does not fit is dropped.
_MAX_WAITING: Final = 1_000

# A MAC on Linux and Windows, a UUID on macOS.
_ADDRESS: Final = re.compile(
    r"([0-9A-F]{2}(:[0-9A-F]{2}){5}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12})"
)

_log = logging.getLogger(__name__)


class BleBackend(NamedTuple):
    """bleak classes to use instead of the platform's own."""

    scanner: type
    client: type


@dataclass(frozen=True, slots=True)
class BleSpec:
    """A ``ble:`` spec string, taken apart."""

    spec: str
    adapter: str | None = None
    auto: bool = False
    """Connect to everything that looks like a button."""
    addresses: frozenset[str] = frozenset()
    """Buttons to connect to, in upper case."""
    listening: Literal["auto", "passive", "active"] = "auto"
    everything: bool = False
    """Hand over the service data of every service, not only of buttons."""

    @classmethod
    def parse(cls, spec: str) -> BleSpec:
        """Understand ``ble:?adapter=hci0&gatt=auto|ADDRESS,...&scan=passive|active&all=1``.

        Raises SourceSpecError.
        """
        rest, _, query = spec.removeprefix("ble:").partition("?")
        if rest:
            raise SourceSpecError(spec, f"nothing may stand before ?: {rest!r}", "ble:?gatt=...")
        found: dict[str, Any] = {}
        gatt: set[str] = set()
        for name, value in parse_qsl(query, keep_blank_values=True):
            match name, value:
                case "adapter", _ if value:
                    found["adapter"] = value
                case "gatt", _:
                    gatt |= {part.strip().upper() for part in value.split(",")}
                case "scan", "passive" | "active" | "auto":
                    found["listening"] = value
                case "all", "0" | "1":
                    found["everything"] = value == "1"
                case _:
                    raise SourceSpecError(
                        spec, f"unknown option {name}={value}", "known: adapter gatt scan all"
                    )
        addresses = frozenset(gatt - {"AUTO"})
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                raise SourceSpecError(spec, f"{address!r} is no address", "like A4:C1:38:8D:18:B2")
        return cls(spec, auto="AUTO" in gatt, addresses=addresses, **found)

    @property
    def passive(self) -> bool:
        """Whether to try passive listening first.

        A passive scan hears no scan responses, where many buttons keep their name and service.
        """
        if self.listening != "auto":
            return self.listening == "passive"
        return not (self.auto or self.addresses or self.everything)


def open_ble(spec: str, *, now_ms: Callable[[], int], **options: Any) -> BleSource:
    """A BleSource for a spec string; see there for the options."""
    return BleSource(spec, now_ms=now_ms, **options)


class BleSource:
    """One Bluetooth radio as a Source.

    ``backend`` replaces bleak's scanner and client; without it, on Linux, BlueZ is watched for
    restarts and lost adapters. ``quiet_s`` is how long silence is believed, ``connect_s`` how
    long a button may take to be connected, ``retry_s`` how far apart tries begin.
    ``on_advertisement`` is told of every advertisement, of buttons or not.
    """

    def __init__(
        self,
        spec: str,
        *,
        now_ms: Callable[[], int],
        backend: BleBackend | None = None,
        quiet_s: float = _QUIET_S,
        connect_s: float = _CONNECT_S,
        retry_s: float = _RETRY_S,
        on_advertisement: Callable[[Advertisement], None] | None = None,
    ) -> None:
        self._wanted = BleSpec.parse(spec)
        self._now_ms = now_ms
        self._backend = backend
        self._quiet_s = quiet_s
        self._connect_s = connect_s
        self._retry_s = retry_s
        self._on_advertisement = on_advertisement
        self._watches_bluez = backend is None and sys.platform == "linux"
        self._watch: BluezWatch | None = None
        self._bluez_away = False
        self._adapter = self._wanted.adapter
        self._radio: Radio | None = None
        self._links: Links | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._frames: deque[RawFrame] = deque()
        self._arrived = asyncio.Event()
        self._failure: SourceError | None = None
        self._heard_s = 0.0
        self._dropping = False

    @property
    def spec(self) -> str:
        """The spec string."""
        return self._wanted.spec

    @property
    def heard_directly(self) -> bool:
        """Always: the radio is this machine's own."""
        return True

    @property
    def connected(self) -> frozenset[str]:
        """Addresses of the buttons that are connected now."""
        return self._links.connected if self._links is not None else frozenset()

    async def open(self) -> None:
        """Start the radio, and connect to the buttons named in the spec."""
        self._frames.clear()
        self._arrived.clear()
        self._failure = None
        if self._watches_bluez:
            await self._check_bluez()
        links = self._links = Links(
            self.spec,
            wanted=self._wanted.addresses,
            auto=self._wanted.auto,
            adapter=self._adapter,
            client=self._backend and self._backend.client,
            connect_s=self._connect_s,
            retry_s=self._retry_s,
            on_notified=self._notified,
        )
        radio = self._radio = Radio(
            self.spec,
            adapter=self._adapter,
            passive=self._wanted.passive,
            backend=self._backend and self._backend.scanner,
            on_advertisement=self._heard,
        )
        await radio.start()
        self._heard_s = asyncio.get_running_loop().time()
        self._watchdog = asyncio.create_task(self._guard(radio), name=f"watchdog {self.spec}")
        _log.debug("%s: %s listening", self.spec, radio.mode)
        await links.wait_wanted()
        if self._failure is not None:
            raise self._failure

    async def read(self) -> RawFrame:
        """The next frame; what was heard before a failure comes before its error."""
        while not self._frames:
            if self._radio is None:
                raise SourceAwayError(self.spec, "is not open")
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    async def acknowledge(self, frame: RawFrame) -> None:
        """Nothing: an advertisement has no way back."""

    async def close(self) -> None:
        """End every link and stop the radio."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.cancel()
            await asyncio.wait({watchdog})
        links, self._links = self._links, None
        if links is not None:
            await links.close()
        radio, self._radio = self._radio, None
        if radio is not None:
            await radio.stop()
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.stop()

    async def wait_for_wake(self) -> None:
        """Return when BlueZ reports a change after which all is well."""
        if not self._watches_bluez:
            await asyncio.Event().wait()
        changed = asyncio.Event()
        watch = BluezWatch(self.spec, wanted=self._wanted.adapter, on_change=changed.set)
        try:
            with contextlib.suppress(SourceError, ModuleNotFoundError):
                await watch.start()
                # What was wrong may have passed meanwhile; nothing will change then.
                if self._bluez_away:
                    changed.set()
                while watch.problem() or not changed.is_set():
                    changed.clear()
                    await changed.wait()
                return
            await asyncio.Event().wait()  # without a bus there is nothing to wait for
        finally:
            await watch.stop()

    async def _check_bluez(self) -> None:
        watch = self._watch = BluezWatch(
            self.spec, wanted=self._wanted.adapter, on_change=self._adapters_changed
        )
        try:
            await watch.start()
        except ModuleNotFoundError as error:
            raise SourceRefusedError(
                self.spec, "bleak is not installed", "pip install 'clickclaim[ble]'"
            ) from error
        problem = watch.problem()
        self._bluez_away = problem is not None
        if problem:
            raise SourceAwayError(self.spec, *problem)
        self._adapter = watch.pick()

    def _adapters_changed(self) -> None:
        problem = self._watch.problem(self._adapter) if self._watch and self._radio else None
        if problem:
            self._bluez_away = True
            self._fail(SourceAwayError(self.spec, *problem))

    async def _guard(self, radio: Radio) -> None:
        """Start the radio again whenever it has been quiet for too long."""
        loop = asyncio.get_running_loop()
        while self._failure is None:
            quiet_s = loop.time() - self._heard_s
            if quiet_s < self._quiet_s:
                await asyncio.sleep(self._quiet_s - quiet_s)
                continue
            _log.debug("%s: heard nothing for %.0f s, starting the radio again", self.spec, quiet_s)
            await radio.stop()
            try:
                await radio.start()
            except SourceError as error:
                self._fail(error)
            self._heard_s = loop.time()

    def _fail(self, error: SourceError) -> None:
        if self._failure is None:
            if self._links is not None:
                self._links.lose_all()
            self._failure = error
            self._arrived.set()

    def _heard(self, heard: Advertisement) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        if self._on_advertisement is not None:
            self._on_advertisement(heard)
        if self._links is not None:
            self._links.saw(heard)
        for uuid, value in heard.service_data:
            if self._wanted.everything or uuid in BUTTON_SERVICE_DATA:
                heard_ms = self._now_ms()
                self._put(frame_of(heard, uuid, value, source=self.spec, heard_ms=heard_ms))

    def _notified(self, notified: Notified) -> None:
        self._put(
            RawFrame(
                transport="ble-notify",
                source=self.spec,
                heard_ms=self._now_ms(),
                payload=notified.value,
                address=notified.address,
                channel=notified.characteristic,
                name=notified.name,
                service_uuids=notified.services,
                direct=True,
                link_lost=notified.characteristic is None,
            )
        )

    def _put(self, frame: RawFrame) -> None:
        full = len(self._frames) >= _MAX_WAITING
        if full and not self._dropping:
            _log.warning("%s: %d frames wait to be read; dropping repeats", self.spec, _MAX_WAITING)
        self._dropping = full
        if full and frame.transport == "ble-advertisement":
            return  # it will be repeated; a notification would not
        self._frames.append(frame)
        self._arrived.set()
