"""What BlueZ itself says about its adapters, which the scanner never tells: gone, off, restarted.

A scan simply falls silent when bluetoothd restarts or an adapter is pulled. The bus says so at
once, so it is asked on a connection of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from hardware.source import SourceAwayError, SourceRefusedError

_BUS: Final = "org.freedesktop.DBus"
_BLUEZ: Final = "org.bluez"
_ADAPTER: Final = "org.bluez.Adapter1"
_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"

# Leaving is one closed socket; longer than this it has gone wrong, and nobody needs to wait.
_LEAVE_S: Final = 2.0

_MATCHES: Final = (
    f"interface='{_BUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
    f"interface='{_OBJECTS}',member='InterfacesAdded',arg0path='/org/bluez/'",
    f"interface='{_OBJECTS}',member='InterfacesRemoved',arg0path='/org/bluez/'",
    f"interface='{_PROPERTIES}',path_namespace='/org/bluez',arg0='{_ADAPTER}'",
)


def adapter_problem(
    *, running: bool, adapters: Mapping[str, bool], wanted: str | None
) -> tuple[str, str] | None:
    """What keeps us from hearing, and the next step; None when all is well.

    ``adapters`` says of each adapter (``hci0``) whether it is switched on.
    """
    if not running:
        return "bluetoothd is not running", "sudo systemctl start bluetooth"
    if wanted is not None and wanted not in adapters:
        there = ", ".join(sorted(adapters)) or "none"
        return f"there is no Bluetooth adapter {wanted}", f"plug it in; attached now: {there}"
    if not adapters:
        return (
            "there is no Bluetooth adapter",
            "plug one in; if it is, see whether `rfkill list` blocks it",
        )
    if not any(on for name, on in adapters.items() if wanted in (None, name)):
        off = wanted or ", ".join(sorted(adapters))
        return f"Bluetooth adapter {off} is off", "switch it on: bluetoothctl power on"
    return None


class BluezWatch:
    """Follows BlueZ and its adapters on the system bus, and calls back at every change."""

    def __init__(self, spec: str, *, wanted: str | None, on_change: Callable[[], None]) -> None:
        self._spec = spec
        self._wanted = wanted
        self._on_change = on_change
        self._running = False
        self._adapters: dict[str, bool] = {}
        self._stopped = False
        self._bus: Any = None
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn how things are, and follow them from then on.

        Raises:
            SourceAwayError: there is no system bus.
            SourceRefusedError: the bus does not let us in.
        """
        from dbus_fast import AuthError, BusType, DBusError  # noqa: PLC0415 - loaded on demand
        from dbus_fast.aio import MessageBus  # noqa: PLC0415

        remedy = "install and start dbus and bluez"
        try:
            self._bus = MessageBus(bus_type=BusType.SYSTEM)
            await self._bus.connect()
            self._ending = asyncio.create_task(
                self._until_the_bus_ends(self._bus), name="bluez bus"
            )
            self._bus.add_message_handler(self._heard)
            for rule in _MATCHES:
                await self._call(_BUS, "AddMatch", "s", [f"type='signal',{rule}"])
            await self._ask()
        except AuthError as error:
            raise SourceRefusedError(
                self._spec, f"D-Bus refuses us ({error})", "run as a user of this machine"
            ) from error
        except (OSError, EOFError, DBusError) as error:
            raise SourceAwayError(
                self._spec, f"there is no D-Bus system bus ({error})", remedy
            ) from error

    def problem(self, adapter: str | None = None) -> tuple[str, str] | None:
        """What is wrong now with this adapter (or with the wanted one), and the next step."""
        return adapter_problem(
            running=self._running, adapters=self._adapters, wanted=adapter or self._wanted
        )

    def pick(self) -> str | None:
        """The adapter to use: the wanted one, or the first that is on."""
        on = sorted(name for name, powered in self._adapters.items() if powered)
        return self._wanted or (on[0] if on else None)

    async def stop(self) -> None:
        """Leave the bus. Never raises."""
        self._stopped = True
        bus, self._bus = self._bus, None
        ending, self._ending = self._ending, None
        if bus is not None:
            with contextlib.suppress(Exception):  # a broken bus may say anything on leaving
                bus.disconnect()
        if ending is not None:
            await asyncio.wait({ending}, timeout=_LEAVE_S)

    async def _ask(self) -> None:
        reply = await self._call(_BLUEZ, "GetManagedObjects", path="/", interface=_OBJECTS)
        self._running = reply is not None
        self._adapters = {}
        for path, interfaces in (reply or {}).items():
            self._added(path, interfaces)

    async def _call(
        self,
        destination: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        path: str = "/org/freedesktop/DBus",
        interface: str = _BUS,
    ) -> Any:
        """The first value of the answer; None when the peer is not there."""
        from dbus_fast import Message, MessageType  # noqa: PLC0415 - loaded on demand

        reply = await self._bus.call(
            Message(
                destination=destination,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body or [],
            )
        )
        if reply.message_type is MessageType.ERROR:
            if "AccessDenied" in (reply.error_name or ""):
                raise SourceRefusedError(
                    self._spec,
                    f"D-Bus does not let us speak to {destination}",
                    "join the group: sudo usermod -aG bluetooth $USER, then log out and in again",
                )
            return None
        return reply.body[0] if reply.body else None

    def _heard(self, message: Any) -> None:
        if message.message_type.name != "SIGNAL":
            return
        match message.member:
            case "NameOwnerChanged" if message.body[0] == _BLUEZ:
                self._running = bool(message.body[2])
                self._adapters.clear()  # they are announced again, one by one
            case "InterfacesAdded":
                self._added(*message.body)
            case "InterfacesRemoved" if _ADAPTER in message.body[1]:
                self._adapters.pop(_name_of(message.body[0]), None)
            case "PropertiesChanged" if message.body[0] == _ADAPTER:
                if "Powered" in message.body[1]:
                    self._adapters[_name_of(message.path)] = message.body[1]["Powered"].value
            case _:
                return
        self._on_change()

    def _added(self, path: str, interfaces: Mapping[str, Any]) -> None:
        if _ADAPTER in interfaces:
            self._running = True
            powered = interfaces[_ADAPTER].get("Powered")
            self._adapters[_name_of(path)] = bool(powered and powered.value)

    async def _until_the_bus_ends(self, bus: Any) -> None:
        with contextlib.suppress(Exception):  # why it ended does not matter: it did
            await bus.wait_for_disconnect()
        self._running = False
        self._adapters.clear()
        if not self._stopped:
            self._on_change()


def _name_of(path: str) -> str:
    return path.rpartition("/")[2]
