"""BTHome v2 advertisements, plain and encrypted: Shelly BLU, Puck.js, our own BLE button.

Source: bthome.io/format and bthome.io/encryption; Bluetooth-Devices/bthome-ble for what makers
really send; shelly-api-docs (docs-ble) for Shelly's codes. The layout is read by the same code as
on our own chip, ``firmware_sim.core.wire``.

Traps: several button objects are several buttons, told apart by place alone, 00 for the silent
ones. 0xFE was Shelly's "hold" before firmware 1.0.20 and is invalid for everybody else. A frame
without a press (beacon, battery) carries a packet id too. Some firmware begins the encryption
counter with the time, so neither its start nor its steps mean anything. Plain packet ids have
eight bits and prove nothing. With a key on record plain frames are refused: else whoever records
one press could send it without the encryption.

Proves: with the bind key, who sent it (32-bit tag), and by its counter that it is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from firmware_sim.core.wire import BthomeFrame, BthomeObjects, WireError, parse_bthome, read_objects
from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import address_of, mac_bytes, percent
from hardware.keys import DeviceKey

SERVICE_UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
_NAME = "bthome"
_KEY_BYTES: Final = 16
_TAG_BYTES: Final = 4

# bthome.io/format, object 0x3A. What is long and double at once is LONG here: nobody's claim asks
# for more, and the code itself stays in ``extra``.
BUTTON_CODES: Final = {
    0x00: "NONE",
    0x01: "SINGLE",
    0x02: "DOUBLE",
    0x03: "TRIPLE",
    0x04: "LONG",
    0x05: "LONG",
    0x06: "LONG",
    0x80: "HOLD",
    0x81: "RELEASE",
}
OLD_SHELLY_HOLD: Final = 0xFE
_ALLTERCO: Final = 0x0BA9  # company id of Shelly's maker, in its manufacturer data


@dataclass(frozen=True, slots=True)
class _Opened:
    """Objects in clear, and how they came to be so."""

    objects: bytes
    key: DeviceKey | None = None


def matches(frame: RawFrame) -> bool:
    """Service data of BTHome v2."""
    return frame.channel == SERVICE_UUID


def sender_of(frame: RawFrame) -> Sender | None:
    """The address inside the frame, else the advertiser's."""
    try:
        address = _address(frame, parse_bthome(frame.payload))
    except WireError:
        address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """A click for each button that was pressed; or why there is none."""
    try:
        parts = parse_bthome(frame.payload)
    except WireError as refusal:
        address = address_of(frame.address) or None
        return [Ignored(frame=frame, family=_NAME, address=address, reason=refusal.message)]
    address = _address(frame, parts)
    opened = _open(parts, address, [key for key in keys if key.kind == "bthome"])
    if isinstance(opened, str):
        return [Ignored(frame=frame, family=_NAME, address=address, reason=opened)]
    if opened.key is not None and opened.key.simulated:
        frame = replace(frame, simulated=True)
    return _readings(frame, address, parts, read_objects(opened.objects))


def _open(parts: BthomeFrame, address: str, keys: Sequence[DeviceKey]) -> _Opened | str:
    """The objects in clear, or a sentence that says why they stay shut."""
    usable = [key for key in keys if len(key.secret) == _KEY_BYTES]
    if keys and not usable:
        return f"key must be {_KEY_BYTES} bytes, the one on record has {len(keys[0].secret)}"
    if parts.encryption_counter is None:
        if keys:
            return "downgrade refused: sent in the clear, although this button has a bind key"
        return _Opened(parts.body)
    if not usable:
        return "encrypted, and no bind key is known: store it with `clickclaim devices key`"
    mac = mac_bytes(address)
    if mac is None:
        return f"encrypted, and {address or 'no address'!r} is no Bluetooth address to open it with"
    counter = parts.encryption_counter.to_bytes(4, "little")
    nonce = mac + b"\xd2\xfc" + bytes([parts.info]) + counter
    for key in usable:
        try:
            clear = AESCCM(key.secret, tag_length=_TAG_BYTES).decrypt(nonce, parts.body, None)
        except InvalidTag:
            continue
        return _Opened(clear, key)
    return "AES-CCM tag mismatch: wrong key, or changed on the way"


def _readings(
    frame: RawFrame, address: str, parts: BthomeFrame, said: BthomeObjects
) -> list[Reading]:
    authenticated = parts.encryption_counter is not None
    common: dict[str, Any] = {
        "frame": frame,
        "family": _NAME,
        "address": address,
        "authenticated": authenticated,
        "freshness": (parts.encryption_counter,) if authenticated else None,
        "battery_percent": percent(said.battery_percent),
        "battery_mv": said.battery_mv,
        "counter": _counter(parts, said),
    }
    codes = [_click_type(code, frame) for code in said.buttons]
    if not codes:
        why = f"{said.stopped}: no button before it" if said.stopped else "no button object"
        return [Ignored(**common, reason=why, valid=not said.stopped)]
    extra: dict[str, Any] = {"codes": [f"0x{code:02X}" for code in said.buttons]}
    if len(codes) > 1:
        extra["buttons"] = {str(place): click for place, click in enumerate(codes, start=1)}
    if said.stopped:
        extra["stopped"] = said.stopped
    clicks: list[Reading] = [
        Click(
            **common,
            click_type=click,
            button=place if len(codes) > 1 else None,
            press_id=_press_id(said.packet_id, place if len(codes) > 1 else None),
            extra=extra,
        )
        for place, click in enumerate(codes, start=1)
        if click is not None and click != "NONE"
    ]
    if clicks:
        return clicks
    nothing = all(click == "NONE" for click in codes)
    why = "0x00 = no press (beacon)" if nothing else f"button code {extra['codes']} is not assigned"
    kind = "NONE" if nothing else None
    return [Ignored(**common, reason=why, valid=True, click_type=kind, extra=extra)]


def _click_type(code: int, frame: RawFrame) -> str | None:
    if code == OLD_SHELLY_HOLD:
        return "HOLD" if _is_shelly(frame) else None
    return BUTTON_CODES.get(code)


def _is_shelly(frame: RawFrame) -> bool:
    # SB.. are Shelly's short names of its BLU devices: SBBT a button, SBHT one with a thermometer.
    by_name = (frame.name or "").startswith(("SBBT-", "SBHT-", "SBRC-"))
    return by_name or any(company == _ALLTERCO for company, _ in frame.manufacturer_data)


def _counter(parts: BthomeFrame, said: BthomeObjects) -> dict[str, int] | None:
    counter = {}
    if said.packet_id is not None:
        counter["packet_id"] = said.packet_id
    if parts.encryption_counter is not None:
        counter["encryption_counter"] = parts.encryption_counter
    return counter or None


def _press_id(packet_id: int | None, place: int | None) -> str | None:
    if packet_id is None:
        return None
    return f"{packet_id}" if place is None else f"{packet_id}.{place}"


def _address(frame: RawFrame, parts: BthomeFrame) -> str:
    if parts.mac is None:
        return address_of(frame.address)
    return ":".join(f"{byte:02X}" for byte in parts.mac)


FAMILY = Family(
    name=_NAME,
    transports=("ble-advertisement",),
    proves="with its bind key: who sent it (32-bit tag), and by its counter that it is new",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
