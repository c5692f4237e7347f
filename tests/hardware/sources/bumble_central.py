"""bleak's two halves over bumble, in this process: what ``backend=`` is for where no D-Bus is."""

from __future__ import annotations

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, Peer
from bumble.hci import Address
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

BASE_UUID = "-0000-1000-8000-00805f9b34fb"
NAMES = (AdvertisingData.Type.COMPLETE_LOCAL_NAME, AdvertisingData.Type.SHORTENED_LOCAL_NAME)
UUIDS = (
    AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)


def long_uuid(uuid: UUID) -> str:
    text = uuid.to_hex_str("-").lower()
    return f"0000{text}{BASE_UUID}" if len(text) == 4 else text


async def central_on(controller) -> Device:
    """A central that is switched on."""
    host = Host(controller, AsyncPipeSink(controller))
    device = Device(name="station", address=Address("F0:F1:F2:F3:F4:F0"), host=host)
    await device.power_on()
    return device


class BumbleScanner(BaseBleakScanner):
    central: Device

    def __init__(self, callback, service_uuids, scanning_mode, **_):
        super().__init__(callback, service_uuids)
        self._active = scanning_mode == "active"

    async def start(self):
        self.seen_devices = {}
        self.central.on("advertisement", self._heard)
        await self.central.start_scanning(active=self._active)

    async def stop(self):
        self.central.remove_listener("advertisement", self._heard)
        await self.central.stop_scanning()

    def _heard(self, heard):
        address = heard.address.to_string(with_type_qualifier=False)
        data = heard.data
        name = next((found for kind in NAMES for found in data.get_all(kind)), None)
        pairs = data.get_all(AdvertisingData.Type.SERVICE_DATA_16_BIT_UUID)
        lists = [found for kind in UUIDS for found in data.get_all(kind)]
        advertisement = AdvertisementData(
            name,
            dict(data.get_all(AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA)),
            {long_uuid(uuid): value for uuid, value in pairs},
            [long_uuid(uuid) for uuids in lists for uuid in uuids],
            None,
            heard.rssi,
            (),
        )
        device = self.create_or_update_device(address, address, name, heard.address, advertisement)
        self.call_detection_callbacks(device, advertisement)


class BumbleClient(BaseBleakClient):
    central: Device
    mtu_size = 23

    def __init__(self, device, services=None, *, disconnected_callback, timeout, **_):
        super().__init__(device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._peer_address = device.details
        self._connection = None
        self._peer = None

    @property
    def is_connected(self):
        return self._connection is not None

    async def connect(self, pair, **_):
        self._connection = await self.central.connect(self._peer_address, timeout=self._timeout)
        self._connection.on("disconnection", self._disconnected)
        self._peer = Peer(self._connection)
        await self._peer.discover_all()
        self.services = BleakGATTServiceCollection()
        for found in self._peer.services:
            service = BleakGATTService(found, found.handle, long_uuid(found.uuid))
            self.services.add_service(service)
            for inner in found.characteristics:
                flags = [str(flag.name).lower().replace("_", "-") for flag in inner.properties]
                self.services.add_characteristic(
                    BleakGATTCharacteristic(
                        inner, inner.handle, long_uuid(inner.uuid), flags, lambda: 20, service
                    )
                )

    def _disconnected(self, _):
        self._connection = None
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def disconnect(self):
        if self._connection is not None:
            await self._connection.disconnect()

    async def start_notify(self, characteristic, callback, **_):
        if self._peer is None:
            raise BleakError("not connected")
        await self._peer.subscribe(characteristic.obj, lambda value: callback(bytearray(value)))

    async def _not_needed(self, *_, **__):
        raise NotImplementedError

    pair = unpair = read_gatt_char = write_gatt_char = _not_needed
    read_gatt_descriptor = write_gatt_descriptor = stop_notify = _not_needed


def scanner_of(central: Device) -> type[BaseBleakScanner]:
    """A scanner class that listens with this central."""
    return type("Scanner", (BumbleScanner,), {"central": central})


def client_of(central: Device) -> type[BaseBleakClient]:
    """A client class that connects with this central."""
    return type("Client", (BumbleClient,), {"central": central})
