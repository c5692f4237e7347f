"""A simulated button's radio: it advertises its frames, or notifies the level of its contact."""

from __future__ import annotations

import struct
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from firmware_sim.core.device import Frame
from firmware_sim.links.errors import LinkError

BTHOME_UUID_16: Final = 0xFCD2
LBS_SERVICE: Final = "00001523-1212-efde-1523-785feabcd123"
LBS_BUTTON: Final = "00001524-1212-efde-1523-785feabcd123"

# AD types of the Bluetooth core supplement, part A.
_FLAGS, _UUIDS_128, _NAME, _SERVICE_DATA_16 = 0x01, 0x07, 0x09, 0x16

# LE General Discoverable and no classic Bluetooth: what BTHome asks for.
_LE_ONLY: Final = b"\x06"

# A legacy advertisement carries this many bytes, its scan response as many again.
_MAX_ADVERTISEMENT_BYTES: Final = 31

# As often as a Puck.js advertises an event: heard by receivers that listen a tenth of the time.
_INTERVAL_MS: Final = 20.0


def advertisement(value: bytes, *, uuid_16: int = BTHOME_UUID_16) -> bytes:
    """The bytes on air for service data. Raises LinkError when they are too many."""
    data = _part(_FLAGS, _LE_ONLY) + _part(_SERVICE_DATA_16, struct.pack("<H", uuid_16) + value)
    if len(data) > _MAX_ADVERTISEMENT_BYTES:
        raise LinkError(
            "the advertisement",
            f"would have {len(data)} bytes, and {_MAX_ADVERTISEMENT_BYTES} fit",
            f"say it in less than {len(value)} bytes of service data",
        )
    return data


class BleAir:
    """Air of its own, in this process: every radio on it hears every other one."""

    def __init__(self) -> None:
        try:
            from bumble.link import LocalLink  # noqa: PLC0415 - loaded when asked for
        except ModuleNotFoundError as error:
            raise _missing() from error
        self._link = LocalLink()  # type: ignore[no-untyped-call]

    def controller(self, name: str) -> Any:
        """A Bluetooth controller on this air, for a BleLink or for a receiver."""
        from bumble.controller import Controller  # noqa: PLC0415 - loaded when asked for

        # No public address: with one, scanning works and connecting hangs.
        return Controller(name, link=self._link)


class BleLink:
    """The radio of one simulated button.

    ``on`` is a controller of a BleAir, or the name of a real or virtual one in bumble's own
    words (``hci-socket:0``, ``serial:/dev/ttyACM1``, ``tcp-client:127.0.0.1:9000``).
    ``address`` is the random static address it goes by. With ``level_button`` it offers the
    Nordic LED Button Service instead of BTHome frames.
    """

    def __init__(
        self, on: Any, *, address: str, name: str = "clickclaim", level_button: bool = False
    ) -> None:
        self._on = on
        self._address = address
        self._name = name
        self._level_button = level_button
        self._stack = AsyncExitStack()
        self._device: Any = None
        self._button: Any = None

    async def start(self) -> None:
        """Switch the radio on. A level button advertises its service from now on."""
        try:
            from bumble.device import Device  # noqa: PLC0415 - loaded when asked for
            from bumble.hci import Address  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise _missing() from error
        self._device = Device(
            name=self._name, address=Address(self._address), host=await self._host()
        )
        if self._level_button:
            self._device.add_service(self._service())
        await self._device.power_on()
        if self._level_button:
            uuid = bytes.fromhex(LBS_SERVICE.replace("-", ""))[::-1]
            await self._advertise(_part(_FLAGS, _LE_ONLY) + _part(_UUIDS_128, uuid))

    async def send(self, frame: Frame) -> None:
        """Advertise the frame of a click, again and again, until the next one or ``quiet``."""
        await self.advertise(frame.payload)

    async def advertise(self, value: bytes, *, uuid_16: int = BTHOME_UUID_16) -> None:
        """Advertise any service data, until the next or ``quiet``. Raises LinkError."""
        if self._device is None:
            raise LinkError(f"the radio {self._address}", "is off", "start the link first")
        await self._advertise(advertisement(value, uuid_16=uuid_16))

    async def quiet(self) -> None:
        """Stop advertising."""
        await self._device.stop_advertising()

    async def level(self, *, pressed: bool) -> None:
        """The contact closes or opens: notify whoever subscribed."""
        await self._device.notify_subscribers(self._button, bytes([pressed]))

    async def drop(self) -> None:
        """Lose every connection, as a button does that goes out of range; advertise again."""
        for connection in list(self._device.connections.values()):
            await connection.disconnect()

    async def stop(self) -> None:
        """Switch the radio off."""
        device, self._device = self._device, None
        if device is not None:
            await device.stop_advertising()
            for connection in list(device.connections.values()):
                await connection.disconnect()
            await device.power_off()
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _host(self) -> Any:
        from bumble.host import Host  # noqa: PLC0415 - loaded when asked for
        from bumble.transport import open_transport  # noqa: PLC0415
        from bumble.transport.common import AsyncPipeSink  # noqa: PLC0415

        if isinstance(self._on, str):
            transport = await self._stack.enter_async_context(await open_transport(self._on))
            return Host(transport.source, transport.sink)
        return Host(self._on, AsyncPipeSink(self._on))

    def _service(self) -> Any:
        from bumble.gatt import Characteristic, Service  # noqa: PLC0415 - loaded when asked for

        self._button = Characteristic(
            LBS_BUTTON,
            Characteristic.Properties.READ | Characteristic.Properties.NOTIFY,
            Characteristic.READABLE,
            bytes([0]),
        )
        return Service(LBS_SERVICE, [self._button])

    async def _advertise(self, data: bytes) -> None:
        await self._device.start_advertising(
            auto_restart=True,
            advertising_data=data,
            scan_response_data=_part(_NAME, self._name.encode()),
            advertising_interval_min=_INTERVAL_MS,
            advertising_interval_max=_INTERVAL_MS,
        )


def _missing() -> LinkError:
    return LinkError("simulated Bluetooth", "needs bumble", "pip install bumble")


def _part(kind: int, content: bytes) -> bytes:
    return bytes([len(content) + 1, kind]) + content
