"""A service behind HTTPS: whose certificates are trusted, and what is said of the others."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager

import httpx
import pytest

from orchestrator.callbacks import callback_client
from orchestrator.ports import ServiceAwayError
from orchestrator.remote import RemoteClaims
from orchestrator.tls import AuthoritiesError
from orchestrator.units import AttemptQuery
from tests.certificates import Authority

ANSWER = b'{"records":[]}'
EVERYTHING = AttemptQuery(limit=1)


@pytest.fixture
def authority(tmp_path, monkeypatch) -> Authority:
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return Authority(tmp_path / "authority", "Works CA")


@asynccontextmanager
async def gateway(authority: Authority):
    """What stands before a claim service; yields its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("gateway"))

    async def serve(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 14\r\n\r\n" + ANSWER
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client did not like our certificate
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
async def test_the_authority_that_the_environment_names_is_trusted(authority, monkeypatch, name):
    monkeypatch.setenv(name, str(authority.file))
    async with gateway(authority) as url, RemoteClaims(url) as api:
        assert await api.attempts(EVERYTHING) == []


async def test_another_certificate_is_said_at_once_with_what_to_do(authority):
    async def never(_seconds):
        raise AssertionError("asking again cannot help")

    async with gateway(authority) as url, RemoteClaims(url, sleep=never) as api:
        with pytest.raises(ServiceAwayError, match=r"certificate of .*: .*issuer.* AWS_CA_BUNDLE"):
            await api.attempts(EVERYTHING)
        with pytest.raises(ServiceAwayError, match=r"certificate of .* AWS_CA_BUNDLE"):
            await anext(api.facts())


async def test_the_bundle_stands_alone(authority, tmp_path, monkeypatch):
    other = Authority(tmp_path / "other", "Somebody else's CA")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(other.file))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with gateway(authority) as url, RemoteClaims(url) as api:
        with pytest.raises(ServiceAwayError, match="certificate"):
            await api.attempts(EVERYTHING)


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_bundle_that_cannot_be_used_is_named(authority, tmp_path, monkeypatch, content):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(AuthoritiesError, match=r"AWS_CA_BUNDLE names .*bundle\.pem.*PEM file"):
        RemoteClaims("https://127.0.0.1:1")
    RemoteClaims("http://127.0.0.1:1")  # which needs none


async def test_callbacks_trust_the_same_and_none_where_none_may_be_sent(authority, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.file))
    async with gateway(authority) as url:
        async with callback_client(["127.0.0.1"]) as client:
            assert (await client.post(url)).status_code == 200
        async with callback_client([]) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.post(url)
