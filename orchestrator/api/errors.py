"""Which status and exception name each refusal has on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.domain import errors as domain

INVALID_REQUEST: Final = "InvalidRequestException"
FORBIDDEN: Final = "ForbiddenException"
NOT_FOUND: Final = "ResourceNotFoundException"
CONFLICT: Final = "ResourceConflictException"
PRECONDITION_FAILED: Final = "PreconditionFailedException"
NOT_SATISFIABLE: Final = "RangeNotSatisfiableException"
INTERNAL_FAILURE: Final = "InternalFailureException"
NOT_SIGNED: Final = "MissingAuthenticationTokenException"
INVALID_SIGNATURE: Final = "InvalidSignatureException"
UNRECOGNIZED_CLIENT: Final = "UnrecognizedClientException"
UNKNOWN_OPERATION: Final = "UnknownOperationException"
METHOD_NOT_ALLOWED: Final = "MethodNotAllowedException"
REQUEST_TIMEOUT: Final = "RequestTimeoutException"
TOO_LARGE: Final = "RequestTooLargeException"
TOO_MANY_REQUESTS: Final = "TooManyRequestsException"

MODELLED: Final[Mapping[str, int]] = {
    INVALID_REQUEST: 400,
    FORBIDDEN: 403,
    NOT_FOUND: 404,
    CONFLICT: 409,
    PRECONDITION_FAILED: 412,
    NOT_SATISFIABLE: 416,
    INTERNAL_FAILURE: 500,
}
"""The published exceptions: each operation of the table lists its own of these."""

AT_THE_DOOR: Final[Mapping[str, int]] = {
    NOT_SIGNED: 403,
    INVALID_SIGNATURE: 403,
    UNRECOGNIZED_CLIENT: 403,
    REQUEST_TIMEOUT: 408,
    TOO_LARGE: 413,
    TOO_MANY_REQUESTS: 429,
}
"""What any operation may answer before it is looked at."""

STATUS: Final[Mapping[str, int]] = {
    **MODELLED,
    **AT_THE_DOOR,
    UNKNOWN_OPERATION: 404,
    METHOD_NOT_ALLOWED: 405,
}

REFUSALS: Final[Mapping[type[domain.RefusedError], str]] = {
    domain.InvalidRequestError: INVALID_REQUEST,
    domain.UnknownDeviceError: NOT_FOUND,
    domain.TakenError: CONFLICT,
    domain.TooManyInitiatesError: CONFLICT,
    domain.NoClaimOpenError: PRECONDITION_FAILED,
    domain.PressNotSeenError: PRECONDITION_FAILED,
    domain.StaleEpochError: PRECONDITION_FAILED,
    domain.ClaimCodeRefusedError: FORBIDDEN,
    domain.PageTokenError: NOT_SATISFIABLE,
}
"""Every leaf of RefusedError, and what it is called on the wire."""


class DoorError(Exception):
    """A request turned away before any rule was asked; ``name`` is a key of ``STATUS``."""

    def __init__(
        self, name: str, message: str, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(message)
        self.name = name
        self.headers = tuple(headers)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as it goes out."""

    status: int
    name: str
    message: str
    kind: str | None = None
    """Name of the domain error, for callers that know our own."""


def refusal_of(error: Exception, modelled: Sequence[str], request_id: str) -> Refusal:
    """How ``error`` is answered by an operation that models these exceptions.

    Whatever is not a refusal is our own fault: its cause belongs in the log, not in the answer.
    """
    if isinstance(error, DoorError):
        return Refusal(STATUS[error.name], error.name, str(error))
    if isinstance(error, domain.RefusedError) and type(error) in REFUSALS:
        name = REFUSALS[type(error)]
        if name == INVALID_REQUEST and INVALID_REQUEST not in modelled and NOT_FOUND in modelled:
            # ListTagsForResource takes nothing but a name, and models no 400: a name that
            # cannot be one names nothing.
            name = NOT_FOUND
        return Refusal(STATUS[name], name, str(error), type(error).__name__)
    return Refusal(
        STATUS[INTERNAL_FAILURE],
        INTERNAL_FAILURE,
        f"Something failed inside the service. Its log has the cause under request id"
        f" {request_id}; sending the request again is safe.",
    )
