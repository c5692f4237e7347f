"""What is answered to bytes that are no HTTP request, and so never reach the app.

Importing this loads uvicorn.
"""

from __future__ import annotations

import asyncio
import uuid
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from orchestrator.api.errors import INVALID_REQUEST, STATUS
from orchestrator.api.exchange import ANSWER_HEADERS

_BODY: Final = msgspec.json.encode(
    {
        "code": str(STATUS[INVALID_REQUEST]),
        "message": "This is not a request of HTTP/1.1. Percent-encode the path and query, and use"
        " a method and headers that HTTP knows.",
    }
)


def http_protocol() -> type[asyncio.Protocol]:
    """Uvicorn's protocol, except that it refuses as the app does: in JSON, with our headers.

    The parser in C where there is one, else the one in Python.
    """
    parent: Any
    if find_spec("httptools"):
        from uvicorn.protocols.http import httptools_impl  # noqa: PLC0415

        parent = httptools_impl.HttpToolsProtocol
    else:
        from uvicorn.protocols.http import h11_impl  # noqa: PLC0415

        parent = h11_impl.H11Protocol

    class Protocol(parent):  # type: ignore[misc]
        def send_400_response(self, _: str) -> None:
            self.transport.write(_refusal())
            self.transport.close()

    return Protocol


def _refusal() -> bytes:
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(_BODY)),
        (b"connection", b"close"),
        (b"x-amzn-errortype", INVALID_REQUEST.encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
        *ANSWER_HEADERS,
    )
    lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers)]
    return b"\r\n".join([*lines, b"", _BODY])
