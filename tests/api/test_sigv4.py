"""Who asks: signatures made by botocore are verified, and every other one is turned away."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orchestrator.api.errors import DoorError
from orchestrator.api.sigv4 import Gate
from orchestrator.claims.access import AccessKeys
from orchestrator.clocks import VirtualClock
from orchestrator.settings import for_profile
from orchestrator.stores.memory import MemoryStore

HOST = "http://127.0.0.1:8480"
ARN_PATH = "/tags/arn%3Aaws%3Aiot1click%3Aus-west-2%3A012345678901%3Adevices%2FG030%20x"


def signed(
    key,
    method="PUT",
    target="/devices/G030/initiate-claim",
    body=b"",
    *,
    secret=None,
    service="iot1click",
    region="us-west-2",
    token=None,
    headers=(),
):
    request = AWSRequest(
        method,
        HOST + target,
        data=body,
        headers={"Host": "127.0.0.1:8480", "amz-sdk-invocation-id": "i 1", **dict(headers)},
    )
    credentials = Credentials(key.access_key, secret or key.secret, token)
    SigV4Auth(credentials, service, region).add_auth(request)
    sent = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
    return method, target, sent, body


class Door:
    def __init__(self, profile: str) -> None:
        settings = for_profile(profile)
        self.clock = VirtualClock(time.time_ns() // 1_000_000)
        store = MemoryStore()
        self.access = AccessKeys(store, self.clock, settings)
        self.gate = Gate(self.access, self.clock, settings)

    async def refused(self, method, target, headers, body) -> str:
        with pytest.raises(DoorError) as caught:
            await self.gate.caller(method, target, headers, body)
        return caught.value.name


@pytest.fixture
def production() -> Door:
    return Door("production")


@pytest.fixture
def dev() -> Door:
    return Door("dev")


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("PUT", "/devices/G030/initiate-claim", b""),
        ("PUT", "/devices/G030/finalize-claim", '{"tags": {"Fahrer": "Jörg"}}'.encode()),
        ("GET", "/devices?maxResults=3&deviceType=button&nextToken=a%2Bb%3D", b""),
        ("GET", ARN_PATH, b""),
        ("DELETE", ARN_PATH + "?tagKeys=b&tagKeys=a%20c&tagKeys=a", b""),
        ("GET", "/devices/a%2Fb/events?fromTimeStamp=2019-07-17T15%3A45%3A12.880000Z", b""),
    ],
)
async def test_a_request_that_botocore_signed_is_its_callers(production, method, target, body):
    key = await production.access.create(namespace="plant-7")
    caller = await production.gate.caller(*signed(key, method, target, body))
    assert (caller.namespace, caller.account, caller.access_key) == (
        "plant-7",
        key.account,
        key.access_key,
    )


async def test_the_same_key_opens_again_and_in_another_region(production):
    key = await production.access.create()
    for region in ("us-west-2", "us-west-2", "eu-central-1"):
        assert await production.gate.caller(*signed(key, region=region))


async def test_a_session_token_and_a_stated_hash_do_not_hinder(production):
    import hashlib

    key = await production.access.create()
    body = b'{"tags": {}}'
    stated = {"X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
    assert await production.gate.caller(*signed(key, body=body, token="t", headers=stated))


async def test_unsigned_is_a_missing_token(production):
    request = ("GET", "/devices", {b"host": b"h"}, b"")
    assert await production.refused(*request) == "MissingAuthenticationTokenException"
    basic = ("GET", "/devices", {b"authorization": b"Basic dTpw"}, b"")
    assert await production.refused(*basic) == "MissingAuthenticationTokenException"


async def test_an_unknown_key_is_an_unrecognized_client(production):
    key = await production.access.create()
    stranger = replace(key, access_key="CCAKSTRANGER")
    assert await production.refused(*signed(stranger)) == "UnrecognizedClientException"


async def test_a_revoked_key_is_an_unrecognized_client(production):
    key = await production.access.create()
    assert await production.gate.caller(*signed(key))
    await production.access.revoke(key.access_key)
    assert await production.refused(*signed(key)) == "UnrecognizedClientException"


async def test_a_changed_request_is_refused(production):
    key = await production.access.create()
    method, target, headers, body = signed(key, body=b'{"tags": {"a": "1"}}')
    changed = [
        ("POST", target, headers, body),
        (method, "/devices/G031/initiate-claim", headers, body),
        (method, target + "?x=1", headers, body),
        (method, target, headers, b'{"tags": {"a": "2"}}'),
        (method, target, headers | {b"host": b"elsewhere"}, body),
        (method, target, headers | {b"amz-sdk-invocation-id": b"other"}, body),
    ]
    for request in changed:
        assert await production.refused(*request) == "InvalidSignatureException"
    assert await production.gate.caller(method, target, headers, body)


async def test_a_wrong_secret_or_service_is_refused(production):
    key = await production.access.create()
    for request in (signed(key, secret="guessed"), signed(key, service="s3")):
        assert await production.refused(*request) == "InvalidSignatureException"


@pytest.mark.parametrize(("off_ms", "taken"), [(299_000, True), (302_000, False)])
@pytest.mark.parametrize("sign", [1, -1])
async def test_a_date_may_be_off_by_five_minutes_and_no_more(production, off_ms, taken, sign):
    key = await production.access.create()
    request = signed(key)
    shifted = VirtualClock(time.time_ns() // 1_000_000 + sign * off_ms)
    gate = Gate(production.access, shifted, for_profile("production"))
    if taken:
        assert await gate.caller(*request)
    else:
        with pytest.raises(DoorError, match="off the service's clock"):
            await gate.caller(*request)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("aws4_request", "aws5_request"),
        lambda text: text.replace("Signature=", "Sig="),
        lambda text: text[:-1],
        lambda text: text.replace("SignedHeaders=", "SignedHeaders=Ä"),
        lambda text: "AWS4-HMAC-SHA256",
        lambda text: text + "0" * 100_000,
    ],
)
async def test_an_incomplete_header_is_refused(production, spoil):
    key = await production.access.create()
    method, target, headers, body = signed(key)
    spoiled = spoil(headers[b"authorization"].decode()).encode()
    request = (method, target, headers | {b"authorization": spoiled}, body)
    assert await production.refused(*request) == "InvalidSignatureException"


async def test_host_and_date_must_be_covered(production):
    key = await production.access.create()
    method, target, headers, body = signed(key)
    for name in (b"host;", b";x-amz-date"):
        spoiled = headers[b"authorization"].replace(name, b"")
        request = (method, target, headers | {b"authorization": spoiled}, body)
        assert await production.refused(*request) == "InvalidSignatureException"


async def test_a_stated_hash_of_another_body_is_refused(production):
    key = await production.access.create()
    for stated in ("UNSIGNED-PAYLOAD", "0" * 64):
        request = signed(key, body=b"{}", headers={"X-Amz-Content-SHA256": stated})
        assert await production.refused(*request) == "InvalidSignatureException"


async def test_where_any_key_is_trusted_each_is_an_account_of_its_own(dev):
    key = await dev.access.create()
    stranger = replace(key, access_key="AKIAANYTHING", secret="whatever")
    anonymous = await dev.gate.caller("GET", "/devices", {}, b"")
    trusted = await dev.gate.caller(*signed(stranger))
    configured = await dev.gate.caller(*signed(key))
    assert len({anonymous.account, trusted.account, configured.account}) == 3
    assert configured.account == key.account


async def test_a_key_that_is_configured_is_verified_even_where_any_is_trusted(dev):
    key = await dev.access.create()
    assert await dev.refused(*signed(key, secret="guessed")) == "InvalidSignatureException"


async def test_derived_signing_keys_are_not_kept_without_end(production):
    key = await production.access.create()
    from orchestrator.api import sigv4

    for number in range(sigv4.SIGNING_KEYS_KEPT + 5):
        production.gate._signing_key(key, "20190717", f"region-{number}")
    assert len(production.gate._signing_keys) == sigv4.SIGNING_KEYS_KEPT
