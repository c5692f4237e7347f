"""``/v1/records``: the caller's attempts, newest first, in pages."""

from __future__ import annotations

from orchestrator.api.handlers import Answer, Values, json_answer, page_answer
from orchestrator.claims.service import ClaimService
from orchestrator.claims.views import attempt_json
from orchestrator.domain.errors import InvalidRequestError, UnknownDeviceError
from orchestrator.domain.ids import Caller, parse_device_id
from orchestrator.units import AttemptQuery


async def list_records(service: ClaimService, caller: Caller, values: Values) -> Answer:
    """One page of attempts; a token goes on with the same filters only."""
    asked = AttemptQuery(
        device_id=None if values["device"] is None else parse_device_id(values["device"]),
        outcome=values["outcome"],
        open_only=bool(values["open"]),
        invocation=values["invocation"],
        before=None if values["before"] is None else _parse_before(values["before"]),
    )
    page = await service.records(
        caller, asked, max_results=values["maxResults"], next_token=values["nextToken"]
    )
    found = [attempt_json(attempt) for attempt in page.items]
    return page_answer("records", found, page.next_token)


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
