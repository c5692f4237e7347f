"""AES in ECB mode: one block at a time, by the host."""

from binascii import hexlify, unhexlify

import host


class aes:  # noqa: N801 - the chip's name
    def __init__(self, key, mode):
        assert mode == 1
        assert len(key) == 16
        self._key_hex = hexlify(key).decode()

    def encrypt(self, block):
        assert len(block) == 16
        return unhexlify(host.aes_block(self._key_hex, hexlify(bytes(block)).decode()))
