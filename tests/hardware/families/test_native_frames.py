"""Our own frames: what the signature proves, and what is refused."""

from __future__ import annotations

import pytest

from firmware_sim.core.wire import (
    ButtonClick,
    encode_json,
    encode_sentence,
    events_topic,
    sign,
)
from hardware.click import Click, Ignored
from hardware.decode import Decoder, Identity
from hardware.keys import DeviceKey, NoKeys
from tests.hardware.families.frames import Keys, line, message

ID = "G030PM0123456789"
KEY = DeviceKey("hmac", b"sixteen byte key")


def said(*, counter: int = 7, key: bytes = b"", device_id: str = ID) -> ButtonClick:
    click = ButtonClick(device_id, 3, counter, "SINGLE", remaining_life_bp=9985, test_mode=False)
    return sign(click, key)


def over_mqtt(click: ButtonClick, *, device_id: str = ID):
    return message(events_topic("default", device_id), encode_json(click))


def decode_one(frame, *keys: DeviceKey) -> Click | Ignored:
    (found,) = Decoder(Keys({ID: keys})).decode(frame)
    return found


@pytest.mark.parametrize(
    "frame", [over_mqtt(said(key=KEY.secret)), line(encode_sentence(said(key=KEY.secret)))]
)
def test_a_signed_click_is_authenticated(frame):
    click = decode_one(frame, KEY)
    assert isinstance(click, Click)
    assert click.authenticated
    assert (click.press_id, click.freshness) == ("3.7", (3, 7))
    assert click.remaining_life == 99.85
    assert not click.frame.simulated


def test_the_namespace_comes_from_the_topic():
    keys = Keys({})
    decoder = Decoder(keys)
    frame = over_mqtt(said())
    assert decoder.identify(frame) == Identity("default", ID, "native")
    (click,) = decoder.decode(frame)
    assert click.namespace == "default"
    assert keys.asked == [("default", ID)]


def test_a_signature_by_another_key_is_refused():
    ignored = decode_one(over_mqtt(said(key=b"somebody else's!")), KEY)
    assert isinstance(ignored, Ignored)
    assert "wrong key or forged" in ignored.reason
    assert not ignored.valid


def test_a_signature_of_another_device_is_refused():
    stolen = said(key=KEY.secret, device_id="G030PM0000000001")
    assert "wrong key or forged" in decode_one(over_mqtt(stolen), KEY).reason


def test_an_unsigned_click_of_a_device_with_a_key_is_a_downgrade():
    assert "downgrade" in decode_one(over_mqtt(said()), KEY).reason


def test_without_a_key_on_record_nothing_is_authenticated():
    click = decode_one(over_mqtt(said(key=KEY.secret)))
    assert isinstance(click, Click)
    assert not click.authenticated


def test_any_of_several_keys_may_have_signed():
    old = DeviceKey("hmac", b"the one before!!")
    assert decode_one(over_mqtt(said(key=KEY.secret)), old, KEY).authenticated


def test_a_test_key_marks_the_click_simulated():
    test_key = DeviceKey("hmac", b"for rehearsals!!", simulated=True)
    click = decode_one(over_mqtt(said(key=test_key.secret)), test_key)
    assert click.authenticated
    assert click.frame.simulated


def test_the_largest_counter_is_a_number_like_any_other_and_proves_nothing():
    click = decode_one(over_mqtt(said(counter=0xFFFFFFFF)))
    assert click.counter == {"bootId": 3, "counter": 4294967295}
    assert not click.authenticated


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"null", b'{"clickType":1}', b"\xff\xfe", b"[" * 100_000, b'{"counter":1e400}'],
)
def test_what_is_no_click_is_ignored_with_a_reason(payload):
    frame = message(events_topic("default", ID), payload)
    (ignored,) = Decoder(NoKeys()).decode(frame)
    assert isinstance(ignored, Ignored)
    assert ignored.reason
    assert not ignored.valid


def test_a_sentence_is_found_behind_the_rest_of_a_broken_one():
    click = decode_one(line(b"$CLK,G03" + encode_sentence(said(key=KEY.secret))), KEY)
    assert isinstance(click, Click)
    assert click.authenticated


def test_a_payload_that_is_refused_still_has_the_device_of_its_topic():
    ignored = decode_one(message(events_topic("default", ID), b"{}"))
    assert (ignored.address, ignored.valid) == (ID, False)
    ignored = decode_one(message("clickclaim/v1/default/devices//events", b"{}"))
    assert ignored.address is None
