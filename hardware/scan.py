"""What is attached and what advertises, as rows for somebody who looks for a button."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hardware.click import RawFrame
from hardware.decode import Decoder, family_of
from hardware.keys import NoKeys
from hardware.source import SourceRefusedError
from hardware.sources.ble import BleBackend, BleSource
from hardware.sources.ble_links import KEYS_UUID, LBS_UUID, MICROBIT_UUID, offers_button
from hardware.sources.ble_radio import (
    BTHOME_UUID,
    BUTTON_SERVICE_DATA,
    MIBEACON_UUID,
    Advertisement,
    frame_of,
)
from hardware.sources.ports import Comports, PortInfo, access_remedy, list_comports, usb_id_of
from hardware.usb_ids import hid_button, port_model

_SYSFS_USB: Final = Path("/sys/bus/usb/devices")

# A characteristic that only the family of this service notifies.
_CHARACTERISTIC_OF: Final = {
    LBS_UUID: "00001524-1212-efde-1523-785feabcd123",
    MICROBIT_UUID: "e95dda90-251d-470a-a062-fa1922dfa9a8",
    KEYS_UUID: "0000ffe1-0000-1000-8000-00805f9b34fb",
}

# Peers in one survey. A hall full of telephones has fewer at a time.
_MAX_PEERS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Something plugged in."""

    source: str | None
    """The spec string to type; None when no source can hear it."""
    device: str | None
    """Its device path; None when it has no port."""
    vid: int | None
    pid: int | None
    serial_number: str | None
    product: str | None
    what: str
    """What it probably is, in a person's words."""
    family: str | None
    """The family its frames are likely of."""
    problem: str
    """What keeps us from using it, and the next step; empty when nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertiser:
    """A Bluetooth peer on air."""

    source: str | None
    """The spec string to type; None when it is no button we know."""
    address: str
    name: str | None
    rssi_dbm: int | None
    """The newest."""
    family: str | None
    """The family its frames are of; None when it is no button we know."""
    encrypted: bool | None
    """Whether its frames need a key; None when they do not say."""
    battery_percent: float | None
    """The newest it told."""
    advertisements: int
    """How many were heard."""


def attached(comports: Comports = list_comports, sysfs: Path = _SYSFS_USB) -> list[Attached]:
    """Every serial port, and the USB buttons that have none.

    Raises SourceRefusedError when the serial driver is not installed.
    """
    try:
        ports = list(comports())
    except ModuleNotFoundError as error:
        raise SourceRefusedError(
            "serial:", "pyserial is not installed", "pip install 'clickclaim[serial]'"
        ) from error
    rows = [_port_row(port) for port in sorted(ports, key=lambda port: port.device)]
    return rows + list(_hid_rows(sysfs))


def _port_row(port: PortInfo) -> Attached:
    usb = usb_id_of(port)
    model = port_model(port.vid, port.pid)
    named = usb is not None and usb.serial_number is not None
    usable = os.access(port.device, os.R_OK | os.W_OK)
    return Attached(
        # The serial number finds the board again at whatever path it gets next time.
        source=f"serial:usb={usb}" if named else f"serial:{port.device}",
        device=port.device,
        vid=port.vid,
        pid=port.pid,
        serial_number=port.serial_number,
        product=port.product,
        what=model.what,
        family=model.family,
        problem="" if usable else access_remedy(port.device),
    )


def _hid_rows(sysfs: Path) -> Iterator[Attached]:
    for device in sorted(sysfs.glob("*")):
        vid, pid = _hex_in(device / "idVendor"), _hex_in(device / "idProduct")
        what = hid_button(vid, pid) if vid is not None and pid is not None else None
        if what is not None:
            yield Attached(
                source=None,
                device=None,
                vid=vid,
                pid=pid,
                serial_number=_text_in(device / "serial"),
                product=_text_in(device / "product"),
                what=what,
                family=None,
                problem="it is a keyboard, not a port; no source hears it",
            )


def _text_in(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    return None


def _hex_in(path: Path) -> int | None:
    with contextlib.suppress(ValueError):
        return int(_text_in(path) or "", 16)
    return None


@dataclass(slots=True)
class Survey:
    """Advertisements in, one row a peer out."""

    _rows: dict[str, Advertiser] = field(default_factory=dict)
    _decoder: Decoder = field(default_factory=lambda: Decoder(NoKeys()))

    def heard(self, heard: Advertisement) -> None:
        """Count an advertisement in."""
        before = self._rows.get(heard.address)
        if before is None and len(self._rows) >= _MAX_PEERS:
            return
        family, encrypted, battery_percent = self._read(heard)
        count = 1
        if before is not None:  # an advertisement tells a part; the row keeps what others told
            count += before.advertisements
            family = family or before.family
            encrypted = before.encrypted if encrypted is None else encrypted
            if battery_percent is None:
                battery_percent = before.battery_percent
        self._rows[heard.address] = Advertiser(
            source=_source_for(heard.address, family),
            address=heard.address,
            name=heard.name or (before.name if before else None),
            rssi_dbm=heard.rssi_dbm,
            family=family,
            encrypted=encrypted,
            battery_percent=battery_percent,
            advertisements=count,
        )

    def rows(self) -> list[Advertiser]:
        """Buttons first, and the nearest first among equals."""
        return sorted(
            self._rows.values(),
            key=lambda row: (row.family is None, -(row.rssi_dbm or -128), row.address),
        )

    def _read(self, heard: Advertisement) -> tuple[str | None, bool | None, float | None]:
        """Family, encrypted or not, and battery, as far as this advertisement tells."""
        for uuid, value in heard.service_data:
            if uuid in BUTTON_SERVICE_DATA:
                frame = frame_of(heard, uuid, value, source="ble:", heard_ms=0)
                levels = [
                    told.battery_percent
                    for told in self._decoder.decode(frame)
                    if told.battery_percent is not None
                ]
                family = family_of(frame)
                return (
                    family.name if family else None,
                    is_encrypted(uuid, value),
                    levels[0] if levels else None,
                )
        return _family_of_link(heard), None, None


def is_encrypted(uuid: str, value: bytes) -> bool | None:
    """Whether this service data needs a key, by its first bytes; None when it does not say."""
    if uuid == BTHOME_UUID and value:
        return bool(value[0] & 0x01)
    if uuid == MIBEACON_UUID and len(value) >= 2:
        return bool(value[0] & 0x08)
    return None


def _family_of_link(heard: Advertisement) -> str | None:
    """The family of a button one has to connect to, by what it advertises."""
    if not offers_button(heard):
        return None
    name = (heard.name or "").lower()
    service = next((uuid for uuid in _CHARACTERISTIC_OF if uuid in heard.service_uuids), None)
    if service is None:  # its name gave it away
        service = MICROBIT_UUID if "micro:bit" in name else KEYS_UUID
    family = family_of(
        RawFrame(
            transport="ble-notify",
            source="ble:",
            heard_ms=0,
            payload=b"",
            channel=_CHARACTERISTIC_OF[service],
            name=heard.name,
            service_uuids=heard.service_uuids,
        )
    )
    return family.name if family else None


def _source_for(address: str, family: str | None) -> str | None:
    if family is None:
        return None
    return "ble:" if family in {"bthome", "mibeacon"} else f"ble:?gatt={address}"


async def advertising(
    seconds: float,
    *,
    adapter: str | None = None,
    backend: BleBackend | None = None,
    on_heard: Callable[[Advertisement], None] | None = None,
) -> list[Advertiser]:
    """Listen for so many seconds, and tell who was on air.

    Raises SourceAwayError or SourceRefusedError when there is no radio to listen with.
    """
    survey = Survey()

    def heard(advertisement: Advertisement) -> None:
        survey.heard(advertisement)
        if on_heard is not None:
            on_heard(advertisement)

    spec = f"ble:?all=1&adapter={adapter}" if adapter else "ble:?all=1"
    source = BleSource(
        spec,
        now_ms=lambda: 0,  # the frames themselves are not kept
        backend=backend,
        on_advertisement=heard,
    )
    try:
        await source.open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await source.read()
    finally:
        await source.close()
    return survey.rows()
