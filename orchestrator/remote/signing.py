"""Signature Version 4 on what goes out, made by botocore, which is loaded with the first one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

import httpx

_SERVICE: Final = "iot1click"
# What proxies and HTTP clients change on the way must not be signed.
_SIGNED: Final = ("host", "content-type", "amz-sdk-invocation-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key as ``clickclaim keys create`` prints it."""

    access_key: str
    secret: str = field(repr=False)
    region: str = "us-west-2"


class SigV4Signer(httpx.Auth):
    """Signs each request, a re-sent one too, with the time at which it goes out."""

    requires_request_body = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, and send once."""
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - loaded when it is needed
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials as Keys  # noqa: PLC0415

        headers = {
            name: value
            for name, value in request.headers.items()
            if name in _SIGNED or name.startswith("x-clickclaim-")
        }
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        to_sign = AWSRequest(
            request.method,
            origin + request.url.raw_path.decode("ascii"),
            data=request.content,
            headers=headers,
        )
        keys = Keys(self._credentials.access_key, self._credentials.secret)
        SigV4Auth(keys, _SERVICE, self._credentials.region).add_auth(to_sign)
        for name in ("X-Amz-Date", "Authorization"):
            request.headers[name] = to_sign.headers[name]
        yield request
