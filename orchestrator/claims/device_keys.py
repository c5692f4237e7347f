"""What a device's key looks like: kind, length, and how it is written."""

from __future__ import annotations

from typing import Final, Literal, get_args

from orchestrator.domain.errors import InvalidRequestError

KeyKind = Literal["hmac", "bthome", "mibeacon"]
KEY_KINDS: Final[tuple[KeyKind, ...]] = get_args(KeyKind)

# HMAC-SHA-256 gains nothing from more than its block; fewer than 16 bytes can be guessed.
_HMAC_BYTES: Final = range(16, 65)
# BTHome and MiBeacon v4/v5 use AES-128. MiBeacon v2/v3 have keys of twelve bytes.
_LENGTHS: Final = {"hmac": _HMAC_BYTES, "bthome": (16,), "mibeacon": (12, 16)}


def parse_kind(text: str) -> KeyKind:
    """The kind of key that ``text`` names."""
    for kind in KEY_KINDS:
        if text == kind:
            return kind
    raise InvalidRequestError(f"Key kind {text!r} is not one of {', '.join(KEY_KINDS)}.")


def parse_secret(kind: KeyKind, text: str) -> bytes:
    """The key written as hex digits, with or without separators; the text itself is never shown."""
    compact = text.replace(":", "").replace("-", "").replace(" ", "")
    try:
        secret = bytes.fromhex(compact)
    except ValueError:
        raise InvalidRequestError(
            f"The {kind} key is not hex digits. Copy it again from where it was shown."
        ) from None
    check_length(kind, secret)
    return secret


def check_length(kind: KeyKind, secret: bytes) -> None:
    """Refuse a key whose length its kind does not have."""
    lengths = _LENGTHS[kind]
    if len(secret) not in lengths:
        wanted = (
            f"{lengths[0]} to {lengths[-1]}"
            if isinstance(lengths, range)
            else " or ".join(str(length) for length in lengths)
        )
        raise InvalidRequestError(
            f"A {kind} key has {wanted} bytes, two hex digits each; this one has {len(secret)}."
            " Copy it again from where it was shown."
        )
