"""BTHome: what the bind key proves, addresses, several keys."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from firmware_sim.core.wire import encode_bthome, encode_bthome_encrypted
from hardware.click import Click, Ignored
from hardware.decode import Decoder, Identity
from hardware.keys import DeviceKey, NoKeys
from hardware.repeats import Press, State, judge
from tests.hardware.families.frames import MAC, Keys, advertisement

KEY = DeviceKey("bthome", bytes(range(16)))


def sealed(key: DeviceKey = KEY, *, packet_id: int = 5, counter: int = 9) -> bytes:
    encryptor = Cipher(AES(key.secret), ECB()).encryptor()
    mac = bytes.fromhex(MAC.replace(":", ""))
    return encode_bthome_encrypted("DOUBLE", packet_id, 90, mac, counter, encryptor.update)


def decode_one(frame, *keys: DeviceKey) -> Click | Ignored:
    (found,) = Decoder(Keys({MAC: keys})).decode(frame)
    return found


def test_what_our_own_chip_sends_is_understood():
    click = decode_one(advertisement(encode_bthome("LONG", 77, 64)))
    assert (click.click_type, click.press_id, click.battery_percent) == ("LONG", "77", 64)
    assert not click.authenticated
    assert click.freshness is None


def test_what_the_key_opens_is_authenticated():
    click = decode_one(advertisement(sealed()), KEY)
    assert click.authenticated
    assert (click.click_type, click.press_id, click.freshness) == ("DOUBLE", "5", (9,))


def test_any_of_several_keys_may_open_it():
    other = DeviceKey("bthome", bytes(16))
    assert decode_one(advertisement(sealed()), other, KEY).authenticated


def test_a_key_of_another_kind_is_not_tried():
    ignored = decode_one(advertisement(sealed()), DeviceKey("hmac", KEY.secret))
    assert "no bind key is known" in ignored.reason


def test_one_changed_bit_anywhere_is_refused():
    frame = sealed()
    for place in range(1, len(frame)):
        changed = bytearray(frame)
        changed[place] ^= 0x10
        assert isinstance(decode_one(advertisement(bytes(changed)), KEY), Ignored)


def test_another_address_does_not_open_it():
    moved = advertisement(sealed(), address="A4:C1:38:8D:18:B3")
    (ignored,) = Decoder(Keys({"A4:C1:38:8D:18:B3": (KEY,)})).decode(moved)
    assert "tag mismatch" in ignored.reason


def test_in_the_clear_although_a_key_is_known_is_a_downgrade():
    ignored = decode_one(advertisement(encode_bthome("SINGLE", 1)), KEY)
    assert "downgrade" in ignored.reason
    assert not ignored.valid


def test_a_test_key_marks_the_click_simulated():
    key = DeviceKey("bthome", bytes(range(16)), simulated=True)
    click = decode_one(advertisement(sealed()), key)
    assert click.authenticated
    assert click.frame.simulated


def test_an_authenticated_frame_without_a_press_still_says_how_fresh_it_is():
    payload = bytes.fromhex("41a47266c95f730011223378237214")
    key = DeviceKey("bthome", bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932"))
    frame = advertisement(payload, address="54:48:E6:8F:80:A5")
    (ignored,) = Decoder(Keys({"54:48:E6:8F:80:A5": (key,)})).decode(frame)
    assert isinstance(ignored, Ignored)
    assert ignored.valid
    assert ignored.authenticated
    assert ignored.freshness == (857870592,)


def test_the_address_inside_the_frame_is_the_one_that_counts():
    frame = advertisement(bytes.fromhex("42b2188d38c1a43a01"), address="11:22:33:44:55:66")
    assert Decoder(NoKeys()).identify(frame) == Identity(None, MAC, "bthome")
    assert decode_one(frame).address == MAC


def test_an_address_that_is_none_is_said_and_not_guessed():
    # On a Mac the system gives a UUID of its own in place of the address.
    uuid = "6E2A1B2C-0000-4000-8000-000000000001"
    (ignored,) = Decoder(Keys({uuid: (KEY,)})).decode(advertisement(sealed(), address=uuid))
    assert "no Bluetooth address" in ignored.reason


def test_several_buttons_in_one_frame_are_several_presses():
    clicks = Decoder(NoKeys()).decode(advertisement(bytes.fromhex("4000523a003a013a03")))
    assert [(c.button, c.click_type, c.press_id) for c in clicks] == [
        (2, "SINGLE", "82.2"),
        (3, "TRIPLE", "82.3"),
    ]


def test_a_battery_of_more_than_all_is_not_taken():
    click = decode_one(advertisement(bytes.fromhex("44000101ff3a01")))
    assert (click.click_type, click.battery_percent) == ("SINGLE", None)


def test_two_buttons_without_a_packet_id_are_two_presses():
    decoded = Decoder(Keys({})).decode(advertisement(bytes.fromhex("443a013a01")))
    state, verdicts = State(), []
    for click in decoded:
        judged = judge(state, Press.of(click), 0)
        verdicts.append(judged.verdict)
        state = judged.state
    assert verdicts == ["NEW", "NEW"]
