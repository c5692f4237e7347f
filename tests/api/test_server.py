"""The app on a real port: ready when it says so, gone within seconds, streams included."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket

import httpx
import pytest

from orchestrator.api.server import ApiServer, BindError
from tests.api.world import DEVICE


@pytest.fixture
async def server(world, monkeypatch):
    # A minute of grace is more than a test may take: who needs any of it fails.
    monkeypatch.setattr("orchestrator.api.server.GRACE_S", 60)
    server = ApiServer(world.app)
    host, port = await server.start()
    server.url = f"http://{host}:{port}"
    yield server
    await server.stop()


async def test_it_answers_as_soon_as_it_has_started(server):
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/healthz")).json()["status"] == "ok"
        answer = await http.put(f"/devices/{DEVICE}/initiate-claim")
        assert answer.json() == {"state": "CLAIM_INITIATED"}
        assert "server" not in answer.headers


async def test_it_stops_at_once_with_streams_open_and_can_be_stopped_again(world, server):
    async with (
        httpx.AsyncClient(base_url=server.url) as http,
        http.stream("GET", "/v1/stream") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == ": facts as they happen"
        async with asyncio.timeout(30):
            await server.stop()
        assert [line async for line in lines if line.startswith("event")] == []
    await server.stop()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))


async def test_it_stops_when_it_is_told_not_at_its_next_tick(world, monkeypatch):
    monkeypatch.setattr("orchestrator.api.server._TICK_S", 3600.0)
    server = ApiServer(world.app)
    await server.start()
    await asyncio.sleep(0)  # it waits for its tick
    async with asyncio.timeout(30):
        await server.stop()


async def test_signals_stay_with_whoever_runs_it(world):
    got = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, got.set)
    try:
        server = ApiServer(world.app)
        await server.start()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(30):
            await got.wait()
        await server.stop()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def test_a_port_in_use_is_named_with_what_to_do(world):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BindError, match=rf"Port {port} on 127.0.0.1 is in use.*--http"):
            await ApiServer(world.app, "127.0.0.1", port).start()


async def test_a_host_that_is_none_is_named(world):
    with pytest.raises(BindError, match=r"not\.a\.host\.invalid"):
        await ApiServer(world.app, "not.a.host.invalid", 0).start()
    with pytest.raises(BindError, match=r"203\.0\.113\.7"):
        await ApiServer(world.app, "203.0.113.7", 0).start()


async def raw(url: str, request: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    try:
        async with asyncio.timeout(30):
            return await reader.read(65536)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_the_raw_path_arrives_as_it_was_sent(world, server):
    await world.claim()
    arn = world.arn().replace(":", "%3A").replace("/", "%2F")
    answer = await raw(server.url, f"GET /tags/{arn} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    plain = await raw(server.url, f"GET /tags/{world.arn()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert plain.startswith(b"HTTP/1.1 404")
    assert b"UnknownOperationException" in plain


async def test_a_large_body_is_told_so_before_the_connection_closes(server):
    body = b"x" * 500_000
    head = (
        f"PUT /devices/{DEVICE}/finalize-claim HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
    )
    answer = await raw(server.url, head.encode() + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "request_line",
    ["GET /devices/a b HTTP/1.1", "FLY /devices HTTP/1.1", f"GET /{'a' * 70_000} HTTP/1.1"],
)
async def test_what_is_no_http_request_gets_an_answer_like_any_other(server, request_line):
    answer = await raw(server.url, f"{request_line}\r\nHost: x\r\n\r\n".encode())
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    headers = head.decode().lower().split("\r\n")
    assert "content-type: application/json" in headers
    assert "x-amzn-errortype: invalidrequestexception" in headers
    assert f"content-length: {len(body)}" in headers
    assert any(line.startswith("x-amzn-requestid: ") for line in headers)
    assert json.loads(body)["code"] == "400"
    assert "HTTP" in json.loads(body)["message"]


@pytest.mark.parametrize("present", [True, False])
async def test_either_parser_refuses_in_json(world, monkeypatch, present):
    if not present:
        monkeypatch.setattr("orchestrator.api.unreadable.find_spec", lambda _: None)
    server = ApiServer(world.app)
    host, port = await server.start()
    answer = await raw(f"http://{host}:{port}", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n")
    await server.stop()
    assert b"\r\nx-amzn-errortype: InvalidRequestException\r\n" in answer


async def test_two_requests_in_one_go_are_answered_in_order(server):
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(one + last)
    async with asyncio.timeout(30):
        answers = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answers.index(b"HTTP/1.1 200") < answers.index(b"HTTP/1.1 404")


async def test_importing_the_api_loads_neither_botocore_nor_uvicorn():
    import subprocess
    import sys

    program = (
        "import sys, orchestrator.api.app, orchestrator.remote;"
        "print(sorted({'botocore', 'uvicorn', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
