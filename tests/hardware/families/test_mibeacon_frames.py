"""MiBeacon: what each version proves, and how its two counters are one."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hardware.click import Click, Ignored
from hardware.decode import Decoder
from hardware.keys import DeviceKey
from tests.hardware.families.frames import MAC, MIBEACON, Keys, advertisement

KEY = DeviceKey("mibeacon", bytes(range(16)))
REVERSED_MAC = bytes(reversed(bytes.fromhex(MAC.replace(":", ""))))
PRESS = bytes.fromhex("0c4e00")  # single press of an XMWXKG01LM


def sealed(frame_counter: int, ext_counter: int, objects: bytes = PRESS) -> bytes:
    head = bytes.fromhex("48558723") + bytes([frame_counter])
    ext = ext_counter.to_bytes(3, "little")
    box = AESCCM(KEY.secret, tag_length=4).encrypt(REVERSED_MAC + head[2:5] + ext, objects, b"\x11")
    return head + box[:-4] + ext + box[-4:]


def decode_one(payload: bytes, *keys: DeviceKey) -> Click | Ignored:
    (found,) = Decoder(Keys({MAC: keys})).decode(advertisement(payload, uuid=MIBEACON))
    return found


def test_version_5_with_its_key_is_authenticated():
    click = decode_one(sealed(7, 2), KEY)
    assert isinstance(click, Click)
    assert click.authenticated
    assert click.counter == {"frame_counter": 7, "ext_counter_le24": 2}


def test_the_frame_counter_is_the_low_byte_of_the_counter():
    fresh = [
        decode_one(sealed(*counters), KEY).freshness for counters in ((254, 2), (255, 2), (0, 3))
    ]
    assert fresh == sorted(fresh)
    assert len(set(fresh)) == 3


def test_in_the_clear_although_a_key_is_known_is_a_downgrade():
    plain = bytes.fromhex("4050872307") + PRESS
    assert decode_one(plain).click_type == "SINGLE"
    ignored = decode_one(plain, KEY)
    assert "downgrade" in ignored.reason
    assert not ignored.valid


def test_one_changed_bit_anywhere_is_refused():
    frame = sealed(7, 2)
    for place in range(len(frame)):
        changed = bytearray(frame)
        changed[place] ^= 0x01
        found = decode_one(bytes(changed), KEY)
        # The low bits of frame control only ask for times; everything else is sealed.
        if place > 1:
            assert isinstance(found, Ignored), place


@pytest.mark.parametrize("length", [0, 12, 24])
def test_a_key_of_wrong_length_is_named(length):
    assert (
        "key must be 16 bytes"
        in decode_one(sealed(7, 2), DeviceKey("mibeacon", bytes(length))).reason
    )


def test_version_3_opens_and_still_proves_nothing():
    key = DeviceKey("mibeacon", bytes.fromhex("b853075158487ca39a5b5ea9"))
    payload = bytes.fromhex("5830b603d28b98c54124f8c3491476757e00000099")
    frame = advertisement(payload, uuid=MIBEACON, address="F8:24:41:C5:98:8B")
    (click,) = Decoder(Keys({"F8:24:41:C5:98:8B": (key,)})).decode(frame)
    assert click.click_type == "SINGLE"
    assert not click.authenticated
    assert click.freshness is None


def test_buttons_that_are_pressed_together_are_several_presses():
    both = bytes.fromhex("40504919010c4e0103")
    clicks = Decoder(Keys({})).decode(advertisement(both, uuid=MIBEACON))
    assert [(c.button, c.click_type) for c in clicks] == [("left", "SINGLE"), ("right", "SINGLE")]
    assert len({c.press_id for c in clicks}) == 2


def test_a_battery_of_more_than_all_is_not_taken():
    click = decode_one(bytes.fromhex("4050872307") + bytes.fromhex("0a1001ff") + PRESS)
    assert (click.click_type, click.battery_percent) == ("SINGLE", None)


@pytest.mark.parametrize("version", [0, 1, 6, 15])
def test_a_version_that_nobody_knows_is_not_read(version):
    ignored = decode_one(bytes([0x40, version << 4]) + bytes.fromhex("872307") + PRESS)
    assert ignored.reason == f"MiBeacon version {version}; 2 to 5 are known"


@pytest.mark.parametrize("objects", ["011003000007", "0110020000", "134a0109"])
def test_a_button_object_that_says_nothing_known_is_named_as_such(objects):
    ignored = decode_one(bytes.fromhex("4050872307" + objects))
    assert isinstance(ignored, Ignored)
    assert ignored.valid
    assert ignored.reason == "a button object, but no press that is known"


def test_several_buttons_are_not_listed_when_none_was_pressed():
    ignored = decode_one(bytes.fromhex("40506815070110030000") + b"\x07")
    assert "buttons" not in ignored.extra
