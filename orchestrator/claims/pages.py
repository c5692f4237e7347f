"""nextToken: opaque, bound to caller, list and filter, signed, and good for a day."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Any, Final

import msgspec

from orchestrator.claims.context import Context
from orchestrator.domain.errors import InvalidRequestError, PageTokenError
from orchestrator.domain.ids import Caller
from orchestrator.units import PutMeta

PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 250
# A listing is read in minutes; a token from yesterday is a mistake.
TOKEN_KEPT_MS: Final = 24 * 3600 * 1000

_SECRET: Final = "page-token-secret"  # noqa: S105 - the name it is kept under
_MAC_BYTES: Final = 16


def page_size(max_results: int | None) -> int:
    """How many items a page has: 1..250, 100 when nothing is said."""
    if max_results is None:
        return PAGE_DEFAULT
    if not 1 <= max_results <= PAGE_MAX:
        raise InvalidRequestError(f"maxResults is {max_results}; choose 1 to {PAGE_MAX}.")
    return max_results


async def write_token(
    context: Context, caller: Caller, listing: tuple[Any, ...], position: Any
) -> str:
    """The token with which this caller goes on with this listing after ``position``."""
    body = msgspec.json.encode((context.clock.now_ms(), position))
    mac = await _mac(context, caller, listing, body)
    return base64.urlsafe_b64encode(mac + body).decode().rstrip("=")


async def read_token(
    context: Context, caller: Caller, listing: tuple[Any, ...], token: str | None
) -> Any:
    """The position in a token, None without one; PageTokenError when it is not for this."""
    if token is None:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise PageTokenError from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, await _mac(context, caller, listing, body)):
        raise PageTokenError
    written_ms, position = msgspec.json.decode(body)
    if context.clock.now_ms() - written_ms > TOKEN_KEPT_MS:
        raise PageTokenError
    return position


async def _mac(context: Context, caller: Caller, listing: tuple[Any, ...], body: bytes) -> bytes:
    secret = await context.store.meta(_SECRET)
    if secret is None:
        await context.store.unit([PutMeta(_SECRET, secrets.token_hex(32))])
        # Another process may have written one at the same moment: the stored one is right.
        secret = await context.store.meta(_SECRET) or ""
    bound = msgspec.json.encode((caller.namespace, caller.account, *listing))
    message = len(bound).to_bytes(4) + bound + body
    return hmac.new(bytes.fromhex(secret), message, hashlib.sha256).digest()[:_MAC_BYTES]
