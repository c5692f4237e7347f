"""A small org.bluez: enough of its D-Bus face for bleak's real backend to scan and connect."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from bleak.backends.bluezdbus import manager
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
MONITORS = "org.bluez.AdvertisementMonitorManager1"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"

_SIGNATURES = {
    "Address": "s", "Alias": "s", "Name": "s", "Adapter": "o", "RSSI": "n", "UUIDs": "as",
    "Connected": "b", "Paired": "b", "ServicesResolved": "b", "Powered": "b", "Roles": "as",
    "ServiceData": "a{sv}", "ManufacturerData": "a{qv}", "UUID": "s", "Primary": "b",
    "Device": "o", "Service": "o", "Flags": "as", "Value": "ay", "Discovering": "b",
}  # fmt: skip


def _wrap(properties: dict[str, Any]) -> dict[str, Variant]:
    wrapped = {}
    for name, value in properties.items():
        is_table = name in {"ServiceData", "ManufacturerData"}
        plain = {key: Variant("ay", data) for key, data in value.items()} if is_table else value
        wrapped[name] = Variant(_SIGNATURES[name], plain)
    return wrapped


class FakeBluez:
    """Runs on the system bus that the environment names; start again for a restart."""

    def __init__(self, *, passive: bool = False) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {}
        self.peers: dict[str, dict[str, list[str]]] = {}
        self.calls: list[str] = []
        self.called = asyncio.Event()
        self.refuses: dict[str, str] = {}
        """Method -> name of the error it answers with."""
        self._passive = passive
        self._bus: MessageBus | None = None

    async def start(self) -> None:
        self._bus = MessageBus(bus_type=BusType.SYSTEM)
        await self._bus.connect()
        self._bus.add_message_handler(self._answer)
        await self._bus.request_name("org.bluez")

    async def stop(self) -> None:
        """bluetoothd ends: its name and all it knew are gone, and nobody is told more."""
        self.objects.clear()
        if self._bus is not None:
            self._bus.disconnect()
            with contextlib.suppress(EOFError):  # the bus itself may have ended first
                await self._bus.wait_for_disconnect()
            self._bus = None

    async def count(self, method: str, times: int = 1) -> None:
        """Return when a method was called so many times."""
        while self.calls.count(method) < times:
            self.called.clear()
            await asyncio.wait_for(self.called.wait(), 30)

    def add_adapter(self, name: str = "hci0", *, powered: bool = True) -> None:
        properties = {"Address": "00:00:5E:00:53:01", "Powered": powered, "Roles": ["central"]}
        self._add(f"/org/bluez/{name}", ADAPTER, properties)

    def remove_adapter(self, name: str = "hci0") -> None:
        for path in [path for path in self.objects if path.startswith(f"/org/bluez/{name}")]:
            self._remove(path)

    def power(self, on: bool, name: str = "hci0") -> None:
        self._change(f"/org/bluez/{name}", ADAPTER, {"Powered": on})

    def advertise(
        self,
        address: str,
        *,
        service_data: dict[str, bytes] | None = None,
        name: str | None = None,
        rssi: int = -60,
        uuids: tuple[str, ...] = (),
        manufacturer_data: dict[int, bytes] | None = None,
    ) -> None:
        """Somebody advertises: a new device, or changed properties of a known one."""
        properties: dict[str, Any] = {"RSSI": rssi}
        if service_data is not None:
            properties["ServiceData"] = service_data
        if manufacturer_data is not None:
            properties["ManufacturerData"] = manufacturer_data
        if name is not None:
            properties |= {"Name": name, "Alias": name}
        if uuids:
            properties["UUIDs"] = list(uuids)
        path = self.path_of(address)
        if path in self.objects:
            self._change(path, DEVICE, properties)
            return
        known = {"Address": address, "Alias": address.replace(":", "-"), "Adapter": path[:15]}
        state = {"Connected": False, "Paired": False, "ServicesResolved": False, "UUIDs": []}
        self._add(path, DEVICE, known | state | properties)

    def change(self, address: str, **properties: Any) -> None:
        """Properties of a device change for another reason than an advertisement."""
        self._change(self.path_of(address), DEVICE, properties)

    def offer(self, address: str, services: dict[str, list[str]]) -> None:
        """What a peer has to offer once connected: service UUID -> characteristic UUIDs."""
        self.peers[self.path_of(address)] = services

    def notify(self, address: str, characteristic: str, value: bytes) -> None:
        path = next(
            path
            for path, interfaces in self.objects.items()
            if path.startswith(self.path_of(address))
            and interfaces.get(CHARACTERISTIC, {}).get("UUID") == characteristic
        )
        self._change(path, CHARACTERISTIC, {"Value": value})

    def drop(self, address: str) -> None:
        """The link is lost."""
        path = self.path_of(address)
        for below in [other for other in self.objects if other.startswith(f"{path}/")]:
            self._remove(below)
        self._change(path, DEVICE, {"ServicesResolved": False, "Connected": False})

    @staticmethod
    def path_of(address: str) -> str:
        return f"/org/bluez/hci0/dev_{address.replace(':', '_')}"

    def _connect(self, path: str) -> None:
        self._change(path, DEVICE, {"Connected": True})
        handle = 10
        for service, characteristics in self.peers.get(path, {}).items():
            service_path = f"{path}/service{handle:04x}"
            self._add(service_path, SERVICE, {"UUID": service, "Device": path, "Primary": True})
            for characteristic in characteristics:
                handle += 1
                flags = {"UUID": characteristic, "Service": service_path, "Flags": ["notify"]}
                self._add(f"{service_path}/char{handle:04x}", CHARACTERISTIC, flags)
            handle += 1
        self._change(path, DEVICE, {"ServicesResolved": True})

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL or message.path is None:
            return None
        if message.interface == OBJECTS:
            wrapped = {
                path: {interface: _wrap(properties) for interface, properties in there.items()}
                for path, there in self.objects.items()
            }
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [wrapped])
        method = str(message.member)
        self.calls.append(method)
        self.called.set()
        if message.interface == MONITORS and not self._passive:
            return Message.new_error(
                message, "org.freedesktop.DBus.Error.UnknownMethod", "no monitors here"
            )
        if message.path not in self.objects:
            return Message.new_error(
                message, "org.freedesktop.DBus.Error.UnknownObject", f"no {message.path}"
            )
        if method in self.refuses:
            return Message.new_error(message, self.refuses[method], "refused by the test")
        if message.interface == DEVICE and method == "Connect":
            self._connect(message.path)
        if message.interface == DEVICE and method == "Disconnect":
            self.drop(message.path[-17:].replace("_", ":"))
        return Message.new_method_return(message)

    def _add(self, path: str, interface: str, properties: dict[str, Any]) -> None:
        self.objects[path] = {interface: dict(properties)}
        added = {interface: _wrap(properties)}
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, added])

    def _remove(self, path: str) -> None:
        interfaces = list(self.objects.pop(path))
        self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, interfaces])

    def _change(self, path: str, interface: str, properties: dict[str, Any]) -> None:
        self.objects[path][interface].update(properties)
        body = [interface, _wrap(properties), []]
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def _signal(self, path: str, interface: str, member: str, signature: str, body: Any) -> None:
        if self._bus is not None:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))


async def leave_bleak() -> None:
    """Close the connection that bleak keeps for the life of the loop."""
    bleaks = manager._global_instances.pop(asyncio.get_running_loop(), None)
    if bleaks is not None and bleaks._bus is not None:
        bleaks._bus.disconnect()
        await bleaks._bus_watcher_task
