"""Our own button over MQTT and over a serial line: JSON below its topic, or one sentence.

Source: ``firmware_sim.core.wire``, which is the same code as on the chip.

Traps: the MQTT payload holds no device id, only the topic does, so the signature must cover it;
what stands before the ``$`` of a sentence is the rest of a broken one; boot id and counter are
numbers from outside, and without a signature they prove nothing, however large.

Proves: with the device's HMAC key, who was pressed and that the press is a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from firmware_sim.core.wire import (
    ButtonClick,
    WireError,
    decode_json,
    decode_sentence,
    parse_topic,
    verify,
)
from hardware.click import Click, Ignored, RawFrame
from hardware.families.family import Family, Options, Reading, Sender
from hardware.keys import DeviceKey

_NAME = "native"
# A frame's topic is asked for three times, and each button always has the same.
_parse_topic = lru_cache(1024)(parse_topic)


def matches(frame: RawFrame) -> bool:
    """Our topic, or a line with the beginning of a sentence in it."""
    if frame.transport == "mqtt":
        return (frame.channel or "").startswith("clickclaim/v1/")
    return b"$CLK," in frame.payload


def sender_of(frame: RawFrame) -> Sender | None:
    """Namespace and device id; a serial line names no namespace."""
    try:
        if frame.transport == "mqtt":
            return Sender(*_parse_topic(frame.channel or ""))
        return _read(frame)[0]
    except WireError:
        return None


def decode(frame: RawFrame, keys: Sequence[DeviceKey], _options: Options) -> list[Reading]:
    """The click, authenticated when one of the keys signed it."""
    try:
        sender, said = _read(frame)
    except WireError as refusal:
        known = sender_of(frame)
        address = known.address if known else None
        return [Ignored(frame=frame, family=_NAME, address=address, reason=refusal.message)]
    signing = [key for key in keys if key.kind == "hmac"]
    signer = next((key for key in signing if verify(said, key.secret)), None)
    if signing and signer is None:
        why = (
            "wrong key or forged: the signature does not fit this device's key"
            if said.auth
            else "downgrade refused: not signed, although this device has a key"
        )
        return [Ignored(frame=frame, family=_NAME, address=sender.address, reason=why)]
    if signer is not None and signer.simulated:
        frame = replace(frame, simulated=True)
    return [_click(frame, sender, said, authenticated=signer is not None)]


def _read(frame: RawFrame) -> tuple[Sender, ButtonClick]:
    if frame.transport == "mqtt":
        namespace, device_id = _parse_topic(frame.channel or "")
        return Sender(namespace, device_id), decode_json(device_id, frame.payload)
    said = decode_sentence(frame.payload)
    return Sender(None, said.device_id), said


def _click(frame: RawFrame, sender: Sender, said: ButtonClick, *, authenticated: bool) -> Click:
    return Click(
        frame=frame,
        family=_NAME,
        address=sender.address,
        namespace=sender.namespace,
        click_type=said.click_type,
        press_id=f"{said.boot_id}.{said.counter}",
        freshness=(said.boot_id, said.counter),
        authenticated=authenticated,
        remaining_life=said.remaining_life,
        reported_ms=said.reported_ms,
        certificate_id=said.certificate_id,
        test_mode=said.test_mode,
        counter={"bootId": said.boot_id, "counter": said.counter},
    )


FAMILY = Family(
    name=_NAME,
    transports=("mqtt", "serial"),
    proves="with its HMAC key: which device was pressed, and that the press is new",
    matches=matches,
    sender_of=sender_of,
    decode=decode,
)
