"""What a USB device probably is, by vendor and product: boards, bridge chips, and buttons."""

from __future__ import annotations

from typing import Final, NamedTuple


class UsbModel(NamedTuple):
    """What is known of a vendor and product id."""

    what: str
    """In a person's words."""
    family: str | None
    """The family of its frames, when it can only be one."""


# A board that can run our own firmware speaks the native sentence; which one it runs, only its
# first line tells.
_OURS: Final = "native"

# Sources: the Raspberry Pi list of USB product ids; boards.txt of Arduino's AVR core; Arm's
# DAPLink; Adafruit's vendor id as the mu editor knows it; the chip makers' own numbers for bridges.
_PORTS: Final[dict[tuple[int, int | None], UsbModel]] = {
    (0x2E8A, 0x0005): UsbModel("Raspberry Pi Pico with MicroPython", _OURS),
    (0x2E8A, 0x0009): UsbModel("Raspberry Pi Pico, C firmware", None),
    (0x2E8A, 0x000A): UsbModel("Raspberry Pi Pico, C firmware", None),
    (0x2E8A, 0x000B): UsbModel("Raspberry Pi Pico with CircuitPython", None),
    (0x2E8A, 0x000C): UsbModel("Raspberry Pi debug probe", None),
    (0x2341, 0x0043): UsbModel("Arduino Uno", None),
    (0x2341, 0x0001): UsbModel("Arduino Uno", None),
    (0x2341, 0x0243): UsbModel("Arduino Uno", None),
    (0x2341, 0x006A): UsbModel("Arduino Uno", None),
    (0x2A03, 0x0043): UsbModel("Arduino Uno", None),
    (0x2341, 0x0010): UsbModel("Arduino Mega", None),
    (0x2341, 0x0042): UsbModel("Arduino Mega", None),
    (0x2341, 0x8036): UsbModel("Arduino Leonardo", None),
    (0x2341, 0x8037): UsbModel("Arduino Micro", None),
    (0x0D28, 0x0204): UsbModel("BBC micro:bit, or another DAPLink board", None),
    (0x239A, None): UsbModel("Adafruit board", None),
    (0x303A, None): UsbModel("Espressif board", _OURS),
    (0x0403, None): UsbModel("any board behind an FTDI bridge", None),
    (0x10C4, 0xEA60): UsbModel("any board behind a CP210x bridge", None),
    (0x1A86, 0x7523): UsbModel("any board behind a CH340 bridge", None),
    (0x1A86, 0x55D4): UsbModel("any board behind a CH9102 bridge", None),
}

# Buttons that are keyboards or HID devices. We hear none of them; a person who plugs one in
# should read that, not wonder. Sources: the footswitch project; BigRedButtonNodeHID.
_HID: Final[dict[tuple[int, int | None], str]] = {
    (0x1D34, 0x000D): "Dream Cheeky Big Red Button",
    (0x0C45, 0x7403): "foot switch",
    (0x0C45, 0x7404): "foot switch",
    (0x413D, 0x2107): "foot switch",
    (0x1A86, 0xE026): "foot switch",
    (0x3553, 0xB001): "foot switch",
    (0x0426, 0x3011): "foot switch",
    (0x055A, 0x0998): "foot switch",
}


def port_model(vid: int | None, pid: int | None) -> UsbModel:
    """What stands behind a serial port."""
    if vid is None:
        return UsbModel("serial port of this machine", None)
    known = _PORTS.get((vid, pid)) or _PORTS.get((vid, None))
    return known or UsbModel("unknown board", None)


def hid_button(vid: int, pid: int) -> str | None:
    """The button that is no serial port; None when it is none that we know."""
    return _HID.get((vid, pid))
