"""A service that answers late, twice, strangely, or not at all."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.domain import errors
from orchestrator.ports import ServiceAwayError
from orchestrator.remote import (
    AccessRefusedError,
    Credentials,
    RemoteClaims,
    Retry,
    StrangeAnswerError,
)
from orchestrator.remote.asgi import AppTransport
from orchestrator.remote.facts import server_events
from tests.api.world import DEVICE, World


class Lossy(httpx.AsyncBaseTransport):
    """Loses replies after the service has acted on the request, then lets them through."""

    def __init__(self, world: World, replies_lost: int) -> None:
        self._inner = AppTransport(world.app)
        self.lose = replies_lost
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request):
        self.sent.append(request)
        response = await self._inner.handle_async_request(request)
        if len(self.sent) <= self.lose:
            await response.aclose()
            raise httpx.ReadError("connection reset", request=request)
        return response


class Pauses:
    def __init__(self):
        self.lengths_s = []

    async def __call__(self, seconds):
        self.lengths_s.append(seconds)


def remote(transport, pauses=None, **options) -> RemoteClaims:
    return RemoteClaims(
        "http://clickclaim.test/", transport=transport, sleep=pauses or Pauses(), **options
    )


async def test_a_request_whose_reply_was_lost_is_sent_again_and_done_once():
    world, pauses = World(), Pauses()
    transport = Lossy(world, 2)
    async with remote(transport, pauses) as api:
        initiated = await api.initiate(DEVICE, invocation="claim-1")
    assert initiated.epoch == 1, "one claim, not three"
    assert len(transport.sent) == 3
    assert {sent.headers["amz-sdk-invocation-id"] for sent in transport.sent} == {"claim-1"}
    assert pauses.lengths_s == [0.1, 0.3], "ever longer"


async def test_after_its_tries_the_service_is_away():
    world, pauses = World(), Pauses()
    async with remote(Lossy(world, 99), pauses, retry=Retry(tries=3)) as api:
        with pytest.raises(ServiceAwayError, match=r"clickclaim\.test.*reset.*clickclaim serve"):
            await api.initiate(DEVICE, invocation="claim-1")
    assert pauses.lengths_s == [0.1, 0.3]


async def test_a_port_where_nobody_listens_is_a_service_away():
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with RemoteClaims(url, sleep=Pauses()) as api:
            with pytest.raises(ServiceAwayError):
                await api.attempt("a")
            with pytest.raises(ServiceAwayError):
                await anext(api.facts())


def answering(*answers: httpx.Response) -> httpx.MockTransport:
    left = list(answers)
    return httpx.MockTransport(lambda request: left.pop(0) if len(left) > 1 else left[0])


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_answer_that_says_nothing_of_the_request_is_asked_for_again(status):
    good = httpx.Response(200, json={"state": "UNCLAIMED"})
    async with remote(answering(httpx.Response(status), good)) as api:
        asked = {"if_epoch": None, "if_state": None, "invocation": "u"}
        assert await api.unclaim(DEVICE, **asked) == "UNCLAIMED"
    async with remote(answering(httpx.Response(status))) as api:
        with pytest.raises(ServiceAwayError, match=str(status)):
            await api.unclaim(DEVICE, **asked)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="nginx"),
        httpx.Response(301, headers={"location": "/"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["state"]),
        httpx.Response(200, json={"colour": 1}),
        httpx.Response(200, json={"state": "CLAIM_INITIATED"}),
        httpx.Response(404, headers={"x-amzn-ErrorType": "UnknownOperationException"}),
    ],
)
async def test_whatever_else_answers_is_named_as_such(answer):
    async with remote(answering(answer)) as api:
        with pytest.raises(StrangeAnswerError, match=r"clickclaim\.test.*healthz"):
            await api.initiate(DEVICE, invocation="i")


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("InvalidRequestException", 400, errors.InvalidRequestError),
        ("ForbiddenException", 403, errors.ClaimCodeRefusedError),
        ("ResourceNotFoundException", 404, errors.UnknownDeviceError),
        ("ResourceConflictException", 409, errors.TakenError),
        ("PreconditionFailedException", 412, errors.NoClaimOpenError),
        ("RangeNotSatisfiableException", 416, errors.PageTokenError),
        ("RequestTooLargeException", 413, errors.InvalidRequestError),
    ],
)
async def test_the_published_name_alone_tells_what_kind_of_refusal_it_is(name, status, kind):
    body = {"code": str(status), "message": "said the service"}
    answer = httpx.Response(status, headers={"x-amzn-ErrorType": name}, json=body)
    async with remote(answering(answer)) as api:
        with pytest.raises(kind, match=r"^said the service$"):
            await api.initiate(DEVICE, invocation="i")


async def test_credentials_that_are_not_taken_are_said_so():
    world = World("production")
    key = await world.access.create()
    for credentials in (
        None,
        Credentials(access_key=key.access_key, secret="guessed"),
        Credentials(access_key="CCAKNOBODY", secret=key.secret),
    ):
        async with remote(AppTransport(world.app), credentials=credentials) as api:
            with pytest.raises(AccessRefusedError):
                await api.initiate(DEVICE, invocation="i")
            with pytest.raises(AccessRefusedError):
                await anext(api.facts())


async def test_a_secret_is_not_shown():
    assert "hidden" not in repr(Credentials(access_key="A", secret="hidden"))


async def test_facts_that_were_missed_are_a_service_away():
    body = b"id: x-1\nevent: reset\ndata: {}\n\n"
    async with remote(answering(httpx.Response(200, content=body))) as api:
        with pytest.raises(ServiceAwayError, match="missed"):
            await anext(api.facts())


async def test_a_long_reason_is_cut_rather_than_refused():
    world = World()
    async with remote(AppTransport(world.app)) as api:
        await api.initiate(DEVICE, invocation="i")
        asked = {"if_epoch": 1, "if_state": None, "invocation": "u"}
        assert await api.unclaim(DEVICE, reason="\U0001f600" * 1000, **asked) == "UNCLAIMED"


async def test_events_are_read_as_they_may_be_written():
    async def lines():
        for line in [
            ":comment",
            "",
            "event:a",
            "data: 1",
            "data: 2",
            "id: 5",
            "",
            "data:x",
            "",
            "event: no data",
            "",
            "data: cut off",
        ]:
            yield line

    assert [(event.name, event.data) async for event in server_events(lines())] == [
        ("a", "1\n2"),
        ("message", "x"),
    ]
