"""One request and what is to be said of it in headers and log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from orchestrator.api.additions import ADDITIONS
from orchestrator.api.operations import OPERATIONS, Operation

_SIGNED_WITH: Final = (
    "authorization",
    "content-type",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-user-agent",
    "amz-sdk-request",
)
_HEADERS_IN: Final = sorted(
    {
        *_SIGNED_WITH,
        *(member.name for row in (*OPERATIONS, *ADDITIONS) for member in row.taken_from("header")),
    }
)
_HEADERS_OUT: Final = sorted(
    {
        "x-amzn-requestid",
        "x-amzn-errortype",
        "x-clickclaim-refusal",
        *(member.name for row in OPERATIONS for member in row.output_headers),
    }
)

# No cookie is ever used, so any page may call: it still has to sign where signing is asked for.
ANSWER_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(_HEADERS_OUT).encode()),
)
PREFLIGHT_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"access-control-allow-methods", b"DELETE, GET, POST, PUT, OPTIONS"),
    (b"access-control-allow-headers", ", ".join(_HEADERS_IN).encode()),
    (b"access-control-max-age", b"600"),
)


class Exchange:
    """A request as it came in, and what became of it so far."""

    __slots__ = (
        "account",
        "error",
        "headers",
        "method",
        "operation",
        "query",
        "raw_path",
        "request_id",
    )

    def __init__(self, scope: Mapping[str, Any], request_id: str) -> None:
        self.request_id = request_id
        self.method: str = scope["method"]
        self.raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        self.query: bytes = scope.get("query_string", b"")
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.operation: Operation | None = None
        self.account: str | None = None
        self.error: str | None = None

    @property
    def target(self) -> str:
        """The raw path with its query, as the client sent it."""
        path = self.raw_path.decode("latin-1")
        return f"{path}?{self.query.decode('latin-1')}" if self.query else path

    def summary(self, started_s: float, status: int | None) -> dict[str, Any]:
        """What the log says of it."""
        line: dict[str, Any] = {
            "requestId": self.request_id,
            "operation": self.operation.name if self.operation else None,
            "account": self.account,
            "status": status,
            "ms": round((time.perf_counter() - started_s) * 1000, 3),
        }
        if self.error is not None:
            line["error"] = self.error
        return line
