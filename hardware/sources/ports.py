"""Which serial port a spec means, also after a replug, and why a port will not open."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hardware.source import (
    SourceAwayError,
    SourceError,
    SourceRefusedError,
    SourceSpecError,
)

_SCHEME: Final = "serial:"
_USB: Final = "usb="
_DEFAULT_BAUD: Final = 115_200

# hwgrep:// only searches this machine's own ports; every other handler may be a network.
_LOCAL_HANDLERS: Final = ("hwgrep://",)

_BUSY: Final = frozenset({errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
_GONE: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO})


class PortInfo(Protocol):
    """What pyserial's ``list_ports.comports()`` says about a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    product: str | None
    manufacturer: str | None
    location: str | None


Comports = Callable[[], Iterable[PortInfo]]


def list_comports() -> list[PortInfo]:
    """The serial ports of this machine. Raises ImportError without pyserial."""
    from serial.tools.list_ports import comports  # noqa: PLC0415 - drivers load when asked for

    return list(comports())


@dataclass(frozen=True, slots=True)
class UsbId:
    """What stays the same when a board is plugged in elsewhere."""

    vid: int
    pid: int
    serial_number: str | None

    def matches(self, port: PortInfo) -> bool:
        """Whether this port belongs to that board; a missing serial number matches any."""
        same_model = (port.vid, port.pid) == (self.vid, self.pid)
        return same_model and self.serial_number in (None, port.serial_number)

    def __str__(self) -> str:
        number = "" if self.serial_number is None else f":{self.serial_number}"
        return f"{self.vid:04x}:{self.pid:04x}{number}"


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A ``serial:`` spec string, taken apart."""

    spec: str
    baud: int
    path: str | None = None
    """Device path, or a URL for pyserial when ``is_url``."""
    usb: UsbId | None = None
    is_url: bool = False

    @classmethod
    def parse(cls, spec: str) -> PortSpec:
        """Understand ``serial:PATH``, ``serial:usb=VID:PID[:SERIAL]`` or ``serial:URL``.

        ``?baud=N`` may follow each; what else stands behind ``?`` belongs to the URL.
        Raises SourceSpecError.
        """
        rest, _, query = spec.removeprefix(_SCHEME).partition("?")
        baud, others = _DEFAULT_BAUD, []
        for option in filter(None, query.split("&")):
            name, _, value = option.partition("=")
            if name != "baud":
                others.append(option)
            elif not (value.isascii() and value.isdigit() and int(value) > 0):
                raise SourceSpecError(spec, f"baud rate {value!r} is not a number", "try 115200")
            else:
                baud = int(value)
        is_url = "://" in rest
        if not rest:
            raise SourceSpecError(spec, "names no port", "`clickclaim buttons` lists them")
        if others and not is_url:
            raise SourceSpecError(spec, f"unknown option {others[0]!r}", "only baud= is known")
        if rest.startswith(_USB):
            return cls(spec, baud, usb=_parse_usb(spec, rest.removeprefix(_USB)))
        path = "?".join([rest, "&".join(others)]) if others else rest
        return cls(spec, baud, path=path, is_url=is_url)

    @property
    def heard_directly(self) -> bool:
        """Whether our own driver is at the other end, and not a network or another program."""
        if self.path is None:
            return True
        if self.is_url:
            return self.path.startswith(_LOCAL_HANDLERS)
        # The far end of a pseudo terminal is a program, which may get its bytes from anywhere.
        return not os.path.realpath(self.path).startswith("/dev/pts/")


def _parse_usb(spec: str, text: str) -> UsbId:
    vid, _, rest = text.partition(":")
    pid, _, serial_number = rest.partition(":")  # a serial number may hold colons itself
    try:
        return UsbId(int(vid, 16), int(pid, 16), serial_number or None)
    except ValueError:
        raise SourceSpecError(
            spec, "usb= wants VID:PID or VID:PID:SERIAL in hexadecimal", "like usb=2e8a:0005"
        ) from None


def find_port(
    wanted: PortSpec, ports: Iterable[PortInfo], remembered: UsbId | None = None
) -> tuple[str, PortInfo | None]:
    """Where the wanted port is now, and what is known about it.

    A board named by its path is looked for by its serial number first, once that was seen: after
    a replug it may have another path, and its old path may belong to its neighbour.

    Raises:
        SourceAwayError: it is not attached.
        SourceRefusedError: several boards fit the description.
    """
    known = list(ports)
    if wanted.usb is not None:
        return _find_usb(wanted, [port for port in known if wanted.usb.matches(port)])
    assert wanted.path is not None
    if wanted.is_url:
        return wanted.path, None
    if remembered is not None and remembered.serial_number is not None:
        for port in known:
            if remembered.matches(port):
                return port.device, port
    real = os.path.realpath(wanted.path)
    info = next((port for port in known if os.path.realpath(port.device) == real), None)
    if info is None and not Path(wanted.path).exists():
        raise SourceAwayError(
            wanted.spec, f"there is no port {wanted.path}", "plug the button in, or see `buttons`"
        )
    return wanted.path, info


def _find_usb(wanted: PortSpec, fitting: list[PortInfo]) -> tuple[str, PortInfo]:
    boards = {port.serial_number or port.location: port for port in reversed(fitting)}
    if not boards:
        raise SourceAwayError(wanted.spec, f"no board {wanted.usb} is attached", "plug it in")
    if len(boards) > 1:
        numbers = ", ".join(sorted(str(number) for number in boards))
        raise SourceRefusedError(
            wanted.spec, f"several boards fit: {numbers}", "add the serial number to the spec"
        )
    # A board with several interfaces has several ports; its first is the console.
    first = next(iter(boards.values()))
    return first.device, first


def usb_id_of(port: PortInfo | None) -> UsbId | None:
    """The identity of a USB board; None for a port that is no USB board."""
    if port is None or port.vid is None or port.pid is None:
        return None
    return UsbId(port.vid, port.pid, port.serial_number)


def is_gone(error: OSError) -> bool:
    """Whether this error of a port says that nothing is plugged in."""
    return error.errno in _GONE


def explain_open_error(spec: str, path: str, error: OSError) -> SourceError:
    """Why a port did not open, as the error to raise."""
    number = error.errno
    if number in _DENIED:
        return SourceRefusedError(spec, f"permission to open {path} denied", access_remedy(path))
    if number in _BUSY:
        return SourceAwayError(
            spec, f"{path} is busy", f"close the program that has it open: fuser -v {path}"
        )
    if is_gone(error):
        return SourceAwayError(spec, f"there is no port {path}", "plug the button in")
    return SourceAwayError(spec, f"{path} did not open: {error}")


@dataclass(frozen=True, slots=True)
class Node:
    """A device node: one that is made anew at the same path is not equal to it."""

    path: str
    inode: int
    changed_ns: int
    """A pseudo terminal may get the inode number of the one before; this is newer then."""


def node_at(path: str) -> Node | None:
    """The node at this path now; None where there is none, or ports are no files."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return Node(path, found.st_ino, found.st_ctime_ns)


def is_not_a_terminal(path: str) -> bool:
    """Whether something that is no character device stands at this path."""
    try:
        return not stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        return False


def access_remedy(path: str) -> str:
    """What somebody who may not open this device node must do: which group to join."""
    try:
        node = Path(path).stat()
    except OSError:
        return "check who may read it with ls -l"
    group = _group_name(node.st_gid)
    if node.st_gid == 0 or not node.st_mode & stat.S_IRGRP:
        return f"no group may read it (group {group}): add a udev rule with MODE or GROUP"
    if node.st_gid in {os.getegid(), *os.getgroups()}:
        return f"you are in its group {group} already; see whether it is mounted for you"
    if group in _groups_of_user():
        return f"you joined its group {group}: log out and in again"
    return f"join its group: sudo usermod -aG {group} $USER, then log out and in again"


def _group_name(gid: int) -> str:
    try:
        import grp  # noqa: PLC0415 - not on every platform
    except ImportError:
        return str(gid)
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _groups_of_user() -> list[str]:
    try:
        import grp  # noqa: PLC0415 - not on every platform
        import pwd  # noqa: PLC0415
    except ImportError:
        return []
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return []
    return [group.gr_name for group in grp.getgrall() if user in group.gr_mem]
