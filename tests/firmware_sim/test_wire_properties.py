"""What is said is understood; what is noise is refused in one way; nothing else comes out."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_sim.core import wire
from firmware_sim.core.wire.click import MAX_REPORTED_MS

U32 = st.integers(0, 2**32 - 1)
DEVICE_IDS = st.text("ABCxyz019_-", min_size=1, max_size=32)
CLICKS = st.builds(
    wire.ButtonClick,
    DEVICE_IDS,
    U32,
    U32,
    st.sampled_from(wire.CLICK_TYPES),
    remaining_life_bp=st.none() | st.integers(0, 10_000),
    test_mode=st.booleans(),
    reported_ms=st.none() | st.integers(0, MAX_REPORTED_MS),
    certificate_id=st.none() | st.text("0123456789abcdef:", min_size=1, max_size=128),
)
KEYS = st.binary(min_size=1, max_size=80)
AES_KEYS = st.binary(min_size=16, max_size=16)
MACS = st.binary(min_size=6, max_size=6)


def aes_block(key):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


@given(CLICKS, KEYS)
def test_json_comes_back_as_it_was_said(click, key):
    signed = wire.sign(click, key)
    payload = wire.encode_json(signed)
    assert len(payload) <= 512
    back = wire.decode_json(click.device_id, payload)
    assert back == signed
    assert hash(back) == hash(signed)
    assert wire.verify(back, key)
    assert list(json.loads(payload)) == [
        "clickType", "reportedTime", "remainingLife", "testMode", "certificateId", "bootId",
        "counter", "auth",
    ]  # fmt: skip


@given(CLICKS, KEYS)
def test_a_sentence_comes_back_but_for_what_it_does_not_say(click, key):
    line = wire.encode_sentence(wire.sign(click, key))
    assert len(line) <= 128
    assert line.isascii()
    back = wire.decode_sentence(line)
    assert (back.device_id, back.boot_id, back.counter) == (
        click.device_id, click.boot_id, click.counter,
    )  # fmt: skip
    assert (back.click_type, back.remaining_life_bp) == (click.click_type, click.remaining_life_bp)
    assert (back.reported_ms, back.certificate_id) == (None, None)
    assert wire.verify(back, key)


@given(
    CLICKS, KEYS, st.sampled_from(["device_id", "boot_id", "counter", "click_type", "test_mode"])
)
def test_a_signature_covers_everything_that_decides(click, key, field):
    signed = wire.sign(click, key)
    other = {
        "device_id": "G0OTHER",
        "boot_id": click.boot_id ^ 1,
        "counter": click.counter ^ 1,
        "click_type": "LONG" if click.click_type != "LONG" else "DOUBLE",
        "test_mode": not click.test_mode,
    }
    setattr(signed, field, other[field])
    assert not wire.verify(signed, key)


@given(CLICKS)
def test_without_key_or_signature_nothing_is_verified(click):
    assert wire.sign(click, b"") == click
    assert not wire.verify(click, b"key")
    assert not wire.verify(wire.sign(click, b"key"), b"")


def refused_or(decode, *arguments):
    """What the decoder makes of it; only a WireError may come out instead."""
    refusal = None
    try:
        return decode(*arguments)
    except wire.WireError as problem:
        refusal = problem
    assert refusal.reason in {"oversize", "form", "missing", "type", "range", "crc", "tag"}
    assert str(refusal)
    return None


@given(st.text(max_size=40), st.binary(max_size=2100))
@example("a", b'{"a":' * 600)
@example("a", b'{"counter":' + b"9" * 2000 + b"}")
@example("a", b'{"x":"\xed\xa0\x80"}')
def test_the_json_decoder_is_total(device_id, payload):
    refused_or(wire.decode_json, device_id, payload)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    [
        "clickType",
        "reportedTime",
        "remainingLife",
        "testMode",
        "certificateId",
        "bootId",
        "counter",
        "auth",
    ]
)


@given(st.dictionaries(MEMBERS | st.text(max_size=5), JSON_VALUES, max_size=10))
def test_the_json_decoder_is_total_on_json_that_is_nearly_a_click(members):
    plain = {"clickType": "SINGLE", "testMode": False, "bootId": 1, "counter": 1}
    refused_or(wire.decode_json, "a", json.dumps({**plain, **members}).encode())


@given(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=5), st.booleans())
def test_skipped_members_never_change_the_click(members, ascii_only):
    plain = {"clickType": "SINGLE", "testMode": False, "bootId": 1, "counter": 7}
    text = json.dumps(
        {**{f"x{name}": value for name, value in members.items()}, **plain}, ensure_ascii=ascii_only
    )
    try:
        payload = text.encode()
    except UnicodeEncodeError:
        return
    if any(word in text for word in ("NaN", "Infinity")) or len(payload) > wire.MAX_JSON_BYTES:
        return
    click = refused_or(wire.decode_json, "a", payload)
    assert click is None or click.counter == 7


@given(st.binary(max_size=300))
@example(b"$CLK,*FFFF")
@example(b"$" + b"\xff" * 20 + b"*0000")
def test_the_sentence_decoder_is_total(line):
    refused_or(wire.decode_sentence, line)
    body = line[:200].replace(b"$", b"")
    crc = wire.crc16_ccitt_false(b"CLK," + body)
    refused_or(wire.decode_sentence, b"$CLK," + body + b"*%04X" % crc)


@given(
    st.lists(CLICKS, max_size=5), st.lists(st.integers(1, 60), max_size=30), st.binary(max_size=100)
)
def test_a_stream_cut_anywhere_gives_every_sentence(clicks, cuts, noise):
    noise = noise.replace(b"$", b"")
    stream = b"".join(noise + b"\n" + wire.encode_sentence(click) for click in clicks)
    reader, got = wire.SentenceReader(), []
    for size in [*cuts, len(stream) + 1]:
        got += reader.feed(stream[:size])
        stream = stream[size:]
    numbers = [found.counter for found in got if isinstance(found, wire.ButtonClick)]
    assert numbers == [click.counter for click in clicks]


@given(st.text(max_size=120))
def test_the_topic_parser_is_total(topic):
    refused_or(wire.parse_topic, topic)


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), DEVICE_IDS)
def test_topics_come_back(namespace, device_id):
    assert wire.parse_topic(wire.events_topic(namespace, device_id)) == (namespace, device_id)


def test_filters_hear_one_namespace_or_all():
    assert wire.events_filter("line-3") == "clickclaim/v1/line-3/devices/+/events"
    assert wire.EVENTS_FILTER == "clickclaim/v1/+/devices/+/events"


@given(st.binary(max_size=260), MACS, AES_KEYS)
def test_the_bthome_decoder_is_total(service_data, mac, key):
    for info in (None, 0x40, 0x45, 0x47):
        data = service_data if info is None else bytes([info]) + service_data[1:]
        frame = refused_or(wire.parse_bthome, data)
        if frame is not None:
            assert wire.read_objects(frame.body) is not None
            refused_or(wire.open_bthome, frame, mac, aes_block(key))


@given(
    st.sampled_from(wire.CLICK_TYPES),
    st.integers(0, 255),
    st.none() | st.integers(0, 100),
    MACS,
    U32,
    AES_KEYS,
)
def test_bthome_comes_back_and_any_ccm_opens_it(click_type, packet_id, battery, mac, counter, key):
    sealed = wire.encode_bthome_encrypted(
        click_type, packet_id, battery, mac, counter, aes_block(key)
    )
    frame = wire.parse_bthome(sealed)
    assert (frame.encrypted, frame.triggered, frame.encryption_counter) == (True, True, counter)
    objects = wire.open_bthome(frame, mac, aes_block(key))
    nonce = mac + b"\xd2\xfc\x45" + counter.to_bytes(4, "little")
    assert AESCCM(key, tag_length=4).decrypt(nonce, frame.body, None) == objects
    assert b"\x44" + objects == wire.encode_bthome(click_type, packet_id, battery)
    said = wire.read_objects(objects)
    assert (said.packet_id, said.battery_percent, said.stopped) == (packet_id, battery, "")
    assert said.buttons == ({"SINGLE": 1, "DOUBLE": 2, "LONG": 4}[click_type],)


@given(
    AES_KEYS,
    st.binary(min_size=13, max_size=13),
    st.binary(max_size=80),
    st.sampled_from([4, 8, 16]),
    st.binary(max_size=40),
)
def test_ccm_is_the_one_of_openssl(key, nonce, plain, tag_bytes, aad):
    sealed = wire.ccm_encrypt(aes_block(key), nonce, plain, tag_bytes, aad)
    assert sealed == AESCCM(key, tag_length=tag_bytes).encrypt(nonce, plain, aad)
    assert wire.ccm_decrypt(aes_block(key), nonce, sealed, tag_bytes, aad) == plain


@given(AES_KEYS, st.binary(min_size=5, max_size=40), st.integers(0, 1000))
def test_one_changed_bit_does_not_open(key, plain, bit):
    nonce = bytes(13)
    sealed = bytearray(wire.ccm_encrypt(aes_block(key), nonce, plain, 4))
    sealed[bit // 8 % len(sealed)] ^= 1 << bit % 8
    with pytest.raises(wire.WireError, match="wrong key"):
        wire.ccm_decrypt(aes_block(key), nonce, bytes(sealed), 4)


def test_what_cannot_be_sealed_or_opened_is_refused():
    block = aes_block(bytes(16))
    with pytest.raises(wire.WireError, match="6 bytes"):
        wire.encode_bthome_encrypted("SINGLE", 1, None, b"short", 1, block)
    with pytest.raises(wire.WireError, match="encryption counter"):
        wire.encode_bthome_encrypted("SINGLE", 1, None, bytes(6), 2**32, block)
    with pytest.raises(wire.WireError, match="packet id"):
        wire.encode_bthome("SINGLE", 256)
    with pytest.raises(wire.WireError, match="no BTHome code"):
        wire.encode_bthome("TRIPLE", 1)
    with pytest.raises(wire.WireError, match="not encrypted"):
        wire.open_bthome(wire.parse_bthome(b"\x40"), bytes(6), block)
    with pytest.raises(wire.WireError, match="too few"):
        wire.ccm_decrypt(block, bytes(13), b"abc", 4)


@given(st.integers(0, MAX_REPORTED_MS))
def test_times_are_those_of_the_calendar(at_ms):
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    text = wire.utc_text(at_ms)
    assert text == when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert wire.parse_utc(text) == at_ms


@given(st.text(max_size=40))
def test_the_time_parser_is_total(text):
    refused_or(wire.parse_utc, text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"device_id": 5}, {"boot_id": 1.0}, {"counter": True}, {"click_type": None},
        {"remaining_life_bp": 10_001}, {"test_mode": 1}, {"reported_ms": -1},
        {"certificate_id": ""}, {"auth": None},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_a_click_that_cannot_be_is_not_made(wrong):
    fields = {"device_id": "a", "boot_id": 1, "counter": 1, "click_type": "SINGLE", **wrong}
    with pytest.raises(wire.WireError):
        wire.ButtonClick(**fields)


def test_a_click_shows_what_it_says():
    click = wire.ButtonClick("a", 1, 2, "SINGLE", remaining_life_bp=9985)
    assert click.remaining_life == 99.85
    assert wire.ButtonClick("a", 1, 2, "SINGLE").remaining_life is None
    assert "'SINGLE'" in repr(click)
    assert click != "a"
