"""``/v1/records``: the caller's attempts, newest first, in pages."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.api.handlers import Answer, Values, json_answer, page_answer
from orchestrator.claims.context import Context
from orchestrator.claims.pages import page_size, read_token, write_token
from orchestrator.claims.service import ClaimService, random_id
from orchestrator.claims.views import attempt_json
from orchestrator.domain.errors import InvalidRequestError, UnknownDeviceError
from orchestrator.domain.ids import Caller, parse_device_id
from orchestrator.units import AttemptQuery


async def list_records(service: ClaimService, caller: Caller, values: Values) -> Answer:
    """One page of attempts; a token goes on with the same filters only."""
    context = Context(service.store, service.clock, service.settings, None, random_id)
    asked = AttemptQuery(
        device_id=None if values["device"] is None else parse_device_id(values["device"]),
        outcome=values["outcome"],
        open_only=bool(values["open"]),
        invocation=values["invocation"],
        before=None if values["before"] is None else _parse_before(values["before"]),
    )
    listing = (
        "records",
        asked.device_id,
        asked.outcome,
        asked.invocation,
        asked.open_only,
        asked.before,
    )
    size = page_size(values["maxResults"])
    position = await read_token(context, caller, listing, values["nextToken"])
    before = asked.before if position is None else (position[0], position[1])
    found = await service.attempts(caller, replace(asked, before=before, limit=size + 1))
    token = None
    if len(found) > size:
        last = found[size - 1]
        token = await write_token(context, caller, listing, (last.opened_ms, last.attempt_id))
    return page_answer("records", [attempt_json(attempt) for attempt in found[:size]], token)


async def get_record(service: ClaimService, caller: Caller, values: Values) -> Answer:
    """One attempt; another account's does not exist."""
    attempt = await service.attempt(caller, values["attemptId"])
    if attempt is None:
        raise UnknownDeviceError(
            "There is no such attempt of this account. GET /v1/records lists them."
        )
    return json_answer(attempt_json(attempt))


def _parse_before(text: str) -> tuple[int, str]:
    opened, comma, attempt_id = text.partition(",")
    if not comma or not attempt_id or not opened.isascii() or not opened.isdecimal():
        raise InvalidRequestError(f"before is {text[:48]!a}; it is openedMs,attemptId of a record.")
    if len(opened) > 15:
        raise InvalidRequestError("before names a time that no record has.")
    return int(opened), attempt_id
