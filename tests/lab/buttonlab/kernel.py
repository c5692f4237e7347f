"""Takes the kernel apart: the plain ELF out of the bzImage, and the modules a list asks for.

QEMU without KVM executes the kernel's own decompressor slowly; handing it the ELF image saves
about ten seconds of every cold boot.
"""

from __future__ import annotations

import lzma
import struct
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

# Offsets from the kernel's Documentation/arch/x86/boot.rst, "the real-mode kernel header".
_SETUP_SECTORS_AT = 0x1F1
_HEADER_MAGIC_AT = 0x202
_PAYLOAD_AT = 0x248

_ELF = b"\x7fELF"


class KernelError(Exception):
    """The kernel or one of its modules is not in a form this lab understands."""


def vmlinux(bzimage: bytes) -> bytes:
    """The uncompressed ELF kernel inside a bzImage."""
    if bzimage[_HEADER_MAGIC_AT : _HEADER_MAGIC_AT + 4] != b"HdrS":
        raise KernelError("the kernel file is no bzImage: its setup header lacks the mark HdrS")
    sectors = bzimage[_SETUP_SECTORS_AT] or 4
    start, length = struct.unpack_from("<II", bzimage, _PAYLOAD_AT)
    start += (sectors + 1) * 512
    elf = decompress(bzimage[start : start + length])
    if not elf.startswith(_ELF):
        raise KernelError("the bzImage's payload is no ELF image")
    return elf


def decompress(data: bytes) -> bytes:
    """What a kernel's or module's compression holds; bytes after its end are ignored."""
    if data.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(data)
    if data.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=31).decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return _unzstd(data)
    if data.startswith(_ELF):
        return data
    raise KernelError(f"unknown compression, it begins with {data[:6].hex(' ')}")


def module_name(path: str) -> str:
    """What modprobe calls a module file: ``kernel/drivers/usb/xhci-pci.ko.xz`` is xhci_pci."""
    return PurePosixPath(path).name.split(".ko")[0].replace("-", "_")


def modules_in_order(modules_dep: str, wanted: Iterable[str], builtin: str = "") -> list[str]:
    """The files to load for the wanted modules, each after what it depends on.

    Takes the text of modules.dep and modules.builtin; a module built into the kernel needs no
    file. Raises KernelError for a module the kernel does not have.
    """
    needs: dict[str, list[str]] = {}
    file_of: dict[str, str] = {}
    for line in modules_dep.splitlines():
        path, _, dependencies = line.partition(":")
        file_of[module_name(path)] = path
        needs[path] = dependencies.split()
    built_in = {module_name(path) for path in builtin.split()}
    order: list[str] = []
    for name in wanted:
        if name in file_of:
            # depmod writes the nearest dependency first, the deepest last.
            order += [*reversed(needs[file_of[name]]), file_of[name]]
        elif name not in built_in:
            raise KernelError(f"this kernel has no module {name}")
    return list(dict.fromkeys(order))


def prune_modules(folder: Path, keep: Iterable[str]) -> None:
    """Delete every module file under ``/lib/modules/VERSION`` that is not in the list."""
    kept = {folder / path for path in keep}
    for path in (folder / "kernel").rglob("*.ko*"):
        if path not in kept:
            path.unlink()


def decompress_modules(folder: Path) -> None:
    """Make ``a.ko.zst`` and ``a.ko.xz`` into ``a.ko``, which every modprobe can load."""
    for path in (folder / "kernel").rglob("*.ko.*"):
        path.with_suffix("").write_bytes(decompress(path.read_bytes()))
        path.unlink()


def _unzstd(data: bytes) -> bytes:
    """Python 3.14 has zstd in its library; until then the command does it."""
    try:
        done = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise KernelError("the kernel is compressed with zstd: apt-get install zstd") from None
    if not done.stdout:
        raise KernelError(f"zstd could not read the kernel: {done.stderr.decode().strip()}")
    return done.stdout
