"""Which error an answer of the service means here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from orchestrator.domain import errors as domain

# The header names the very error; without it the exception's name says what kind it is.
_REFUSAL_HEADER: Final = "x-clickclaim-refusal"
_NAME_HEADER: Final = "x-amzn-errortype"

_BY_KIND: Final[Mapping[str, type[domain.RefusedError]]] = {
    kind.__name__: kind
    for kind in (
        domain.InvalidRequestError,
        domain.UnknownDeviceError,
        domain.TakenError,
        domain.TooManyInitiatesError,
        domain.NoClaimOpenError,
        domain.PressNotSeenError,
        domain.StaleEpochError,
        domain.ClaimCodeRefusedError,
        domain.PageTokenError,
    )
}
_BY_NAME: Final[Mapping[str, type[domain.RefusedError]]] = {
    "InvalidRequestException": domain.InvalidRequestError,
    "RequestTooLargeException": domain.InvalidRequestError,
    "ForbiddenException": domain.ClaimCodeRefusedError,
    "ResourceNotFoundException": domain.UnknownDeviceError,
    "ResourceConflictException": domain.TakenError,
    "PreconditionFailedException": domain.NoClaimOpenError,
    "RangeNotSatisfiableException": domain.PageTokenError,
}
_ACCESS: Final = frozenset(
    {
        "MissingAuthenticationTokenException",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    }
)


class AccessRefusedError(domain.ClickclaimError):
    """The service does not take these credentials."""


class StrangeAnswerError(domain.ClickclaimError):
    """Whatever answers there is not this service, or not one of this version."""


def refusal_of(response: httpx.Response) -> domain.ClickclaimError:
    """The error that this answer, which is no success, means."""
    name = response.headers.get(_NAME_HEADER, "")
    kind = _BY_KIND.get(response.headers.get(_REFUSAL_HEADER, "")) or _BY_NAME.get(name)
    if kind is not None:
        # Their constructors write messages; this one is written already, by the service.
        refusal = kind.__new__(kind)
        refusal.args = (_message(response),)
        return refusal
    if name in _ACCESS:
        return AccessRefusedError(f"{_message(response)} ({response.url.host}, {name})")
    return strange(response)


def strange(response: httpx.Response) -> StrangeAnswerError:
    """The error for an answer that makes no sense."""
    return StrangeAnswerError(
        f"{response.request.method} {response.url} was answered {response.status_code}"
        f" {response.headers.get(_NAME_HEADER, 'without an error type')}. Check that this is the"
        " address of a clickclaim service of this version: GET /healthz tells."
    )


def _message(response: httpx.Response) -> str:
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"
    return str(message)
