"""How much one request may bring, and how many of them one account may send."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from orchestrator.api.errors import (
    REQUEST_TIMEOUT,
    TOO_LARGE,
    TOO_MANY_REQUESTS,
    DoorError,
)
from orchestrator.ports import Clock

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# 50 tags of full length take 38 KiB where each character has two bytes; nothing else that the
# published operations take comes near.
MOST_BODY_BYTES: Final = 64 * 1024
# A client that is answered while it still sends may see a broken connection instead of the
# answer: so much is read and thrown away first.
MOST_THROWN_AWAY_BYTES: Final = 1024 * 1024
BODY_WITHIN_S: Final = 30
# Accounts times operations that are counted at once.
COUNTERS_KEPT: Final = 10_000
_ROUNDING_MS: Final = 0.001


class ClientGoneError(Exception):
    """The client hung up before its request was whole; nobody waits for an answer."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The body, counted as it comes, whatever its Content-Length says."""
    length = headers.get(b"content-length")
    if length in {None, b"0"} and b"transfer-encoding" not in headers:
        return b""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                body: bytes = message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    raise _too_large()
                return body
            return await _collect(message, receive)
    except TimeoutError:
        raise DoorError(
            REQUEST_TIMEOUT,
            f"The body was not complete after {BODY_WITHIN_S} s. Send it again.",
            ((b"connection", b"close"),),
        ) from None


async def _collect(message: MutableMapping[str, Any], receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MOST_BODY_BYTES:
            chunks.append(chunk)
        if not message.get("more_body", False) or size > MOST_THROWN_AWAY_BYTES:
            break
        message = await receive()
    if size > MOST_BODY_BYTES:
        raise _too_large()
    return b"".join(chunks)


def _too_large() -> DoorError:
    return DoorError(
        TOO_LARGE,
        f"The body has more than {MOST_BODY_BYTES} bytes. Send less at once.",
        ((b"connection", b"close"),),
    )


class RateLimit:
    """So many requests a second for each account and operation, with as many in reserve."""

    def __init__(self, clock: Clock, requests_per_s: int | None) -> None:
        self._clock = clock
        self._per_s = requests_per_s
        self._full_at_ms: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def check(self, namespace: str, account: str, operation: str) -> None:
        """Count one request, or DoorError when there are too many."""
        if self._per_s is None:
            return
        # The bucket as one number: when it will be full again. Each request moves it by its cost.
        now_ms = self._clock.now_ms()
        cost_ms = 1000 / self._per_s
        name = (namespace, account, operation)
        full_at_ms = max(self._full_at_ms.get(name, 0), now_ms) + cost_ms
        if full_at_ms - now_ms > 1000 + _ROUNDING_MS:
            raise DoorError(
                TOO_MANY_REQUESTS,
                f"More than {self._per_s} {operation} requests in a second. Wait a second.",
                ((b"retry-after", b"1"),),
            )
        self._full_at_ms[name] = full_at_ms
        self._full_at_ms.move_to_end(name)
        if len(self._full_at_ms) > COUNTERS_KEPT:
            # The one that was used longest ago has most likely been full for long.
            self._full_at_ms.popitem(last=False)
