"""What the lab's buttons say, built from the published formats and not by the code under test."""

from __future__ import annotations

import binascii

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

# bthome.io/format, object 0x3A
PRESS, DOUBLE_PRESS, LONG_PRESS = 0x01, 0x02, 0x04


def bthome(packet_id: int, code: int = PRESS) -> bytes:
    """A plain frame of a button that sends at a press only: packet id, full battery, button."""
    return b"\x44" + _objects(packet_id, code)


def bthome_encrypted(
    packet_id: int, code: int = PRESS, *, address: str, key: bytes, counter: int
) -> bytes:
    """The same, sealed as bthome.io/encryption says."""
    info, count = b"\x45", counter.to_bytes(4, "little")
    nonce = bytes.fromhex(address.replace(":", "")) + bytes.fromhex("d2fc") + info + count
    sealed = AESCCM(key, tag_length=4).encrypt(nonce, _objects(packet_id, code), None)
    return info + sealed[:-4] + count + sealed[-4:]


def sentence(device_id: str, boot_id: int, counter: int, click_type: str = "SINGLE") -> bytes:
    """Our own button's line on a serial port, unsigned: CRC-16/CCITT-FALSE between $ and *."""
    body = f"CLK,{device_id},{boot_id},{counter},{click_type},99.5,0,".encode()
    # binascii's CRC is this one when started with all ones.
    return b"$%s*%04X\r\n" % (body, binascii.crc_hqx(body, 0xFFFF))


def _objects(packet_id: int, code: int) -> bytes:
    return bytes([0x00, packet_id, 0x01, 100, 0x3A, code])
