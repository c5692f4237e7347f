"""The claim API as an ASGI application: route, read, tell who asks, decide, answer, log."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from orchestrator import __version__
from orchestrator.api.additions import ADDITIONS
from orchestrator.api.dev_desk import DevDesk
from orchestrator.api.edge import RequestDecoder
from orchestrator.api.errors import (
    METHOD_NOT_ALLOWED,
    UNKNOWN_OPERATION,
    DoorError,
    refusal_of,
)
from orchestrator.api.exchange import ANSWER_HEADERS, PREFLIGHT_HEADERS, Exchange
from orchestrator.api.faulty import NoAnswerError, do_faulty, hang_up
from orchestrator.api.frames import ReceiveFrames, send_frames
from orchestrator.api.handlers import HANDLERS, Answer, json_answer
from orchestrator.api.limits import ClientGoneError, RateLimit, Receive, read_body
from orchestrator.api.logs import facts
from orchestrator.api.openapi import openapi_document
from orchestrator.api.operations import OPERATIONS, Operation
from orchestrator.api.records import get_record, list_records
from orchestrator.api.routes import Route, Routes
from orchestrator.api.sigv4 import Gate
from orchestrator.api.stream import EVENT_STREAM_HEADERS, HEARTBEAT_S, FactStream, Send
from orchestrator.claims.access import AccessKeys
from orchestrator.claims.facts import FactHub
from orchestrator.claims.service import ClaimService
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import Caller
from orchestrator.faults import FaultTable
from orchestrator.settings import Settings

log: Final = logging.getLogger("clickclaim.api")

Sources = Callable[[], Sequence[Mapping[str, Any]]]
_OPENAPI_PATH: Final = "/openapi.json"


class ApiApp:
    """The ASGI application. ``close()`` ends its streams; it then answers as before.

    ``faults`` are shared with the ingest, where they strike links; other profiles than dev have
    none.
    """

    _faults: FaultTable | None = None

    def __init__(
        self,
        service: ClaimService,
        access: AccessKeys,
        hub: FactHub,
        settings: Settings,
        *,
        frames: ReceiveFrames | None = None,
        faults: FaultTable | None = None,
        sources: Sources = lambda: (),
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._service = service
        self._hub = hub
        self._settings = settings
        self._frames = frames
        self._sources = sources
        self._heartbeat_s = heartbeat_s
        if settings.profile == "dev":
            self._faults = FaultTable() if faults is None else faults
        self._dev = DevDesk(service, access, self._faults)
        self._gate = Gate(access, service.clock, settings)
        self._limit = RateLimit(service.clock, settings.requests_per_s)
        self._routes = Routes((*OPERATIONS, *ADDITIONS))
        self._decoders = {row.name: RequestDecoder(row) for row in (*OPERATIONS, *ADDITIONS)}
        self._openapi: Answer | None = None
        self._boot = secrets.token_hex(4)
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every stream now; nobody is left waiting when the server stops."""
        self._closing.set()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One connection event of the ASGI server."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        else:
            await self._exchange(Exchange(scope, str(uuid.uuid4())), receive, send)

    async def _exchange(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        started_s = time.perf_counter()
        try:
            answer = await self._answer(exchange, receive)
        except NoAnswerError as lost:
            log.info("no answer", extra=facts(**exchange.summary(started_s, None)))
            await hang_up(lost, receive, send, self._closing)
            return
        except ClientGoneError:
            log.info("client hung up", extra=facts(**exchange.summary(started_s, None)))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            answer = _refuse(exchange, error)
        if isinstance(answer, FactStream):
            await _send_head(send, exchange, 200, EVENT_STREAM_HEADERS)
            await answer.send(receive, send)
        else:
            await _send_whole(send, exchange, answer)
        if log.isEnabledFor(logging.INFO):
            status = 200 if isinstance(answer, FactStream) else answer.status
            log.info("request", extra=facts(**exchange.summary(started_s, status)))

    async def _answer(self, exchange: Exchange, receive: Receive) -> Answer | FactStream:
        route = self._routes.find(exchange.raw_path)
        if route is None:
            raise DoorError(
                UNKNOWN_OPERATION,
                f"There is nothing at this path. {_OPENAPI_PATH} lists every operation.",
            )
        if exchange.method == "OPTIONS":
            return Answer(200, b"", PREFLIGHT_HEADERS)
        operation = _operation_of(route, exchange.method)
        exchange.operation = operation
        if not operation.signed:
            return self._public(operation)
        body = await read_body(exchange.headers, receive)
        caller = await self._gate.caller(exchange.method, exchange.target, exchange.headers, body)
        exchange.account = caller.account
        self._limit.check(caller.namespace, caller.account, operation.name)
        values = self._decoders[operation.name].decode(
            route.parameters, exchange.query, exchange.headers, body
        )
        if self._faults and not self._dev.answers(operation.name):
            struck = self._faults.on_operation(caller.namespace, operation.name)
            return await do_faulty(struck, lambda: self._do(operation.name, caller, values))
        return await self._do(operation.name, caller, values)

    async def _do(
        self, name: str, caller: Caller, values: Mapping[str, Any]
    ) -> Answer | FactStream:
        handler = HANDLERS.get(name)
        if handler is not None:
            return await handler(self._service, caller, values)
        if name == "ListRecords":
            return await list_records(self._service, caller, values)
        if name == "GetRecord":
            return await get_record(self._service, caller, values)
        if name == "SendFrames":
            if self._frames is None:
                raise InvalidRequestError("This service takes no frames: it has no ingest.")
            now_ms = self._service.clock.now_ms()
            return await send_frames(self._frames, caller, values, now_ms=now_ms)
        if self._dev.answers(name):
            return await self._dev.answer(name, caller, values)
        return FactStream(
            hub=self._hub,
            caller=caller,
            boot=self._boot,
            last_event_id=values["last-event-id"],
            closing=self._closing,
            heartbeat_s=self._heartbeat_s,
        )

    def _public(self, operation: Operation) -> Answer:
        if operation.path == _OPENAPI_PATH:
            if self._openapi is None:
                self._openapi = json_answer(openapi_document())
            return self._openapi
        return json_answer(
            {
                "status": "ok",
                "version": __version__,
                "profile": self._settings.profile,
                "sources": list(self._sources()),
            }
        )


def _operation_of(route: Route, method: str) -> Operation:
    operation = route.by_method.get(method)
    if operation is None:
        raise DoorError(
            METHOD_NOT_ALLOWED,
            f"{method[:16]!a} is not a method of this path. It takes {route.allowed}.",
            ((b"allow", route.allowed.encode()),),
        )
    return operation


def _refuse(exchange: Exchange, error: Exception) -> Answer:
    modelled = exchange.operation.errors if exchange.operation else ()
    refusal = refusal_of(error, modelled, exchange.request_id)
    exchange.error = refusal.name
    if refusal.status >= 500:
        log.error("request failed", exc_info=error, extra=facts(requestId=exchange.request_id))
    headers: list[tuple[bytes, bytes]] = [(b"x-amzn-errortype", refusal.name.encode())]
    if refusal.kind is not None:
        headers.append((b"x-clickclaim-refusal", refusal.kind.encode()))
    if isinstance(error, DoorError):
        headers.extend(error.headers)
    body = json_answer({"code": str(refusal.status), "message": refusal.message})
    return Answer(refusal.status, body.body, body.headers + tuple(headers))


async def _send_whole(send: Send, exchange: Exchange, answer: Answer) -> None:
    headers = answer.headers
    if answer.status != 204:
        headers = (*headers, (b"content-length", b"%d" % len(answer.body)))
    await _send_head(send, exchange, answer.status, headers)
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _send_head(
    send: Send, exchange: Exchange, status: int, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    request_id = (b"x-amzn-requestid", exchange.request_id.encode())
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, request_id, *ANSWER_HEADERS],
        }
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
