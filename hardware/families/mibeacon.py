"""Xiaomi MiBeacon advertisements, versions 2 to 5: the frame, its encryption, its objects.

Source: Bluetooth-Devices/xiaomi-ble, ``parser.py``; what the objects mean per model stands in
``mibeacon_objects``.

Traps: versions 2 and 3 carry no tag that could be checked, so a wrong key gives nonsense and a
right one proves nothing. In versions 4 and 5 the frame counter is the low byte of a counter whose
other 24 bits stand at the end of an encrypted frame. The address in the frame must be the
advertiser's. Mesh devices use the same UUID for something else.

Proves: versions 4 and 5 with the bind key: who sent it (32-bit tag), and by its counter that it
is new. Anything else: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.mibeacon_objects import Said, read_objects
from hardware.families.payloads import address_of, mac_bytes, percent
from hardware.keys import DeviceKey

SERVICE_UUID = "0000fe95-0000-1000-8000-00805f9b34fb"
_NAME = "mibeacon"

_ENCRYPTED, _HAS_MAC, _HAS_CAPABILITY, _HAS_OBJECT, _MESH = 0x08, 0x10, 0x20, 0x40, 0x80
_HAS_IO_CAPABILITY = 0x20
_HEAD_BYTES: Final = 5  # frame control, product id, frame counter
_LEGACY_TAIL_BYTES: Final = 4  # 3 bytes of counter, 1 byte of checksum that nobody documents
_TAIL_BYTES: Final = 7  # 3 bytes of counter, 4 bytes of tag
_AAD: Final = b"\x11"
# A 12-byte key of versions 2 and 3 becomes an AES key by these four bytes in its middle.
_LEGACY_KEY_MIDDLE: Final = bytes.fromhex("8d3d3c97")


@dataclass(frozen=True, slots=True)
class _Frame:
    version: int
    product_id: int
    frame_counter: int
    encrypted: bool
    has_object: bool
    mac: bytes | None
    """As printed; None when the frame has none."""
    body: bytes


@dataclass(frozen=True, slots=True)
class _Opened:
    objects: bytes
    key: DeviceKey | None = None
    ext_counter: int | None = None
    authenticated: bool = False


def matches(frame: RawFrame) -> bool:
    """Service data of MiBeacon."""
    return frame.channel == SERVICE_UUID


def sender_of(frame: RawFrame) -> Sender | None:
    """The advertiser's address."""
    address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """A click for each button in it; or why there is none."""
    address = address_of(frame.address)
    parts = _take_apart(frame.payload)
    mac = mac_bytes(address)
    if isinstance(parts, _Frame) and parts.mac is not None and parts.mac != mac:
        inside = ":".join(f"{byte:02X}" for byte in parts.mac)
        parts = f"the frame says that {inside} sent it, not {address or 'an unknown address'}"
    if isinstance(parts, str):
        return [Ignored(frame=frame, family=_NAME, address=address, reason=parts)]
    opened = _open(parts, frame.payload, mac, [key for key in keys if key.kind == "mibeacon"])
    if isinstance(opened, str):
        return [Ignored(frame=frame, family=_NAME, address=address, reason=opened)]
    if opened.key is not None and opened.key.simulated:
        frame = replace(frame, simulated=True)
    said = read_objects(parts.product_id, opened.objects)
    if said.cut and opened.key is not None and not opened.authenticated:
        why = "the opened frame makes no sense: wrong key?"
        return [Ignored(frame=frame, family=_NAME, address=address, reason=why)]
    return _readings(frame, address, parts, opened, said)


def _readings(
    frame: RawFrame, address: str, parts: _Frame, opened: _Opened, said: Said
) -> list[Reading]:
    counter = {"frame_counter": parts.frame_counter}
    freshness = None
    if opened.ext_counter is not None:
        counter["ext_counter_le24"] = opened.ext_counter
        freshness = (opened.ext_counter << 8 | parts.frame_counter,)
    common: dict[str, Any] = {
        "frame": frame,
        "family": _NAME,
        "address": address,
        "authenticated": opened.authenticated,
        "freshness": freshness if opened.authenticated else None,
        "battery_percent": percent(said.battery_percent),
        "counter": counter,
    }
    extra: dict[str, Any] = {"product_id": f"0x{parts.product_id:04X}"}
    if said.several and said.clicks:
        extra["buttons"] = dict(said.clicks)
    clicks: list[Reading] = [
        Click(
            **common,
            click_type=click,
            button=button,
            press_id=_press_id(opened, parts, button, click),
            extra=extra,
        )
        for button, click in said.clicks
    ]
    if clicks:
        return clicks
    if said.knob:
        extra["button"] = said.knob
    why = "not a button press" if said.knob else "no button object"
    if said.unassigned and not said.knob:
        why = "a button object, but no press that is known"
    valid = not said.cut
    if said.cut:
        why = "an object is cut off"
    return [Ignored(**common, reason=why, valid=valid, extra=extra)]


def _press_id(opened: _Opened, parts: _Frame, button: str | None, click: str) -> str:
    counters = f"{parts.frame_counter}"
    if opened.ext_counter is not None:
        counters = f"{opened.ext_counter}.{parts.frame_counter}"
    return f"{counters}:{button or ''}:{click}"


def _take_apart(data: bytes) -> _Frame | str:
    if len(data) < _HEAD_BYTES:
        return f"too short: {len(data)} bytes are no MiBeacon frame"
    control = int.from_bytes(data[0:2], "little")
    version = control >> 12
    if control & _MESH:
        return "a mesh device: its frames are not buttons"
    if not 2 <= version <= 5:
        return f"MiBeacon version {version}; 2 to 5 are known"
    at = _HEAD_BYTES
    mac = None
    if control & _HAS_MAC:
        mac = bytes(reversed(data[at : at + 6]))
        at += 6
    if control & _HAS_CAPABILITY:
        has_io = at < len(data) and data[at] & _HAS_IO_CAPABILITY
        at += 2 if has_io else 1
    if at > len(data):
        return "too short for what its first bytes announce"
    return _Frame(
        version=version,
        product_id=int.from_bytes(data[2:4], "little"),
        frame_counter=data[4],
        encrypted=bool(control & _ENCRYPTED),
        has_object=bool(control & _HAS_OBJECT),
        mac=mac,
        body=data[at:],
    )


def _open(
    parts: _Frame, data: bytes, mac: bytes | None, keys: Sequence[DeviceKey]
) -> _Opened | str:
    """The objects in clear, or a sentence that says why they stay shut."""
    if not parts.has_object:
        return _Opened(b"")
    if not parts.encrypted:
        if keys:
            return "downgrade refused: sent in the clear, although this button has a bind key"
        return _Opened(parts.body)
    if not keys:
        return "encrypted, and no bind key is known: store it with `clickclaim devices key`"
    if mac is None:
        return "encrypted, and the sender's Bluetooth address is not known to open it with"
    if parts.version <= 3:
        return _open_legacy(parts, data, mac, keys)
    return _open_v4_v5(parts, data, mac, keys)


def _open_v4_v5(parts: _Frame, data: bytes, mac: bytes, keys: Sequence[DeviceKey]) -> _Opened | str:
    if len(parts.body) < _TAIL_BYTES + 2:
        return "too short for an encrypted frame"
    usable = [key for key in keys if len(key.secret) == 16]
    if not usable:
        return f"key must be 16 bytes, the one on record has {len(keys[0].secret)}"
    sealed, counter, tag = parts.body[:-7], parts.body[-7:-4], parts.body[-4:]
    nonce = bytes(reversed(mac)) + data[2:5] + counter
    for key in usable:
        try:
            clear = AESCCM(key.secret, tag_length=4).decrypt(nonce, sealed + tag, _AAD)
        except InvalidTag:
            continue
        return _Opened(clear, key, int.from_bytes(counter, "little"), authenticated=True)
    return "AES-CCM tag mismatch: wrong key, or changed on the way"


def _open_legacy(
    parts: _Frame, data: bytes, mac: bytes, keys: Sequence[DeviceKey]
) -> _Opened | str:
    if len(parts.body) < _LEGACY_TAIL_BYTES + 3:
        return "too short for an encrypted frame"
    usable = [key for key in keys if len(key.secret) in (12, 16)]
    if not usable:
        return f"key must be 12 bytes, the one on record has {len(keys[0].secret)}"
    nonce = data[0:5] + parts.body[-4:-1] + bytes(reversed(mac))[:5]
    sealed = parts.body[:-_LEGACY_TAIL_BYTES]
    # There is no tag, so what reads as whole objects is the best sign of the right key.
    opened = [_Opened(_ctr(_legacy_key(key.secret), nonce, sealed), key) for key in usable]
    return next(
        (one for one in opened if not read_objects(parts.product_id, one.objects).cut), opened[0]
    )


def _legacy_key(secret: bytes) -> bytes:
    return secret if len(secret) == 16 else secret[:6] + _LEGACY_KEY_MIDDLE + secret[6:]


def _ctr(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    """CCM's keystream from its first block on (RFC 3610, 2.3), without the tag that is missing."""
    length_bytes = 15 - len(nonce)
    first = bytes([length_bytes - 1]) + nonce + (1).to_bytes(length_bytes, "big")
    return Cipher(AES(key), CTR(first)).decryptor().update(sealed)


FAMILY = Family(
    name=_NAME,
    transports=("ble-advertisement",),
    proves="versions 4 and 5 with the bind key: who sent it (32-bit tag), and that it is new",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
