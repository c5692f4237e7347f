"""What every request meets before any rule is asked: paths, methods, sizes, limits, failures."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from orchestrator.api import limits
from orchestrator.api.limits import MOST_BODY_BYTES
from orchestrator.api.logs import JsonFormatter
from tests.api.test_situations import check_refused
from tests.api.world import DEVICE, World

CLAIM = f"/devices/{DEVICE}"


@pytest.mark.parametrize("path", ["/", "/nothing", "/devices/", f"{CLAIM}/explode", "/v1", "/v1/"])
async def test_an_unknown_path_is_a_404_of_its_own(http, path):
    check_refused(await http.get(path), 404, "UnknownOperationException")
    check_refused(await http.options(path), 404, "UnknownOperationException")


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "HEAD", "BREW"])
async def test_a_wrong_method_is_405_and_says_which_are_right(http, method):
    answer = await http.request(method, CLAIM)
    assert answer.status_code == 405
    assert answer.headers["x-amzn-ErrorType"] == "MethodNotAllowedException"
    assert answer.headers["allow"] == "GET, OPTIONS"


async def test_options_answers_200_with_no_body_and_lets_any_origin_call(http):
    for path in (CLAIM, f"{CLAIM}/finalize-claim", "/tags/arn%3Aaws", "/v1/stream"):
        answer = await http.options(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        allowed = answer.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "x-amz-date", "x-clickclaim-if-epoch", "last-event-id"} <= {
            *allowed
        }


async def test_every_answer_lets_a_page_read_it_and_has_its_own_id(http):
    answers = [await http.get(path) for path in ("/devices", "/healthz", "/nothing")]
    assert len({answer.headers["x-amzn-RequestId"] for answer in answers}) == 3
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-amzn-errortype" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("device_id", ["a%2Fb", "x" * 33, "a%20b", "%00", "%C3%BC", "a.b", "a:b"])
async def test_a_device_id_that_cannot_be_one_is_400(http, device_id):
    for method, path in (("GET", ""), ("PUT", "/initiate-claim"), ("GET", "/methods")):
        answer = await http.request(method, f"/devices/{device_id}{path}")
        check_refused(answer, 400, "InvalidRequestException")


async def test_malformed_json_and_wrong_types_are_400(http):
    for content in (b"{", b"[]", b'{"tags": 5}', b"\xff"):
        answer = await http.put(f"{CLAIM}/finalize-claim", content=content)
        check_refused(answer, 400, "InvalidRequestException")


def padded(size: int) -> bytes:
    """A body of exactly this many bytes, with a member that nobody knows."""
    frame = b'{"x":""}'
    return b'{"x":"' + b"p" * (size - len(frame)) + b'"}'


async def test_a_body_of_64_kib_is_taken_and_one_byte_more_is_413(world, http):
    await http.put(f"{CLAIM}/initiate-claim")
    await world.press()
    big = await http.put(f"{CLAIM}/finalize-claim", content=padded(MOST_BODY_BYTES + 1))
    check_refused(big, 413, "RequestTooLargeException")
    largest = await http.put(f"{CLAIM}/finalize-claim", content=padded(MOST_BODY_BYTES))
    assert largest.json() == {"state": "CLAIMED"}


async def test_a_streamed_body_is_counted_as_it_comes(http):
    async def chunks():
        for _ in range(70):
            yield b"x" * 1024

    answer = await http.put(f"{CLAIM}/finalize-claim", content=chunks())
    check_refused(answer, 413, "RequestTooLargeException")
    assert answer.headers["connection"] == "close"


async def finalize_by_hand(app, messages):
    """A request of 100 bytes, as it says, spoken by hand; after the messages nothing comes."""
    inbox = iter(messages)
    sent = []

    async def receive():
        for message in inbox:
            return message
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    path = f"{CLAIM}/finalize-claim"
    scope = {
        "type": "http",
        "method": "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-length", b"100")],
    }
    await app(scope, receive, send)
    return sent


def piece(body: bytes) -> dict:
    return {"type": "http.request", "body": body, "more_body": True}


END = {"type": "http.request", "body": b"", "more_body": False}


async def test_a_content_length_that_lies_hides_nothing(world):
    sent = await finalize_by_hand(world.app, [piece(b"x" * 40_000), piece(b"x" * 40_000), END])
    assert sent[0]["status"] == 413


async def test_a_client_that_hangs_up_half_way_gets_nothing_and_changes_nothing(world):
    sent = await finalize_by_hand(world.app, [piece(b'{"tags"'), {"type": "http.disconnect"}])
    assert sent == []


async def test_a_body_that_never_ends_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(limits, "BODY_WITHIN_S", 0.01)
    sent = await finalize_by_hand(world.app, [piece(b"{")])
    assert sent[0]["status"] == 408


async def test_too_many_requests_are_429_for_one_account_and_operation():
    world = World(requests_per_s=10)
    async with world.client() as http:
        for _ in range(10):
            assert (await http.get("/devices")).status_code == 200
        answer = await http.get("/devices")
        check_refused(answer, 429, "TooManyRequestsException")
        assert answer.headers["retry-after"] == "1"
        assert (await http.get("/v1/records")).status_code == 200
        await world.clock.advance(100)
        assert (await http.get("/devices")).status_code == 200
        assert (await http.get("/devices")).status_code == 429


async def test_no_limit_is_set_by_default(http):
    for _ in range(50):
        assert (await http.get("/devices")).status_code == 200


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="clickclaim.api")

    def read():
        return [json.loads(JsonFormatter().format(record)) for record in caplog.records]

    return read


async def test_a_fault_of_ours_is_500_with_its_cause_in_the_log(world, http, lines, monkeypatch):
    async def broken(*_):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(world.store, "device", broken)
    answer = await http.get(CLAIM)
    message = check_refused(answer, 500, "InternalFailureException")
    request_id = answer.headers["x-amzn-RequestId"]
    assert request_id in message
    assert "fire" not in message
    failed = next(line for line in lines() if line["message"] == "request failed")
    assert failed["requestId"] == request_id
    assert "the disk is on fire" in failed["cause"]


async def test_each_request_is_one_line_of_json(world, http, lines):
    answer = await http.get(CLAIM)
    (line,) = lines()
    assert line["message"] == "request"
    assert line["requestId"] == answer.headers["x-amzn-RequestId"]
    assert line["operation"] == "DescribeDevice"
    assert line["account"] == world.anonymous.account
    assert line["status"] == 404
    assert line["error"] == "ResourceNotFoundException"
    assert line["ms"] >= 0


async def test_production_wants_a_signature_for_everything_but_health_and_the_document():
    world = World("production")
    async with world.client() as http:
        for path in ("/devices", CLAIM, "/v1/records", "/v1/stream", "/tags/arn%3Aaws"):
            check_refused(await http.get(path), 403, "MissingAuthenticationTokenException")
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/openapi.json")).status_code == 200


async def test_health_says_version_profile_and_sources(http):
    from orchestrator import __version__

    assert (await http.get("/healthz")).json() == {
        "status": "ok",
        "version": __version__,
        "profile": "dev",
        "sources": [{"spec": "memory:", "state": "READING"}],
    }
