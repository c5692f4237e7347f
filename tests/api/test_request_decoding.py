"""Bytes of a request become typed values, or a refusal that names what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.additions import ADDITIONS
from orchestrator.api.edge import RequestDecoder
from orchestrator.api.operations import OPERATIONS
from orchestrator.domain.errors import InvalidRequestError

DECODERS = {row.name: RequestDecoder(row) for row in (*OPERATIONS, *ADDITIONS)}
ARN = {"resource-arn": b"arn%3Aaws%3Aiot1click%3Aus-west-2%3A012345678901%3Adevices%2FG030"}


def decode(name, *, path=None, query=b"", headers=None, body=b""):
    parameters = path if path is not None else {"deviceId": b"G030"}
    return DECODERS[name].decode(parameters, query, headers or {}, body)


def refused(name, **request) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        decode(name, **request)
    return str(caught.value)


def test_what_is_absent_is_none():
    values = decode("FinalizeDeviceClaim")
    assert values == {
        "deviceId": "G030",
        "tags": None,
        "x-clickclaim-if-epoch": None,
        "amz-sdk-invocation-id": None,
    }


def test_null_means_absent_and_unknown_members_are_ignored():
    values = decode("FinalizeDeviceClaim", body=b'{"tags": null, "colour": {"deep": [1, 2]}}')
    assert values["tags"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"tags": {"a": "\xff"}}',
        b'{"tags": {"a": 1}}',
        b'{"tags": ["a"]}',
        b'{"tags": "a"}',
        b'{"tags": {"a": "\\ud800"}}',
        b'{"x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
    ids=lambda body: ascii(body[:24]),
)
def test_a_malformed_body_is_refused(body):
    assert "FinalizeDeviceClaim" in refused("FinalizeDeviceClaim", body=body)


@pytest.mark.parametrize("body", [b'{"enabled": "true"}', b'{"enabled": 1}'])
def test_a_flag_is_true_or_false_and_nothing_that_looks_like_it(body):
    assert "bool" in refused("UpdateDeviceState", body=body)


def test_tags_to_add_have_to_be_there():
    assert "tags" in refused("TagResource", path=ARN)
    assert "tags" in refused("TagResource", path=ARN, body=b'{"tags": null}')


def test_keys_to_untag_are_the_repeated_parameter():
    values = decode("UntagResource", path=ARN, query=b"tagKeys=Driver%20Phone&tagKeys=a%26b")
    assert values["tagKeys"] == ["Driver Phone", "a&b"]
    assert "tagKeys" in refused("UntagResource", path=ARN)


@pytest.mark.parametrize(
    "text", ["0", "251", "-1", "1.0", "ten", "", "+5", " 5", "5_0", "\u0665", "9" * 40]
)
def test_max_results_out_of_its_bounds_are_refused(text):
    from urllib.parse import quote

    assert "maxResults" in refused(
        "ListDevices", path={}, query=f"maxResults={quote(text)}".encode()
    )


@pytest.mark.parametrize("text", ["1", "250"])
def test_max_results_at_their_bounds_are_taken(text):
    values = decode("ListDevices", path={}, query=f"maxResults={text}".encode())
    assert values["maxResults"] == int(text)


def test_a_parameter_given_twice_is_refused():
    assert "twice" in refused("ListDevices", path={}, query=b"maxResults=1&maxResults=2")


@pytest.mark.parametrize("query", [b"nextToken=%FF", b"\xff=1", b"a=1&" * 200])
def test_a_query_that_is_no_query_is_refused(query):
    assert "query" in refused("ListDevices", path={}, query=query)


def moment(text: str) -> int:
    from urllib.parse import quote

    query = f"fromTimeStamp={quote(text)}&toTimeStamp=2019-07-19T15:45:12Z"
    return decode("ListDeviceEvents", query=query.encode())["fromTimeStamp"]


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2019-07-17T15:45:12Z", 1563378312000),
        ("2019-07-17T15:45:12.88Z", 1563378312880),
        ("2019-07-17T15:45:12.880000Z", 1563378312880),
        ("2019-07-17T15:45:12.880000000Z", 1563378312880),
        ("2019-07-17T17:45:12.880+02:00", 1563378312880),
        ("2019-07-17T15:45:12.880001Z", 1563378312881),
        ("1969-12-31T23:59:59.9995Z", 0),
    ],
)
def test_a_time_may_have_any_fraction_and_a_part_of_a_millisecond_rounds_up(text, at_ms):
    assert moment(text) == at_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1563378312",
        "2019-07-17",
        "2019-07-17T15:45:12",
        "2019-W29-3T15:45:12Z",
        "2019-02-30T00:00:00Z",
        "20190717T154512Z",
        "2019-07-17 15:45:12Z",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InvalidRequestError, match="fromTimeStamp"):
        moment(text)


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_that_a_client_can_write_is_read_or_refused(at):
    from datetime import UTC

    try:
        text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except OverflowError:
        return
    try:
        assert isinstance(moment(text), int)
    except InvalidRequestError:
        assert at.astimezone(UTC).year < 1000, "strftime pads no year below 1000"


def test_conditions_come_in_headers():
    headers = {b"x-clickclaim-if-epoch": b"7", b"x-clickclaim-if-state": b"CLAIM_INITIATED"}
    values = decode("UnclaimDevice", headers=headers)
    assert (values["x-clickclaim-if-epoch"], values["x-clickclaim-if-state"]) == (
        7,
        "CLAIM_INITIATED",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-clickclaim-if-epoch", b"seven"),
        (b"x-clickclaim-if-epoch", b"-1"),
        (b"x-clickclaim-if-state", b"OPEN"),
        (b"x-clickclaim-reason", b"r" * 2049),
        (b"amz-sdk-invocation-id", b"i" * 129),
    ],
)
def test_a_header_that_does_not_fit_is_refused(name, value):
    assert name.decode() in refused("UnclaimDevice", headers={name: value})


def test_frames_are_checked_down_to_their_numbers():
    frame = b'{"transport":"mqtt","source":"x","heardMs":%s,"payload":""}'
    good = decode("SendFrames", path={}, body=b'{"frames":[' + frame % b"5" + b"]}")
    assert good["frames"][0].heardMs == 5
    for heard in (b"-1", b"1.5", b"99999999999999999999", b'"5"'):
        assert "heardMs" in refused(
            "SendFrames", path={}, body=b'{"frames":[' + frame % heard + b"]}"
        )
