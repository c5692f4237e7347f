"""AES-128 of one block by the chip's own code, which is what the core's BTHome codec asks for."""

try:
    from cryptolib import aes
except ImportError:  # images before MicroPython 1.21
    from ucryptolib import aes

_ECB = 1  # the number, since few images name it


def aes_block(key: bytes) -> "AesBlock":
    """The function that encrypts one block of 16 bytes with this key."""
    return aes(key, _ECB).encrypt
