"""Which bytes count as readable JSON or text, and which JSON values as numbers."""

from __future__ import annotations

import json
from typing import Any, Final

# A button's message has a few hundred bytes; zigbee2mqtt's longest, with a device description in
# it, about 2 kB. What is longer is no button's, and is not even read.
MAX_PAYLOAD_BYTES: Final = 16_384


def text_of(payload: bytes) -> str | None:
    """The payload as text without surrounding blanks; None when it is none."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        return None
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        return None


def json_of(payload: bytes) -> Any:
    """The JSON value in the payload; None when there is none (or it is ``null``)."""
    text = text_of(payload)
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def object_of(payload: bytes) -> dict[str, Any] | None:
    """The JSON object in the payload; None when it is anything else."""
    value = json_of(payload)
    return value if isinstance(value, dict) else None


def integer(value: Any, low: int = 0, high: int = 2**63) -> int | None:
    """The whole number itself when it is one within bounds; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if low <= value <= high else None


def number(value: Any, low: float, high: float) -> float | None:
    """The number itself when it is within bounds; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared as it is: JSON spells whole numbers that no float can hold. NaN is within no bounds.
    return value if low <= value <= high else None


def percent(value: Any) -> float | None:
    """A number from 0 to 100."""
    return number(value, 0, 100)


def text(value: Any, longest: int = 128) -> str | None:
    """The text itself when it is one, not empty, not longer than a name can be, and storable."""
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        return None
    # JSON can spell control characters and halves of a surrogate pair; no name has them, and
    # neither a database nor a terminal takes them well.
    storable = all(" " <= char < "\ud800" or char > "\udfff" for char in value)
    return value if storable else None


def address_of(frame_address: str | None) -> str:
    """The link's address of a sender, or the empty text when it gives none."""
    return text(frame_address) or ""


def mac_bytes(address: str) -> bytes | None:
    """The six bytes of a Bluetooth address, as it is written; None when it is none."""
    try:
        mac = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        return None
    return mac if len(mac) == 6 else None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
