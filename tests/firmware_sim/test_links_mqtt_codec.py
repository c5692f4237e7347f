"""The button's half of MQTT 3.1.1: bytes by the standard, and any answer is dealt with."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.links.errors import LinkError
from firmware_sim.links.mqtt_codec import (
    Answers,
    connect_packet,
    disconnect_packet,
    publish_packet,
)
from firmware_sim.links.mqtt_url import MqttAddress, parse_mqtt_url

LET_IN = bytes.fromhex("20020000")


# Written by hand after OASIS MQTT 3.1.1, sections 3.1, 3.3 and 3.14.
@pytest.mark.parametrize(
    ("packet", "by_hand"),
    [
        (connect_packet("a", None, None), "100d00044d51545404020000" + "000161"),
        (connect_packet("a", "u", None), "101000044d51545404820000" + "000161" + "000175"),
        (
            connect_packet("a", "u", "p"),
            "101300044d51545404c20000" + "000161" + "000175" + "000170",
        ),
        (publish_packet("t", b"xy", 258), "3207" + "000174" + "0102" + "7879"),
        (publish_packet("t", b"", 1, retain=True), "3305" + "000174" + "0001"),
        (publish_packet("t", b"x" * 195, 1), "32c801" + "000174" + "0001" + "78" * 195),
        (disconnect_packet(), "e000"),
    ],
)
def test_packets_are_those_of_the_standard(packet, by_hand):
    assert packet.hex() == by_hand


def test_answers_come_in_pieces():
    answers, got = Answers("x"), []
    for byte in LET_IN + bytes.fromhex("40020001" + "d000" + "4002ffff"):
        got += answers.feed(bytes([byte]))
    assert answers.connected
    assert got == [1, 0xFFFF]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("20020001", "does not speak MQTT 3.1.1"),
        ("20020004", "refuses the user or the password; mend them in the URL"),
        ("20020005", "does not let this user connect"),
        ("20020063", "code 99"),
        ("40020001", "not MQTT"),
        ("4854545022", "not MQTT"),
        ("20020000" + "20020000", "not MQTT"),
        ("20020000" + "30050001610000", "not MQTT"),
    ],
)
def test_answers_that_are_none(data, message):
    with pytest.raises(LinkError, match=message):
        Answers("x").feed(bytes.fromhex(data))


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_the_reader_is_total_and_bounded(pieces):
    answers = Answers("x")
    with suppress(LinkError):
        for piece in [LET_IN, *pieces]:
            answers.feed(piece)
            assert len(answers._held) < 4


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://host/", MqttAddress("host", 1883, False)),
        ("mqtts://host", MqttAddress("host", 8883, True)),
        ("mqtt://[::1]:99", MqttAddress("::1", 99, False)),
        ("mqtt://u%40x:p%2F%3A@host:1/", MqttAddress("host", 1, False, "u@x", "p/:")),
        (
            "mqtts://h/?ca=/c.pem&cert=b.pem&key=k.pem",
            MqttAddress("h", 8883, True, None, None, "/c.pem", "b.pem", "k.pem"),
        ),
    ],
)
def test_urls_are_understood(url, address):
    assert parse_mqtt_url(url) == address


@pytest.mark.parametrize(
    "url",
    ["", "host", "http://host/", "mqtt://", "mqtt://host:port/", "mqtt://host:99999/",
     "mqtt://host/?insecure=1", "mqtt://host/?ca", "mqtt://[::1/"],
)  # fmt: skip
def test_urls_that_are_none_are_refused_with_an_example(url):
    with pytest.raises(LinkError, match=r"mqtt://user:password@host:1883/|there are ca, cert, key"):
        parse_mqtt_url(url)


def test_no_message_shows_the_password():
    address = parse_mqtt_url("mqtt://user:secret@[::1]:1883/")
    assert "secret" not in address.shown + repr(address)
    with pytest.raises(LinkError) as caught:
        parse_mqtt_url("mqtt://user:secret@host:1x/")
    assert "secret" not in str(caught.value)


def test_certificates_that_cannot_be_read_are_named():
    with pytest.raises(LinkError, match=r"/no/such\.pem cannot be used"):
        parse_mqtt_url("mqtts://h/?ca=/no/such.pem").ssl_context()
