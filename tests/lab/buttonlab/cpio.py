"""Writes the "newc" cpio archive that the kernel unpacks as its initramfs."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

# Layout from the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive; a folder or a device node has no content."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """A folder everybody may enter."""
    return Entry(path, stat.S_IFDIR | 0o755)


def program(path: str, content: bytes) -> Entry:
    """A file that may be executed."""
    return Entry(path, stat.S_IFREG | 0o755, content)


def character_device(path: str, major: int, minor: int) -> Entry:
    """A device node, readable and writable by root."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive of these entries, in this order (a folder before what it holds)."""
    written = [_record(number, entry) for number, entry in enumerate(entries, start=1)]
    return b"".join([*written, _record(0, Entry(_TRAILER, 0))])


def _record(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = (
        number,
        entry.mode,
        0,  # uid
        0,  # gid
        1,  # links
        0,  # mtime: none, so that the same files give the same bytes
        len(entry.content),
        0,  # device the file lies on, major
        0,  # and minor
        *entry.device,
        len(name),
        0,  # check sum, unused in this variant
    )
    head = _MAGIC + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
