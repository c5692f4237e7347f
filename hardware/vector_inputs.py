"""How a vector writes a frame: one form for each transport, made into what a source would hear."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hardware.click import RawFrame, Transport
from hardware.keys import DeviceKey, KeyKind

NO_FRAME: Final = RawFrame(transport="mqtt", source="vectors:", heard_ms=0, payload=b"")
"""Stands where an input has no frame."""

_SHORT_UUID: Final = re.compile(r"(?:0x)?([0-9a-f]{4})", re.IGNORECASE | re.ASCII)


def keys_of(said: Mapping[str, Any]) -> tuple[DeviceKey, ...]:
    """The bind key that stands in an input, for either family that has one."""
    text = said.get("bindkey_hex")
    if not isinstance(text, str):
        return ()
    # What is no key stays on record as an unusable one: the frame must not pass as a plain one.
    secret = _from_hex(text) or b""
    kinds: tuple[KeyKind, ...] = ("bthome", "mibeacon")
    return tuple(DeviceKey(kind, secret, simulated=True) for kind in kinds)


def frames_of(said: Mapping[str, Any], heard_ms: int) -> list[RawFrame]:
    """The frames of an input, in the form of its transport. A list of payloads is several."""
    for name, transport, read in _FORMS:
        if name in said:
            values = said[name] if isinstance(said[name], list) else [said[name]]
            payloads = [payload for value in values if (payload := read(value)) is not None]
            return [_frame(said, transport, payload, heard_ms) for payload in payloads]
    return []


def _frame(
    said: Mapping[str, Any], transport: Transport, payload: bytes, heard_ms: int
) -> RawFrame:
    def text(name: str) -> str | None:
        value = said.get(name)
        return value if isinstance(value, str) else None

    channel = text("topic") or text("characteristic") or text("service_data_uuid")
    service = text("service")
    return RawFrame(
        transport=transport,
        source="vectors:",
        heard_ms=heard_ms,
        payload=payload,
        address=text("address"),
        channel=channel if transport == "mqtt" or channel is None else _uuid(channel),
        name=text("local_name"),
        service_uuids=(_uuid(service),) if service else (),
        manufacturer_data=_manufacturer_data(said),
        retained=any(said.get(name) in (True, 1) for name in ("retain", "retained")),
        simulated=True,
    )


def _uuid(said: str) -> str:
    """As sources give it: lower case, and the assigned ones of 16 bits in full."""
    short = _SHORT_UUID.fullmatch(said)
    return f"0000{short[1]}-0000-1000-8000-00805f9b34fb".lower() if short else said.lower()


def _manufacturer_data(said: Mapping[str, Any]) -> tuple[tuple[int, bytes], ...]:
    found = said.get("manufacturer_data")
    if not isinstance(found, dict):
        return ()
    try:
        return tuple((int(company, 0), bytes.fromhex(data)) for company, data in found.items())
    except (TypeError, ValueError):
        return ()


def _from_hex(value: Any) -> bytes | None:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        return None


def _from_text(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace")
    return None if value is None else json.dumps(value).encode()


_Form = tuple[str, Transport, Callable[[Any], bytes | None]]
_FORMS: Final[tuple[_Form, ...]] = (
    ("service_data_hex", "ble-advertisement", _from_hex),
    ("value_hex", "ble-notify", _from_hex),
    ("payload_hex", "mqtt", _from_hex),
    ("payload", "mqtt", _from_text),
    ("line", "serial", _from_text),
)
