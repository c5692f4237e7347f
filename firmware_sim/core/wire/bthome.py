"""A click as BTHome v2 service data, plain and encrypted, both directions.

The format is bthome.io/format and bthome.io/encryption. The reader takes what any maker sends: it
knows the length of every object, so that a button is found behind a thermometer.
"""

from firmware_sim.core.clicks import DOUBLE, LONG, SINGLE
from firmware_sim.core.wire.ccm import ccm_decrypt, ccm_encrypt
from firmware_sim.core.wire.click import check_integer
from firmware_sim.core.wire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_sim.core.wire.ccm import AesBlock

BTHOME_UUID16 = 0xFCD2

# Service data stands in one advertising structure, whose length is one byte and counts the type
# (1) and the UUID (2) as well.
MAX_BTHOME_BYTES = 252

PACKET_ID = 0x00
BATTERY = 0x01
VOLTAGE = 0x0C
BUTTON = 0x3A
_TEXT = 0x53
_RAW = 0x54
_COMMAND = 0x3B

# bthome.io/format, object 0x3A.
_CODES = {SINGLE: 0x01, DOUBLE: 0x02, LONG: 0x04}

_ENCRYPTED = 0x01
_HAS_MAC = 0x02
_TRIGGERED = 0x04  # sends at a press only, so nobody should miss a regular beacon
_VERSION_2 = 0x40
_VERSION_MASK = 0xE0

_COUNTER_BYTES = 4
_TAG_BYTES = 4
_MAC_BYTES = 6

# Bytes of each object, by id: "1" at place 0x09 is the count of one byte. 0 is an id that is not
# assigned, v has a length byte of its own. Assigned numbers of bthome.io/format, November 2026.
_LENGTHS = (
    "1122332221332221"  # 00 packet id .. 0F generic boolean
    "1122211111111111"  # 10 power on .. 1F heat
    "1111111111111111"  # 20 moisture .. 2F moisture in percent
    "0000000000"  # 30 .. 39
    "1v2242"  # 3A button, 3B command, 3C dimmer, 3D count, 3E count, 3F rotation
    "2232221222234444"  # 40 distance .. 4F water
    "422vv42111244222"  # 50 timestamp .. 5F precipitation
    "124411"  # 60 channel .. 65 settings revision
)
_HIGH_LENGTHS = {0xF0: 2, 0xF1: 4, 0xF2: 3}  # device type, firmware version in two widths
_UNKNOWN = -1


class BthomeFrame:
    """Service data taken apart, not yet opened.

    - ``info``: the first byte; ``encrypted``, ``triggered``: two of its bits
    - ``mac``: the address inside the frame as printed, 6 bytes, or None
    - ``body``: the objects when plain; ciphertext and tag when encrypted
    - ``encryption_counter``: u32 when encrypted, else None
    """

    def __init__(
        self, info: int, mac: bytes | None, body: bytes, encryption_counter: int | None
    ) -> None:
        self.info = info
        self.encrypted = encryption_counter is not None
        self.triggered = bool(info & _TRIGGERED)
        self.mac = mac
        self.body = body
        self.encryption_counter = encryption_counter


class BthomeObjects:
    """What the objects of one frame say. Each is None or empty when not said.

    - ``packet_id``, ``battery_percent``, ``battery_mv``: the last of each
    - ``buttons``: the code of each button object, in order: the place is the only button number
    - ``others``: (object id, bytes) of everything else
    - ``stopped``: why reading ended before the last byte, or ``""``; what came before is good
    """

    def __init__(self) -> None:
        self.packet_id: int | None = None
        self.battery_percent: int | None = None
        self.battery_mv: int | None = None
        self.buttons: tuple[int, ...] = ()
        self.others: tuple[tuple[int, bytes], ...] = ()
        self.stopped = ""


def encode_bthome(click_type: str, packet_id: int, battery_percent: int | None = None) -> bytes:
    """Plain service data of a click: trigger-based, objects in ascending id."""
    info = _VERSION_2 | _TRIGGERED
    return bytes([info]) + _objects(click_type, packet_id, battery_percent)


def encode_bthome_encrypted(
    click_type: str,
    packet_id: int,
    battery_percent: int | None,
    mac: bytes,
    encryption_counter: int,
    aes_block: "AesBlock",
) -> bytes:
    """Encrypted service data of a click. ``mac`` as printed; the counter must never come again."""
    info = _VERSION_2 | _TRIGGERED | _ENCRYPTED
    check_integer("encryption counter", encryption_counter, 0xFFFFFFFF)
    counter = encryption_counter.to_bytes(_COUNTER_BYTES, "little")
    sealed = ccm_encrypt(
        aes_block,
        _nonce(mac, info, counter),
        _objects(click_type, packet_id, battery_percent),
        _TAG_BYTES,
    )
    tag_at = len(sealed) - _TAG_BYTES
    return bytes([info]) + sealed[:tag_at] + counter + sealed[tag_at:]


def parse_bthome(service_data: bytes) -> BthomeFrame:
    """Take service data apart. Raises WireError only."""
    if len(service_data) > MAX_BTHOME_BYTES:
        raise WireError(
            "oversize",
            f"{len(service_data)} bytes of service data; one advertisement holds"
            f" {MAX_BTHOME_BYTES}",
        )
    if not service_data:
        raise WireError("form", "the service data is empty")
    info = service_data[0]
    if info & _VERSION_MASK != _VERSION_2:
        raise WireError("form", f"this is BTHome version {info >> 5}; only version 2 is known")
    at = 1
    mac = None
    if info & _HAS_MAC:
        at += _MAC_BYTES
        mac = bytes(reversed(service_data[1:at]))
        if len(mac) < _MAC_BYTES:
            raise WireError("form", "too short for the address that it announces")
    if not info & _ENCRYPTED:
        return BthomeFrame(info, mac, service_data[at:], None)
    tag_at = len(service_data) - _TAG_BYTES
    counter_at = tag_at - _COUNTER_BYTES
    if counter_at <= at:
        raise WireError("form", "too short for an encrypted frame: no room for counter and tag")
    counter = int.from_bytes(service_data[counter_at:tag_at], "little")
    return BthomeFrame(info, mac, service_data[at:counter_at] + service_data[tag_at:], counter)


def open_bthome(frame: BthomeFrame, mac: bytes, aes_block: "AesBlock") -> bytes:
    """The objects of an encrypted frame. Raises WireError (``tag``) when the key does not fit."""
    if frame.encryption_counter is None:
        raise WireError("form", "the frame is not encrypted; its body is plain")
    counter = frame.encryption_counter.to_bytes(_COUNTER_BYTES, "little")
    return ccm_decrypt(aes_block, _nonce(mac, frame.info, counter), frame.body, _TAG_BYTES)


def read_objects(objects: bytes) -> BthomeObjects:
    """What the plain objects say. Never raises: an unknown or cut object ends the reading."""
    said = BthomeObjects()
    at = 0
    while at < len(objects) and not said.stopped:
        object_id = objects[at]
        at += 1
        length = _length_of(object_id, objects, at)
        if object_id in (_TEXT, _RAW, _COMMAND):
            at += 1
        value = objects[at : at + length]
        if length == _UNKNOWN:
            said.stopped = f"object 0x{object_id:02X} is not known, nor is its length"
        elif len(value) < length:
            said.stopped = f"object 0x{object_id:02X} is cut off"
        else:
            _take(said, object_id, value)
        at += length
    return said


def _take(said: BthomeObjects, object_id: int, value: bytes) -> None:
    if object_id == PACKET_ID:
        said.packet_id = value[0]
    elif object_id == BATTERY:
        said.battery_percent = value[0]
    elif object_id == VOLTAGE:
        said.battery_mv = int.from_bytes(value, "little")
    elif object_id == BUTTON:
        said.buttons += (value[0],)
    else:
        said.others += ((object_id, value),)


def _length_of(object_id: int, objects: bytes, at: int) -> int:
    """Bytes of the object's value; _UNKNOWN when the id is."""
    if object_id in _HIGH_LENGTHS:
        return _HIGH_LENGTHS[object_id]
    if object_id >= len(_LENGTHS):
        return _UNKNOWN
    if _LENGTHS[object_id] != "v":
        return int(_LENGTHS[object_id]) or _UNKNOWN
    if at >= len(objects):
        return 1  # its length byte is missing: cut off
    # A command has its opcode besides the arguments, whose number fills the lower five bits.
    return 1 + (objects[at] & 0x1F) if object_id == _COMMAND else objects[at]


def _objects(click_type: str, packet_id: int, battery_percent: int | None) -> bytes:
    if click_type not in _CODES:
        raise WireError("range", f"click type {click_type!r} has no BTHome code here")
    check_integer("packet id", packet_id, 0xFF)
    out = bytes([PACKET_ID, packet_id])
    if battery_percent is not None:
        check_integer("battery percent", battery_percent, 100)
        out += bytes([BATTERY, battery_percent])
    return out + bytes([BUTTON, _CODES[click_type]])


def _nonce(mac: bytes, info: int, counter: bytes) -> bytes:
    """bthome.io/encryption: address as printed, UUID as on air, info byte, counter as on air."""
    if len(mac) != _MAC_BYTES:
        raise WireError("range", f"a Bluetooth address has 6 bytes, this one {len(mac)}")
    return mac + b"\xd2\xfc" + bytes([info]) + counter
