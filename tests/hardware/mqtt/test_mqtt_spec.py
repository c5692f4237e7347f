"""Spec strings of brokers: what they mean, and what is wrong with those that mean nothing."""

from __future__ import annotations

import pytest

from hardware.source import SourceSpecError
from hardware.sources.mqtt_spec import MqttSpec

OURS = "clickclaim/v1/+/devices/+/events"


def test_a_bare_broker_gets_the_usual_port_and_our_own_topic():
    spec = MqttSpec.parse("mqtt://broker")
    assert (spec.host, spec.port, spec.topics, spec.tls) == ("broker", 1883, (OURS,), False)
    assert spec.version == "3.1.1"
    assert spec.shown == "mqtt://broker:1883/"


def test_tls_has_a_port_of_its_own():
    spec = MqttSpec.parse("mqtts://broker/?ca=/ca.pem&cert=/me.pem&key=/me.key")
    assert (spec.port, spec.tls) == (8883, True)
    assert (spec.ca, spec.cert, spec.key) == ("/ca.pem", "/me.pem", "/me.key")


def test_user_and_password_may_be_percent_encoded_and_are_never_shown():
    spec = MqttSpec.parse("mqtt://sta%40tion:p%3Aw%2Fd@broker:1884/")
    assert (spec.user, spec.password) == ("sta@tion", "p:w/d")
    assert spec.shown == "mqtt://broker:1884/"
    assert "p:w" not in repr(spec)


def test_wildcards_mean_what_they_mean_in_mqtt():
    spec = MqttSpec.parse("mqtt://broker/?topic=shellies/+/input_event/+&topic=home/#")
    assert spec.topics == ("shellies/+/input_event/+", "home/#")
    assert spec.shown == "mqtt://broker:1883/?topic=shellies/+/input_event/+&topic=home/#"


def test_families_are_added_to_our_own_topic():
    spec = MqttSpec.parse("mqtt://broker/?topics=families")
    assert spec.topics[0] == OURS
    assert {"iotbutton/+", "zigbee2mqtt/+", "+/events/rpc", "stat/+/RESULT"} <= set(spec.topics)


def test_one_family_may_be_asked_for():
    assert MqttSpec.parse("mqtt://b/?topics=aws_iot_button").topics == (OURS, "iotbutton/+")


def test_a_broker_may_have_an_ipv6_address():
    spec = MqttSpec.parse("mqtt://[::1]:1999/")
    assert (spec.host, spec.port, spec.shown) == ("::1", 1999, "mqtt://[::1]:1999/")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("mqtt:", "names no broker"),
        ("mqtt://broker:x/", "Port could not be cast"),
        ("mqtt://broker/clickclaim", "topics go into"),
        ("mqtt://broker/?topics=shely", "topics=shely is not known"),
        ("mqtt://broker/?tpoic=a", "no option is called 'tpoic'"),
        ("mqtt://broker/?topic=a#b", "is not a topic filter"),
        ("mqtt://broker/?topic=", "topic= is empty"),
        ("mqtt://broker/?version=4", "MQTT version '4'"),
        ("mqtt://broker/?ca=/ca.pem", "means nothing without TLS"),
        ("mqtts://broker/?key=/me.key", "key= without cert="),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_remedy(spec, problem):
    with pytest.raises(SourceSpecError, match=problem.replace("?", r"\?")) as refused:
        MqttSpec.parse(spec)
    assert refused.value.remedy


def test_no_error_shows_the_password():
    with pytest.raises(SourceSpecError) as refused:
        MqttSpec.parse("mqtt://me:secret@broker/?topics=shely")
    assert "secret" not in str(refused.value)
