"""Names are parsed once at the edge."""

from __future__ import annotations

import pytest

from orchestrator.domain.devices import Device
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import (
    format_arn,
    parse_arn,
    parse_claim_code,
    parse_device_id,
    parse_namespace,
)
from orchestrator.domain.times import utc_text


@pytest.mark.parametrize("text", ["G030PM0123456789", "a", "x" * 32, "A_b-9"])
def test_device_ids_of_the_field_pass(text):
    assert parse_device_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 33, "a/b", "a b", "ü", "a\n", "..", "a.b"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(InvalidRequestError, match="G030PM0123456789"):
        parse_device_id(text)


def test_a_long_id_is_not_repeated_whole():
    with pytest.raises(InvalidRequestError) as refused:
        parse_device_id("x" * 10_000)
    assert len(str(refused.value)) < 250


def test_the_published_claim_code_is_well_formed():
    assert parse_claim_code("C-123EXAMPLE") == "C-123EXAMPLE"
    for bad in ("C-123456789", "c-123EXAMPLE", "123EXAMPLE", "C-" + "A" * 39, "C-123EXAMPL\n"):
        with pytest.raises(InvalidRequestError):
            parse_claim_code(bad)


def test_an_arn_goes_there_and_back():
    arn = format_arn("us-west-2", "123456789012", "G030PX0312744DWM")
    assert arn == "arn:aws:iot1click:us-west-2:123456789012:devices/G030PX0312744DWM"
    assert parse_arn(arn) == ("us-west-2", "123456789012", "G030PX0312744DWM")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn:aws:s3:::bucket",
        "arn:aws:iot1click:us-west-2:12:devices/A",
        "arn:aws:iot1click:us-west-2:123456789012:devices/a/b",
    ],
)
def test_other_arns_are_refused(text):
    with pytest.raises(InvalidRequestError):
        parse_arn(text)


def test_a_namespace_fits_into_a_topic():
    assert parse_namespace("default") == "default"
    for bad in ("", "A", "a/b", "+", "#", "-a", "a" * 64):
        with pytest.raises(InvalidRequestError):
            parse_namespace(bad)


def test_remaining_life_falls_with_the_clicks_and_stays_in_range():
    device = Device(namespace="default", device_id="B1", clicks=3)
    assert device.remaining_life == 99.85
    assert Device(namespace="default", device_id="B1", clicks=9_999).remaining_life == 0.0
    assert Device(namespace="default", device_id="B1", reported_life=140.0).remaining_life == 100.0


def test_a_moment_has_three_digits_of_a_second():
    assert utc_text(1_563_493_675_015) == "2019-07-18T23:47:55.015Z"
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"
