"""AES-128-CCM (RFC 3610) over a block function that is handed in, since the chip has its own."""

from firmware_sim.core.wire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # Encrypts one block of 16 bytes with the key it was made with.
    AesBlock = Callable[[bytes], bytes]

_BLOCK_BYTES = 16


def ccm_encrypt(
    aes_block: "AesBlock", nonce: bytes, plaintext: bytes, tag_bytes: int, aad: bytes = b""
) -> bytes:
    """Ciphertext followed by the tag. ``nonce`` has 7 to 13 bytes and must never come again."""
    keystream = _keystream(aes_block, nonce, len(plaintext))
    tag = _tag(aes_block, nonce, plaintext, tag_bytes, aad)
    return _xor(plaintext, keystream[_BLOCK_BYTES:]) + _xor(tag, keystream)


def ccm_decrypt(
    aes_block: "AesBlock", nonce: bytes, sealed: bytes, tag_bytes: int, aad: bytes = b""
) -> bytes:
    """The plaintext. Raises WireError (``tag``) when the tag does not fit; nothing leaks then."""
    if len(sealed) < tag_bytes:
        raise WireError("form", f"{len(sealed)} bytes are too few to hold a tag of {tag_bytes}")
    body, sent_tag = sealed[: len(sealed) - tag_bytes], sealed[len(sealed) - tag_bytes :]
    keystream = _keystream(aes_block, nonce, len(body))
    plaintext = _xor(body, keystream[_BLOCK_BYTES:])
    tag = _xor(_tag(aes_block, nonce, plaintext, tag_bytes, aad), keystream)
    difference = 0
    for ours, theirs in zip(tag, sent_tag):
        difference |= ours ^ theirs
    if difference:
        raise WireError("tag", "the tag does not fit: wrong key, wrong address, or changed bytes")
    return plaintext


def _keystream(aes_block: "AesBlock", nonce: bytes, length: int) -> bytes:
    """Blocks A0 (hides the tag), A1, A2 … (hide the text), encrypted (RFC 3610, 2.3)."""
    length_bytes = 15 - len(nonce)
    blocks = 1 + (length + _BLOCK_BYTES - 1) // _BLOCK_BYTES
    out = b""
    for index in range(blocks):
        counter = index.to_bytes(length_bytes, "big")
        out += aes_block(bytes([length_bytes - 1]) + nonce + counter)
    return out


def _tag(
    aes_block: "AesBlock", nonce: bytes, plaintext: bytes, tag_bytes: int, aad: bytes
) -> bytes:
    """CBC-MAC over B0, the associated data and the text (RFC 3610, 2.2), cut to ``tag_bytes``."""
    length_bytes = 15 - len(nonce)
    flags = (0x40 if aad else 0) + 8 * ((tag_bytes - 2) // 2) + (length_bytes - 1)
    state = aes_block(bytes([flags]) + nonce + len(plaintext).to_bytes(length_bytes, "big"))
    if aad:
        # Two bytes of length serve up to 0xFEFF bytes; advertisements have one or none.
        state = _absorb(aes_block, state, len(aad).to_bytes(2, "big") + aad)
    return _absorb(aes_block, state, plaintext)[:tag_bytes]


def _absorb(aes_block: "AesBlock", state: bytes, data: bytes) -> bytes:
    for start in range(0, len(data), _BLOCK_BYTES):
        block = data[start : start + _BLOCK_BYTES]
        state = aes_block(_xor(state, block + bytes(_BLOCK_BYTES - len(block))))
    return state


def _xor(left: bytes, right: bytes) -> bytes:
    """As long as the shorter of the two."""
    return bytes([a ^ b for a, b in zip(left, right)])
