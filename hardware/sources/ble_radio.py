"""Advertisements from a Bluetooth radio: how to listen, what was really on air, what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from hardware.click import RawFrame
from hardware.source import SourceAwayError, SourceError, SourceRefusedError

BTHOME_UUID: Final = "0000fcd2-0000-1000-8000-00805f9b34fb"
MIBEACON_UUID: Final = "0000fe95-0000-1000-8000-00805f9b34fb"
BUTTON_SERVICE_DATA: Final = frozenset({BTHOME_UUID, MIBEACON_UUID})

# The same two as BlueZ's passive scan wants them: where, AD type "service data, 16-bit UUID",
# and the bytes as they are on air (little endian).
_SERVICE_DATA_16: Final = 0x16
_PATTERNS: Final = ((0, _SERVICE_DATA_16, b"\xd2\xfc"), (0, _SERVICE_DATA_16, b"\x95\xfe"))

# What BlueZ changes when an advertisement comes in. A change of other properties alone (Connected,
# Paired, ...) makes bleak show the last advertisement again, however old it is.
_ON_AIR: Final = frozenset(
    {"RSSI", "TxPower", "ServiceData", "ManufacturerData", "AdvertisingData", "AdvertisingFlags"}
)

# bluetoothd answers in milliseconds; one that takes this long hangs.
_ANSWER_S: Final = 10.0

# Random addresses come and go; only the newest this many peers are compared with their last time.
_MAX_PEERS: Final = 1_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """One advertisement as heard."""

    address: str
    name: str | None
    rssi_dbm: int | None
    service_uuids: tuple[str, ...]
    service_data: tuple[tuple[str, bytes], ...]
    manufacturer_data: tuple[tuple[int, bytes], ...]
    device: Any
    """The driver's own handle, to connect to it."""


def frame_of(
    heard: Advertisement, uuid: str, value: bytes, *, source: str, heard_ms: int
) -> RawFrame:
    """One service data entry of an advertisement, as a frame."""
    return RawFrame(
        transport="ble-advertisement",
        source=source,
        heard_ms=heard_ms,
        payload=value,
        address=heard.address,
        channel=uuid,
        name=heard.name,
        rssi_dbm=heard.rssi_dbm,
        service_uuids=heard.service_uuids,
        manufacturer_data=heard.manufacturer_data,
        direct=True,
    )


def is_on_air(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Whether BlueZ shows these device properties because an advertisement was heard.

    An equal repeat is one: with duplicates asked for, BlueZ announces each of them.
    """
    if "RSSI" not in now:
        return False  # BlueZ forgets the signal strength when it stops to listen
    if before is None:
        return True
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    return not changed or bool(changed & _ON_AIR)


class Radio:
    """Listens on one adapter and hands over what is heard.

    Passive listening asks nothing of the buttons and saves their batteries; where the system
    cannot do it, active listening takes its place. ``backend`` is a bleak scanner class to use
    instead of the platform's own.
    """

    def __init__(
        self,
        spec: str,
        *,
        adapter: str | None,
        passive: bool,
        backend: type | None,
        on_advertisement: Callable[[Advertisement], None],
    ) -> None:
        self._spec = spec
        self._adapter = adapter
        self._passive = passive
        self._backend = backend
        self._on_advertisement = on_advertisement
        self._scanner: Any = None
        self._last: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    @property
    def mode(self) -> Literal["passive", "active"]:
        """How it listens."""
        return "passive" if self._passive else "active"

    async def start(self) -> None:
        """Begin to listen. Raises SourceAwayError or SourceRefusedError."""
        try:
            errors = _driver_errors()
        except ModuleNotFoundError as error:
            raise SourceRefusedError(
                self._spec, "bleak is not installed", "pip install 'clickclaim[ble]'"
            ) from error
        if self._passive:
            try:
                return await self._start("passive")
            except errors as error:
                _log.debug("%s: no passive listening (%s)", self._spec, error)
                self._passive = False
        try:
            await self._start("active")
        except errors as error:
            raise explain_radio_error(self._spec, error) from error

    async def stop(self) -> None:
        """Stop listening. Never raises: a radio that is gone fails to stop, and is stopped."""
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_ANSWER_S):
                    await scanner.stop()

    async def _start(self, mode: Literal["passive", "active"]) -> None:
        from bleak import BleakScanner  # noqa: PLC0415 - drivers load when asked for
        from bleak.args.bluez import BlueZScannerArgs, OrPattern  # noqa: PLC0415
        from bleak.assigned_numbers import AdvertisementDataType  # noqa: PLC0415

        # Every repeat is wanted: a button that says the same of two presses is heard twice.
        bluez: BlueZScannerArgs = {"filters": {"DuplicateData": True}}
        if self._adapter is not None:
            bluez["adapter"] = self._adapter
        if mode == "passive":
            bluez["or_patterns"] = [
                OrPattern(start, AdvertisementDataType(kind), content)
                for start, kind, content in _PATTERNS
            ]
        scanner = BleakScanner(self._heard, scanning_mode=mode, bluez=bluez, backend=self._backend)
        async with asyncio.timeout(_ANSWER_S):
            await scanner.start()
        self._scanner = scanner

    def _heard(self, device: Any, data: Any) -> None:
        if not self._is_on_air(data.platform_data):
            return
        self._on_advertisement(
            Advertisement(
                address=device.address.upper(),
                name=data.local_name or device.name,
                rssi_dbm=None if data.rssi == -127 else data.rssi,  # bleak's word for unknown
                service_uuids=tuple(uuid.lower() for uuid in data.service_uuids),
                service_data=tuple(
                    (uuid.lower(), bytes(value)) for uuid, value in data.service_data.items()
                ),
                manufacturer_data=tuple(
                    (company, bytes(value)) for company, value in data.manufacturer_data.items()
                ),
                device=device,
            )
        )

    def _is_on_air(self, platform_data: tuple[Any, ...]) -> bool:
        if len(platform_data) != 2 or not isinstance(platform_data[1], dict):
            return True  # other platforms report advertisements and nothing else
        path, now = platform_data
        before = self._last.pop(path, None)
        self._last[path] = now
        if len(self._last) > _MAX_PEERS:
            self._last.popitem(last=False)
        return is_on_air(before, now)


def _driver_errors() -> tuple[type[Exception], ...]:
    """What the Bluetooth driver raises when it fails. Raises ModuleNotFoundError without it."""
    from bleak.exc import BleakError  # noqa: PLC0415 - drivers load when asked for

    errors: tuple[type[Exception], ...] = (BleakError, OSError, EOFError, TimeoutError)
    with contextlib.suppress(ModuleNotFoundError):  # on Linux only
        from dbus_fast import DBusError  # noqa: PLC0415

        errors = (*errors, DBusError)
    return errors


def explain_radio_error(spec: str, error: Exception) -> SourceError:
    """Why the radio failed, as the error to raise."""
    from bleak.exc import (  # noqa: PLC0415 - drivers load when asked for
        BleakBluetoothNotAvailableError,
        BleakDBusError,
    )

    if isinstance(error, BleakBluetoothNotAvailableError):
        return _explain_reason(spec, error)
    if isinstance(error, BleakDBusError):
        return _explain_dbus(spec, error)
    if isinstance(error, TimeoutError):
        return SourceAwayError(
            spec, "Bluetooth does not answer", "sudo systemctl restart bluetooth"
        )
    return SourceAwayError(spec, f"the radio failed: {str(error) or type(error).__name__}")


def _explain_reason(spec: str, error: Any) -> SourceError:
    match error.reason.name:
        case "NO_BLUETOOTH":
            return SourceAwayError(
                spec, "there is no Bluetooth adapter", "plug one in, or see `rfkill list`"
            )
        case "POWERED_OFF":
            return SourceAwayError(spec, "Bluetooth is off", "switch it on: bluetoothctl power on")
        case "NO_BLE_CENTRAL_ROLE":
            return SourceRefusedError(
                spec, "the adapter knows no Bluetooth Low Energy", "use another adapter"
            )
        case reason if reason.startswith("DENIED"):
            return SourceRefusedError(
                spec,
                "the system does not let us use Bluetooth",
                "allow it for this program (Linux: sudo usermod -aG bluetooth $USER)",
            )
        case _:
            return SourceAwayError(spec, f"Bluetooth is not available: {error.args[0]}")


def _explain_dbus(spec: str, error: Any) -> SourceError:
    name = error.dbus_error.rpartition(".")[2]
    match name:
        case "ServiceUnknown" | "NameHasNoOwner" | "NoReply":
            return SourceAwayError(
                spec, "bluetoothd is not running", "sudo systemctl start bluetooth"
            )
        case "AccessDenied":
            return SourceRefusedError(
                spec,
                "D-Bus does not let us use Bluetooth",
                "join the group: sudo usermod -aG bluetooth $USER, then log out and in again",
            )
        case "NotReady":
            return SourceAwayError(
                spec, "the Bluetooth adapter is off", "switch it on: bluetoothctl power on"
            )
        case _:
            return SourceAwayError(spec, f"the radio failed: {error}")
