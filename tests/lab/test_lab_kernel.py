"""The kernel is taken apart correctly, and what is no kernel is refused by name."""

import gzip
import lzma
import struct

import pytest
from buttonlab import kernel

ELF = b"\x7fELF" + bytes(range(256)) * 40


def bzimage(payload: bytes, *, setup_sectors: int = 3) -> bytes:
    """As small as the boot protocol allows: header fields, setup code, payload, relocations."""
    setup = bytearray((setup_sectors + 1) * 512)
    setup[0x1F1] = setup_sectors
    setup[0x202:0x206] = b"HdrS"
    start_in_protected_mode = 64
    struct.pack_into("<II", setup, 0x248, start_in_protected_mode, len(payload))
    return bytes(setup) + bytes(64) + payload + b"the rest of the image"


def with_length(compressed: bytes) -> bytes:
    """The kernel's build appends the length of what is inside."""
    return compressed + struct.pack("<I", len(ELF))


@pytest.mark.parametrize(
    "payload",
    [with_length(lzma.compress(ELF)), gzip.compress(ELF), ELF],
    ids=["xz", "gzip", "uncompressed"],
)
def test_the_elf_comes_out_of_each_compression(payload: bytes) -> None:
    assert kernel.vmlinux(bzimage(payload)) == ELF


def test_no_setup_sectors_means_four() -> None:
    image = bytearray(bzimage(ELF, setup_sectors=4))
    image[0x1F1] = 0
    assert kernel.vmlinux(bytes(image)) == ELF


def test_a_file_that_is_no_bzimage_is_named() -> None:
    with pytest.raises(kernel.KernelError, match="HdrS"):
        kernel.vmlinux(bytes(4096))


def test_an_unknown_compression_is_named_by_its_first_bytes() -> None:
    with pytest.raises(kernel.KernelError, match="02 21 4c 18"):
        kernel.vmlinux(bzimage(b"\x02\x21\x4c\x18 legacy lz4"))


DEP = """\
kernel/net/bluetooth/bluetooth.ko: kernel/crypto/ecdh_generic.ko kernel/lib/crc16.ko
kernel/crypto/ecdh_generic.ko: kernel/crypto/ecc.ko
kernel/crypto/ecc.ko:
kernel/lib/crc16.ko:
kernel/drivers/bluetooth/hci_uart.ko.xz: kernel/net/bluetooth/bluetooth.ko kernel/crypto/ecc.ko
kernel/drivers/usb/host/xhci-pci.ko:
"""


def test_a_module_comes_after_all_it_needs() -> None:
    order = kernel.modules_in_order(DEP, ["hci_uart", "xhci_pci"])
    assert order == [
        "kernel/crypto/ecc.ko",
        "kernel/net/bluetooth/bluetooth.ko",
        "kernel/drivers/bluetooth/hci_uart.ko.xz",
        "kernel/drivers/usb/host/xhci-pci.ko",
    ]


def test_a_built_in_module_needs_no_file() -> None:
    assert kernel.modules_in_order(DEP, ["squashfs"], "kernel/fs/squashfs/squashfs.ko\n") == []


def test_a_module_the_kernel_lacks_is_named() -> None:
    with pytest.raises(kernel.KernelError, match="no module hci_vhci"):
        kernel.modules_in_order(DEP, ["hci_vhci"])


def test_pruning_leaves_the_modules_asked_for(tmp_path) -> None:
    for name in ("kernel/a/keep.ko", "kernel/b/drop.ko.xz"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    kernel.prune_modules(tmp_path, ["kernel/a/keep.ko"])
    assert [path.name for path in tmp_path.rglob("*.ko*")] == ["keep.ko"]
