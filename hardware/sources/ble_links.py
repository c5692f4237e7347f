"""Connections to buttons that notify instead of advertising: made, watched, made again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from hardware.source import SourceAwayError
from hardware.sources.ble_radio import Advertisement

LBS_UUID: Final = "00001523-1212-efde-1523-785feabcd123"
MICROBIT_UUID: Final = "e95d9882-251d-470a-a062-fa1922dfa9a8"
KEYS_UUID: Final = "0000ffe0-0000-1000-8000-00805f9b34fb"  # SensorTag and iTAG share it

BUTTON_SERVICES: Final = frozenset({LBS_UUID, MICROBIT_UUID, KEYS_UUID})
BUTTON_CHARACTERISTICS: Final = frozenset(
    {
        "00001524-1212-efde-1523-785feabcd123",
        "e95dda90-251d-470a-a062-fa1922dfa9a8",
        "e95dda91-251d-470a-a062-fa1922dfa9a8",
        "0000ffe1-0000-1000-8000-00805f9b34fb",
    }
)

# micro:bits and many tags do not advertise their button service, only their name.
_BUTTON_NAMES: Final = ("bbc micro:bit", "itag", "sensortag", "cc2650 sensortag")

# Small USB adapters keep about this many links; the rest of the air stays for advertisements.
MAX_LINKS: Final = 5

_MAX_PEERS: Final = 1_000

# A disconnect that takes longer is not going to happen.
_DISCONNECT_S: Final = 5.0

_log = logging.getLogger(__name__)


def offers_button(heard: Advertisement) -> bool:
    """Whether a peer looks like a button one has to connect to."""
    name = (heard.name or "").strip().lower()
    return bool(BUTTON_SERVICES & set(heard.service_uuids)) or name.startswith(_BUTTON_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """What came over a link; ``characteristic`` is None when the link itself ended."""

    address: str
    name: str | None
    services: tuple[str, ...]
    characteristic: str | None
    value: bytes = b""


@dataclass(slots=True)
class _Link:
    """One peer: its task, and what is known once it is connected."""

    heard: Advertisement
    task: asyncio.Task[None] | None = None
    services: tuple[str, ...] = ()
    connected: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Links:
    """Holds a connection to each wanted button, and hands over what they notify.

    ``wanted`` are addresses in upper case; with ``auto`` every peer that looks like a button is
    wanted. ``client`` is a bleak client class to use instead of the platform's own. Tries for
    one peer begin at least ``retry_s`` apart.
    """

    def __init__(
        self,
        spec: str,
        *,
        wanted: Iterable[str],
        auto: bool,
        adapter: str | None,
        client: type | None,
        connect_s: float,
        retry_s: float,
        on_notified: Callable[[Notified], None],
    ) -> None:
        self._spec = spec
        self._wanted = frozenset(wanted)
        self._auto = auto
        self._adapter = adapter
        self._client = client
        self._connect_s = connect_s
        self._retry_s = retry_s
        self._on_notified = on_notified
        self._links: dict[str, _Link] = {}
        self._not_before_s: dict[str, float] = {}
        self._no_button: set[str] = set()
        self._problems: dict[str, str] = {}
        # BlueZ refuses a second connect while one is under way.
        self._connecting = asyncio.Lock()
        self._changed = asyncio.Event()
        self._radio_lost = False

    @property
    def connected(self) -> frozenset[str]:
        """The addresses that would be heard now."""
        return frozenset(address for address, link in self._links.items() if link.connected)

    def saw(self, heard: Advertisement) -> None:
        """A peer advertises: connect to it, if it is wanted and not connected."""
        address = heard.address
        wanted = address in self._wanted or (self._auto and offers_button(heard))
        if not wanted or address in self._links or address in self._no_button:
            return
        now_s = asyncio.get_running_loop().time()
        if len(self._links) >= MAX_LINKS or now_s < self._not_before_s.get(address, 0.0):
            return
        if len(self._not_before_s) >= _MAX_PEERS:
            self._not_before_s.clear()  # random addresses come and go
        self._not_before_s[address] = now_s + self._retry_s
        link = _Link(heard)
        self._links[address] = link
        link.task = asyncio.create_task(self._hold(link), name=f"ble link {address}")

    async def wait_wanted(self) -> None:
        """Return when the wanted buttons are connected, or some are and time is up.

        Raises SourceAwayError when none is. Returns at once when the radio is lost.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._connect_s):
                while not (self._radio_lost or self._wanted <= self.connected | self._no_button):
                    self._changed.clear()
                    await self._changed.wait()
        if self._radio_lost:
            return
        missing = ", ".join(
            f"{address} ({self._problems.get(address, 'not heard')})"
            for address in sorted(self._wanted - self.connected)
        )
        if missing and not self.connected:
            raise SourceAwayError(
                self._spec, f"no connection to {missing}", "wake the button and bring it near"
            )
        if missing:
            _log.warning("%s: no connection yet to %s", self._spec, missing)

    def lose_all(self) -> None:
        """The radio is gone, and every link with it: say so now."""
        self._radio_lost = True
        self._changed.set()
        for link in self._links.values():
            self._lost(link)

    async def close(self) -> None:
        """Disconnect from everybody. Never raises."""
        tasks = [link.task for link in self._links.values() if link.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._links.clear()

    async def _hold(self, link: _Link) -> None:
        """Connect, listen, and stay until the link ends. Frees its place, whatever happens."""
        address = link.heard.address
        client = None
        try:
            async with self._connecting:
                client = self._client_for(link)
                await client.connect()
                listening = await self._listen(link, client)
            if listening:
                link.connected = True
                self._problems.pop(address, None)
                self._changed.set()
                await link.ended.wait()
            else:
                self._no_button.add(address)
                self._problem(address, "it has no button we know")
        except Exception as error:  # noqa: BLE001 - whatever one peer does, the others go on
            self._problem(address, self._explain(address, error))
        finally:
            self._lost(link)
            if client is not None:
                await _disconnect(client)
            self._links.pop(address, None)
            self._changed.set()

    def _client_for(self, link: _Link) -> Any:
        from bleak import BleakClient  # noqa: PLC0415 - drivers load when asked for

        return BleakClient(
            link.heard.device,
            disconnected_callback=lambda _: self._lost(link),
            timeout=self._connect_s,
            bluez={"adapter": self._adapter} if self._adapter else {},
            backend=self._client,
        )

    async def _listen(self, link: _Link, client: Any) -> bool:
        """Ask for the notifications of every button characteristic; False when there is none."""
        link.services = tuple(service.uuid.lower() for service in client.services)
        found = False
        for characteristic in list(client.services.characteristics.values()):
            if characteristic.uuid.lower() in BUTTON_CHARACTERISTICS:
                found = True
                await client.start_notify(characteristic, self._notifier(link, characteristic))
        return found

    def _notifier(self, link: _Link, characteristic: Any) -> Callable[[Any, bytearray], None]:
        uuid = characteristic.uuid.lower()

        def notified(_: Any, value: bytearray) -> None:
            self._tell(link, uuid, bytes(value))

        return notified

    def _lost(self, link: _Link) -> None:
        link.ended.set()
        if link.connected:
            link.connected = False
            _log.info("%s: connection to %s ended", self._spec, link.heard.address)
            self._tell(link, None)

    def _tell(self, link: _Link, characteristic: str | None, value: bytes = b"") -> None:
        self._on_notified(
            Notified(
                address=link.heard.address,
                name=link.heard.name,
                services=link.services,
                characteristic=characteristic,
                value=value,
            )
        )

    def _explain(self, address: str, error: Exception) -> str:
        text = str(error) or type(error).__name__
        if isinstance(error, TimeoutError):
            return f"no answer within {self._connect_s:g} s"
        if "nsufficient" in text or "NotPermitted" in text or "Not paired" in text:
            return f"it wants pairing: bluetoothctl pair {address} ({text})"
        return text

    def _problem(self, address: str, problem: str) -> None:
        level = logging.DEBUG if self._problems.get(address) == problem else logging.WARNING
        self._problems[address] = problem
        _log.log(level, "%s: no connection to %s: %s", self._spec, address, problem)
        self._changed.set()


async def _disconnect(client: Any) -> None:
    with contextlib.suppress(Exception):  # a peer that is gone fails to disconnect, and is
        async with asyncio.timeout(_DISCONNECT_S):
            await client.disconnect()
