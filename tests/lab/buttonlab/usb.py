"""A USB serial button that can be plugged into the guest and pulled out, line in hand."""

from __future__ import annotations

import asyncio

from .machine import Machine


class UsbButton:
    """An FTDI adapter (0403:6001) with a serial number, and the board behind it.

    The guest's kernel enumerates it for real; ``send`` is what the board writes.
    """

    def __init__(self, machine: Machine, serial_number: str, number: int = 0) -> None:
        self._machine = machine
        self._serial_number = serial_number
        self._chardev = f"usb{number}"
        self._socket = machine.usb_socket(number)
        self._writer: asyncio.StreamWriter | None = None
        self._plugs = 0
        self._id = ""

    async def plug(self, port: str | None = None) -> None:
        """Plug it in; ``port`` names one of the controller's sockets (``1`` to ``4``)."""
        if self._writer is None:
            # QEMU attaches the device only when somebody holds its other end.
            _, self._writer = await asyncio.open_unix_connection(str(self._socket))
        self._plugs += 1
        self._id = f"{self._chardev}-{self._plugs}"
        where = {} if port is None else {"port": port}
        await self._machine.qmp.execute(
            "device_add",
            driver="usb-serial",
            id=self._id,
            bus="xhci.0",
            chardev=self._chardev,
            serial=self._serial_number,
            **where,
        )

    async def unplug(self) -> None:
        """Pull it out; returns when QEMU has let go of it."""
        await self._machine.qmp.execute("device_del", id=self._id)
        await self._machine.qmp.wait_for("DEVICE_DELETED", device=self._id)

    async def send(self, line: bytes) -> None:
        """Write bytes as the board does."""
        assert self._writer is not None, "not plugged in yet"
        self._writer.write(line)
        await self._writer.drain()

    async def close(self) -> None:
        """Let go of its other end."""
        if self._writer is not None:
            self._writer.close()
