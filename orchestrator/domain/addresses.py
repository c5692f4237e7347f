"""What a button calls itself, and when that is a device id."""

from __future__ import annotations

import re
from typing import Final

_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}(?:([:-]?)[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}")


def canonical_address(text: str) -> str:
    """A Bluetooth address in any usual spelling as its 12 upper-case hex digits; else ``text``.

    ``A4:C1:38:8D:18:B2``, ``a4-c1-38-8d-18-b2`` and ``A4C1388D18B2`` are one button, whichever of
    them stands on its label.
    """
    if _MAC.fullmatch(text):
        return text.replace(":", "").replace("-", "").upper()
    return text


def is_bluetooth_address(text: str) -> bool:
    """Whether ``text`` is a Bluetooth address in one of its usual spellings."""
    return _MAC.fullmatch(text) is not None
