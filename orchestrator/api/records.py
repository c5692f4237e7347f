"""``/v1/records``: the caller's attempts, newest first, in pages."""

from __future__ import annotations

from orchestrator.api.handlers import Answer, Values, json_answer, page_answer
from orchestrator.claims.context import Context
from orchestrator.claims.pages import page_size, read_token, write_token
from orchestrator.claims.service import ClaimService, random_id
from orchestrator.claims.views import attempt_json
from orchestrator.domain.errors import UnknownDeviceError
from orchestrator.domain.ids import Caller, parse_device_id
from orchestrator.units import AttemptQuery


async def list_records(service: ClaimService, caller: Caller, values: Values) -> Answer:
    """One page of attempts; a token goes on with the same filters only."""
    context = Context(service.store, service.clock, service.settings, None, random_id)
    device, outcome, invocation, is_open = (
        values[name] for name in ("device", "outcome", "invocation", "open")
    )
    listing = ("records", device, outcome, invocation, bool(is_open))
    size = page_size(values["maxResults"])
    before = await read_token(context, caller, listing, values["nextToken"])
    found = await service.attempts(
        caller,
        AttemptQuery(
            device_id=None if device is None else parse_device_id(device),
            outcome=outcome,
            open_only=bool(is_open),
            invocation=invocation,
            before=None if before is None else (before[0], before[1]),
            limit=size + 1,
        ),
    )
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
