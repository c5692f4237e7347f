"""What a device key signs, and how a signature is checked."""

import binascii
import hashlib

from firmware_sim.core.wire.click import ButtonClick

# SHA-256 works on blocks of 64 bytes (FIPS 180-4); HMAC pads its key to one block (RFC 2104).
_BLOCK_BYTES = 64
_INNER = int.from_bytes(b"\x36" * _BLOCK_BYTES, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK_BYTES, "big")


def auth_for(
    key: bytes, device_id: str, boot_id: int, counter: int, click_type: str, test_mode: bool
) -> str:
    """First 16 bytes, as lower-case hex, of the HMAC-SHA-256 of what the click says.

    The text is ``clickclaim-1|{deviceId}|{bootId}|{counter}|{clickType}|{testMode 0|1}``. A device
    without a key (empty) has the empty signature. Remaining life and time are not signed: nothing
    is decided by them.
    """
    if not key:
        return ""
    text = f"clickclaim-1|{device_id}|{boot_id}|{counter}|{click_type}|{1 if test_mode else 0}"
    return binascii.hexlify(hmac_sha256(key, text.encode())[:16]).decode()


def sign(click: ButtonClick, key: bytes) -> ButtonClick:
    """The same click with ``auth`` made from ``key``; an empty key leaves it empty."""
    return ButtonClick(
        click.device_id,
        click.boot_id,
        click.counter,
        click.click_type,
        remaining_life_bp=click.remaining_life_bp,
        test_mode=click.test_mode,
        reported_ms=click.reported_ms,
        certificate_id=click.certificate_id,
        auth=_auth_of(click, key),
    )


def verify(click: ButtonClick, key: bytes) -> bool:
    """Whether ``auth`` was made from this key. False for a click or a key that is empty."""
    if not key or not click.auth:
        return False
    # Looks at every character whatever the first difference is, so that the time taken does not
    # tell a forger how far they got.
    difference = 0
    for ours, theirs in zip(_auth_of(click, key).encode(), click.auth.encode()):
        difference |= ours ^ theirs
    return difference == 0


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 over SHA-256: written out, since a chip's build may carry no ``hmac``."""
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    block = int.from_bytes(key + bytes(_BLOCK_BYTES - len(key)), "big")
    inner = hashlib.sha256((block ^ _INNER).to_bytes(_BLOCK_BYTES, "big") + message).digest()
    return hashlib.sha256((block ^ _OUTER).to_bytes(_BLOCK_BYTES, "big") + inner).digest()


def _auth_of(click: ButtonClick, key: bytes) -> str:
    return auth_for(
        key, click.device_id, click.boot_id, click.counter, click.click_type, click.test_mode
    )
