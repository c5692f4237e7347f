"""The air around the guest: its Bluetooth adapter and the BLE buttons that the test presses.

The adapter is a Bumble controller on the guest's second serial port; each button is a Bumble
device on the same simulated air, in the test's own process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bumble import hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Service
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink
from bumble.transport.unix import open_unix_client_transport

# A frame of 31 bytes takes 5 ms on the adapter's 115200 baud and Bumble reports each twice, so
# faster advertising than this would fill the line.
_INTERVAL_MS = 60.0

# nrfconnect/sdk-nrf, include/bluetooth/services/lbs.h
LBS_SERVICE = "00001523-1212-efde-1523-785feabcd123"
LBS_BUTTON = "00001524-1212-efde-1523-785feabcd123"
LBS_LED = "00001525-1212-efde-1523-785feabcd123"

_BTHOME_UUID = bytes.fromhex("d2fc")  # 0xFCD2 as it stands in an advertisement


class Air:
    """What the guest's adapter can hear."""

    def __init__(self) -> None:
        self._link: LocalLink = LocalLink()  # type: ignore[no-untyped-call]

    def place(self, name: str, address: str) -> Device:
        """A silent BLE device at this static random address."""
        controller = Controller(name, link=self._link)
        host = Host(controller, AsyncPipeSink(controller))
        return Device(name=name, address=hci.Address(address), host=host)


@asynccontextmanager
async def adapter(socket: Path) -> AsyncIterator[Air]:
    """Plug a Bluetooth adapter into the guest's serial port, for as long as the block lasts."""
    air = Air()
    transport = await open_unix_client_transport(str(socket))
    # No public address: with one, Bumble lets the guest scan but its connections hang.
    Controller("adapter", transport.source, transport.sink, link=air._link)
    try:
        yield air
    finally:
        await transport.close()


class BthomeButton:
    """A button that broadcasts its presses as BTHome service data, like a Shelly BLU."""

    def __init__(self, air: Air, address: str, name: str = "SBBT-002C") -> None:
        self._device = air.place(name, address)
        self._name = name
        self._on = False

    async def advertise(self, service_data: bytes) -> None:
        """Broadcast this frame again and again, until the next frame or ``silence``."""
        if not self._on:
            await self._device.power_on()
            self._on = True
        await self.silence()
        fields = [
            (AdvertisingData.FLAGS, b"\x06"),
            (AdvertisingData.COMPLETE_LOCAL_NAME, self._name.encode()),
            (AdvertisingData.SERVICE_DATA_16_BIT_UUID, _BTHOME_UUID + service_data),
        ]
        await self._device.start_advertising(
            advertising_data=bytes(AdvertisingData(fields)),
            advertising_interval_min=_INTERVAL_MS,
            advertising_interval_max=_INTERVAL_MS,
        )

    async def heard_often(self) -> None:
        """Wait until the frame was on the air a dozen times."""
        await asyncio.sleep(12 * _INTERVAL_MS / 1000)

    async def silence(self) -> None:
        """Stop broadcasting."""
        if self._device.is_advertising:
            await self._device.stop_advertising()


class LbsButton:
    """A Nordic LED Button Service peripheral: connect to it, and it notifies its level."""

    def __init__(self, air: Air, address: str, name: str = "Nordic_LBS") -> None:
        self._device = air.place(name, address)
        self._name = name
        self._level = Characteristic(
            LBS_BUTTON,
            Characteristic.Properties.READ | Characteristic.Properties.NOTIFY,
            Characteristic.READABLE,
            b"\x00",
        )
        led = Characteristic(
            LBS_LED,
            Characteristic.Properties.READ | Characteristic.Properties.WRITE,
            Characteristic.READABLE | Characteristic.WRITEABLE,
            b"\x00",
        )
        self._device.add_service(Service(LBS_SERVICE, [self._level, led]))
        self._connection: Connection | None = None
        self._subscribed = asyncio.Event()
        self._device.on("connection", self._on_connection)
        self._level.on("subscription", self._on_subscription)

    async def switch_on(self) -> None:
        """Advertise; again after every disconnection."""
        await self._device.power_on()
        await self.come_near()

    async def come_near(self) -> None:
        """Advertise again after a loss of the link."""
        fields = [
            (AdvertisingData.FLAGS, b"\x06"),
            (AdvertisingData.COMPLETE_LOCAL_NAME, self._name.encode()),
        ]
        # The service's 128-bit UUID does not fit beside the name: Nordic's sample puts it in the
        # scan response too.
        service = [(AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, _uuid_bytes())]
        await self._device.start_advertising(
            advertising_data=bytes(AdvertisingData(fields)),
            scan_response_data=bytes(AdvertisingData(service)),
            advertising_interval_min=_INTERVAL_MS,
            advertising_interval_max=_INTERVAL_MS,
        )

    async def heard(self) -> None:
        """Wait until somebody is connected and subscribed to the button."""
        await self._subscribed.wait()

    async def set_level(self, pressed: bool) -> None:
        """Press or release: tell whoever subscribed."""
        self._level.value = b"\x01" if pressed else b"\x00"
        await self._device.notify_subscribers(self._level)

    async def press(self, held_s: float = 0.1) -> None:
        """Press, hold and release; a finger's press lasts about 0.1 s."""
        await self.set_level(True)
        await asyncio.sleep(held_s)
        await self.set_level(False)

    async def go_out_of_range(self) -> None:
        """Lose the link the way distance does: the peer sees a supervision timeout."""
        assert self._connection is not None, "nobody is connected"
        self._subscribed.clear()
        connection, self._connection = self._connection, None
        await connection.disconnect(hci.HCI_CONNECTION_TIMEOUT_ERROR)

    def _on_connection(self, connection: Connection) -> None:
        self._connection = connection

    def _on_subscription(self, connection: Connection, notify: bool, indicate: bool) -> None:
        if notify:
            self._subscribed.set()


def _uuid_bytes() -> bytes:
    return UUID(LBS_SERVICE).to_bytes()
