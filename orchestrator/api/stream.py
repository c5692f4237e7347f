"""``/v1/stream``: the facts of one account as server-sent events, until either side ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from orchestrator.api.limits import Receive
from orchestrator.claims.facts import FactHub, Listener, Numbered, Reset
from orchestrator.domain.ids import Caller
from orchestrator.ports import Fact

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Proxies cut a connection that is silent for 30 to 60 s.
HEARTBEAT_S: Final = 15.0
# What a browser waits before it connects again after the service went away.
RECONNECT_MS: Final = 1000

EVENT_STREAM_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would collect events before it passes them on.
    (b"x-accel-buffering", b"no"),
)


@dataclass(frozen=True, slots=True)
class FactStream:
    """An answer that goes on: what it takes to send it."""

    hub: FactHub
    caller: Caller
    boot: str
    """Names this process: numbers of another one mean nothing here."""
    last_event_id: str | None
    closing: asyncio.Event
    heartbeat_s: float = HEARTBEAT_S

    async def send(self, receive: Receive, send: Send) -> None:
        """Send facts until the client hangs up or ``closing`` is set."""
        missed = self.last_event_id is not None
        after = _number_of(self.last_event_id, self.boot)
        with self.hub.listen(
            namespace=self.caller.namespace, account=self.caller.account, after=after
        ) as listener:
            if missed and after is None:
                listener.reset(self.hub.number)
            await _send_text(send, f": facts as they happen\nretry: {RECONNECT_MS}\n\n")
            facts = asyncio.create_task(self._send_facts(listener, send), name="facts to a client")
            others = (
                asyncio.create_task(_heartbeats(send, self.heartbeat_s), name="heartbeats"),
                asyncio.create_task(_hung_up(receive), name="wait for a client to hang up"),
                asyncio.create_task(self.closing.wait(), name="wait for the service to close"),
            )
            try:
                await asyncio.wait((facts, *others), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _end(facts, *others)
        with contextlib.suppress(OSError):  # the client may be gone
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_facts(self, listener: Listener, send: Send) -> None:
        async for one in listener:
            await _send_text(send, event_text(one, self.boot))


def event_text(one: Numbered | Reset, boot: str) -> str:
    """One server-sent event."""
    if isinstance(one, Reset):
        return f"id: {boot}-{one.number}\nevent: reset\ndata: {{}}\n\n"
    data = msgspec.json.encode(fact_json(one.fact)).decode()
    return f"id: {boot}-{one.number}\nevent: {one.fact.kind}\ndata: {data}\n\n"


def fact_json(fact: Fact) -> dict[str, Any]:
    """A fact as the stream gives it."""
    return {
        "kind": fact.kind,
        "atMs": fact.at_ms,
        "namespace": fact.namespace,
        "deviceId": fact.device_id,
        "account": fact.account,
        "attemptId": fact.attempt_id,
        "data": fact.data,
    }


def _number_of(event_id: str | None, boot: str) -> int | None:
    """The number in an id of this process; None for any other text."""
    of_boot, _, number = (event_id or "").rpartition("-")
    if of_boot != boot or not number.isdecimal() or len(number) > 15:
        return None
    return int(number)


async def _heartbeats(send: Send, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await _send_text(send, ": still here\n\n")


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_text(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception) and not isinstance(ended, OSError):
            raise ended
