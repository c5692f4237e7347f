"""A USB serial button that can be plugged into the guest and pulled out, line in hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .machine import Machine


class UsbButton:
    """An FTDI adapter (0403:6001) with a serial number, and the board behind it.

    The guest's kernel enumerates it for real; ``send`` is what the board writes.
    """

    def __init__(self, machine: Machine, serial_number: str, writer: asyncio.StreamWriter) -> None:
        self._machine = machine
        self._serial_number = serial_number
        self._writer = writer
        self._plugs = 0

    async def plug(self, port: str) -> None:
        """Plug it into one of the controller's sockets, ``1`` to ``4``."""
        self._plugs += 1
        await self._machine.qmp.execute(
            "device_add",
            driver="usb-serial",
            id=self._id,
            bus="xhci.0",
            port=port,
            chardev="usb",
            serial=self._serial_number,
        )

    async def unplug(self) -> None:
        """Pull it out; returns when QEMU has let go of it."""
        await self._machine.qmp.execute("device_del", id=self._id)
        await self._machine.qmp.wait_for("DEVICE_DELETED", device=self._id)

    async def send(self, line: bytes) -> None:
        """Write bytes as the board does."""
        self._writer.write(line)
        await self._writer.drain()

    @property
    def _id(self) -> str:
        return f"button-{self._plugs}"


@asynccontextmanager
async def in_hand(machine: Machine, serial_number: str) -> AsyncIterator[UsbButton]:
    """A button that is not plugged in yet."""
    # QEMU attaches the device only while somebody holds its other end.
    _, writer = await asyncio.open_unix_connection(str(machine.usb_socket))
    try:
        yield UsbButton(machine, serial_number, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
