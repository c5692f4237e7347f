"""A load that costs little: requests made beforehand, each connection busy with one at a time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-west-2"


def request(
    method: str,
    path: str,
    *,
    host: str,
    body: bytes = b"",
    credentials: Credentials | None = None,
    service: str = "iot1click",
) -> bytes:
    """One HTTP/1.1 request as bytes, signed when there are credentials."""
    headers = {"Host": host, "Content-Length": str(len(body))}
    if body:
        headers["Content-Type"] = "application/json"
    if credentials is not None:
        made = AWSRequest(method, f"http://{host}{path}", data=body, headers=dict(headers))
        SigV4Auth(credentials, service, REGION).add_auth(made)
        headers |= dict(made.headers.items())
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def device_path(device_id: str, action: str) -> str:
    """The path of one of a device's operations."""
    return f"/devices/{quote(device_id, safe='')}/{action}"


class Connection(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = -1
        self._waiting: deque[asyncio.Future[tuple[int, bytes]]] = deque()
        self.transport: asyncio.Transport | None = None
        self.says_close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, made: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """The status and the body of the answer."""
        assert self.transport is not None
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self.transport.write(made)
        return answer

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while True:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(buffer[:end]).lower()
            at = head.find(b"content-length:")
            self.says_close = b"connection: close" in head or head.startswith(b"http/1.0")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(buffer) < end + 4 + length:
                return
            body = bytes(buffer[end + 4 : end + 4 + length])
            del buffer[: end + 4 + length]
            self._waiting.popleft().set_result((int(head[9:12]), body))

    def close(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(exc or ConnectionError("the server hung up"))


async def connect(host: str, port: int) -> Connection:
    """A new connection."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(Connection, host, port)
    return protocol


async def send_all(
    host: str, port: int, requests: Sequence[bytes], *, connections: int, expect: int = 200
) -> float:
    """Seconds to have every request answered with ``expect``.

    A server that closes the connection after each answer, as moto's does, gets a new one.
    """
    lines = [await connect(host, port) for _ in range(connections)]
    left: Iterator[bytes] = iter(requests)

    async def work(line: Connection) -> None:
        for made in left:
            status, body = await line.send(made)
            if line.says_close:
                line.close()
                line = await connect(host, port)
            if status != expect:
                raise AssertionError(f"{status} {body[:300]!r}")

    start_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(work(line))
    took_s = time.perf_counter() - start_s
    for line in lines:
        line.close()
    return took_s


class Facts:
    """The service's event stream: who clicked, and what became of it."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def follow(self, host: str, port: int, made: bytes) -> None:
        """Read the stream from now on."""
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(made)
        await reader.readuntil(b"\r\n\r\n")
        self._writer = writer  # let go of, it would close the connection
        self._task = asyncio.create_task(self._read(reader))

    def matched(self, device_id: str) -> asyncio.Future[float]:
        """When (perf_counter) this device's click was told to be MATCHED."""
        return self._waiting.setdefault(device_id, asyncio.get_running_loop().create_future())

    def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if not line.startswith(b"data:"):
                continue
            fact = json.loads(line[5:])
            if fact.get("kind") == "click" and fact["data"]["disposition"] == "MATCHED":
                told = self.matched(fact["deviceId"])
                if not told.done():
                    told.set_result(time.perf_counter())
