"""iTAG key finders: a notification at each press, and nothing else.

Source: onderweg/itag-mqtt (readme) and the UUIDs of several public clients: service FFE0,
characteristic FFE1, byte 01; alert 1802/2A06, battery 180F/2A19.

Traps: a single, a double and a long press look the same, and no release is ever sent, so this is
a click and not a level; FFE0/FFE1 is also a SensorTag's; the tag reconnects erratically, powers
itself off after a while, and alerts when the link is lost.

Proves: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.families.payloads import address_of
from hardware.keys import DeviceKey

FFE1_UUID = "0000ffe1-0000-1000-8000-00805f9b34fb"
_NAME = "itag"
_ALERT_UUID = "00001802-0000-1000-8000-00805f9b34fb"
# TI's own base: the SensorTag offers its sensors below it.
_TI_PREFIX, _TI_SUFFIX = "f000", "-0451-4000-b000-000000000000"
_SENSORTAG_NAMES = ("sensortag", "sensor tag", "cc2650", "cc2541")


def looks_like_itag(frame: RawFrame) -> bool:
    """The name, or the alert service, says iTAG."""
    return "itag" in (frame.name or "").lower() or _ALERT_UUID in frame.service_uuids


def looks_like_sensortag(frame: RawFrame) -> bool:
    """The name, or a service of TI's, says SensorTag."""
    name = (frame.name or "").lower()
    return any(word in name for word in _SENSORTAG_NAMES) or any(
        uuid.startswith(_TI_PREFIX) and uuid.endswith(_TI_SUFFIX) for uuid in frame.service_uuids
    )


def matches(frame: RawFrame) -> bool:
    """A notification of FFE1 from something that is not clearly a SensorTag."""
    return frame.channel == FFE1_UUID and not looks_like_sensortag(frame)


def sender_of(frame: RawFrame) -> Sender | None:
    """The peer's Bluetooth address."""
    address = address_of(frame.address)
    return Sender(None, address) if address else None


def decode(frame: RawFrame, _keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """A single click for each 01."""
    address = address_of(frame.address)
    if frame.payload != b"\x01":
        why = f"a press is the byte 01, not {frame.payload[:8].hex() or 'nothing'}"
        nothing = frame.payload == b"\x00"
        return [
            Ignored(
                frame=frame,
                family=_NAME,
                address=address,
                reason=why,
                valid=nothing,
                click_type="NONE" if nothing else None,
            )
        ]
    return [Click(frame=frame, family=_NAME, address=address, click_type="SINGLE")]


FAMILY = Family(
    name=_NAME,
    transports=("ble-notify",),
    proves="nothing: identity by assertion",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
