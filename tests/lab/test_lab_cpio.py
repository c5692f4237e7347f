"""The initramfs is an archive the kernel can read: names, modes, devices and padding."""

import stat

from buttonlab import cpio


def read(archive: bytes) -> dict[str, tuple[int, tuple[int, int], bytes]]:
    """A reader written from the format's description, to check the writer against."""
    found, at = {}, 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, device, name_length = fields[1], fields[6], (fields[9], fields[10]), fields[11]
        name = archive[at + 110 : at + 110 + name_length]
        assert name[-1:] == b"\0"
        start = -(-(at + 110 + name_length) // 4) * 4
        if name == b"TRAILER!!!\0":
            return found
        found[name[:-1].decode()] = (mode, device, archive[start : start + size])
        at = -(-(start + size) // 4) * 4


def test_what_goes_in_comes_out() -> None:
    archive = cpio.archive(
        [
            cpio.folder("dev"),
            cpio.character_device("dev/console", 5, 1),
            cpio.program("init", b"#!/bin/sh\n"),
            cpio.program("odd name", b"12345"),
        ]
    )
    assert read(archive) == {
        "dev": (stat.S_IFDIR | 0o755, (0, 0), b""),
        "dev/console": (stat.S_IFCHR | 0o600, (5, 1), b""),
        "init": (stat.S_IFREG | 0o755, (0, 0), b"#!/bin/sh\n"),
        "odd name": (stat.S_IFREG | 0o755, (0, 0), b"12345"),
    }


def test_the_same_files_give_the_same_bytes() -> None:
    entries = [cpio.program("init", b"x")]
    assert cpio.archive(entries) == cpio.archive(entries)
