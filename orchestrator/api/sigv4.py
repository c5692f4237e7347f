"""Who asks: Signature Version 4 of a request, verified with botocore's own canonical form."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from orchestrator.api.errors import (
    INVALID_SIGNATURE,
    NOT_SIGNED,
    UNRECOGNIZED_CLIENT,
    DoorError,
)
from orchestrator.api.operations import SIGNING_NAME
from orchestrator.claims.access import AccessKeys
from orchestrator.domain.ids import Caller
from orchestrator.ports import Clock
from orchestrator.settings import Settings
from orchestrator.units import AccessKey

# What AWS allows between the client's clock and its own.
CLOCK_SKEW_MS: Final = 5 * 60_000
# A signing key is good for one day and region; a service has few accounts at a time.
SIGNING_KEYS_KEPT: Final = 1024

_SCHEME: Final = "AWS4-HMAC-SHA256"
_AUTHORIZATION: Final = re.compile(
    rf"{_SCHEME} +Credential=(?P<key>[^/, ]{{1,128}})/(?P<day>[0-9]{{8}})"
    r"/(?P<region>[a-z0-9-]{1,32})/(?P<service>[a-z0-9-]{1,32})/aws4_request"
    r" *, *SignedHeaders=(?P<headers>[a-z0-9;_-]{1,2048}) *, *Signature=(?P<signature>[0-9a-f]{64})"
)
_STAMP: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_UNSIGNED: Final = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature is about. The attribute names are those that botocore's signer reads."""

    method: str
    url: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    params: None = None
    context: dict[str, Any] = field(default_factory=dict)


class Gate:
    """Tells the caller of a request, or turns it away with a DoorError."""

    def __init__(self, access: AccessKeys, clock: Clock, settings: Settings) -> None:
        self._access = access
        self._clock = clock
        self._trust_any_key = settings.trust_any_key
        self._signing_keys: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()

    async def caller(
        self, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes
    ) -> Caller:
        """Whoever signed this. ``target`` is the raw path with its query.

        Where any key is trusted, no signature means the anonymous account and an unknown key an
        account of its own; a key that is configured is verified all the same.
        """
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if not authorization.startswith(_SCHEME):
            if self._trust_any_key:
                return self._access.anonymous()
            raise DoorError(
                NOT_SIGNED,
                "The request is not signed. Sign it with Signature Version 4 for service"
                f" {SIGNING_NAME}; `clickclaim keys create` makes an access key.",
            )
        found = _AUTHORIZATION.fullmatch(authorization)
        if found is None:
            raise _invalid("The Authorization header is not a complete Signature Version 4.")
        key = await self._access.find(found["key"])
        if key is None:
            if self._trust_any_key:
                return self._access.trusted(found["key"])
            raise DoorError(
                UNRECOGNIZED_CLIENT,
                "The access key is unknown or revoked. `clickclaim keys list` shows those that are"
                " known.",
            )
        self._verify(found, key, method, target, headers, body)
        return Caller(namespace=key.namespace, account=key.account, access_key=key.access_key)

    def _verify(
        self,
        found: re.Match[str],
        key: AccessKey,
        method: str,
        target: str,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> None:
        if found["service"] != SIGNING_NAME:
            raise _invalid(
                f"The signature is for service {found['service']}; sign for {SIGNING_NAME}."
            )
        signed = _signed_headers(found["headers"], headers)
        stamp, signed_ms = _time_of(signed)
        self._check_time(stamp, signed_ms, found["day"])
        _check_payload(headers, body)
        request = SignedRequest(method, f"http://clickclaim{target}", signed, body)
        request.context["timestamp"] = stamp
        region = found["region"]
        signer = _signer(region)
        to_sign = signer.string_to_sign(request, signer.canonical_request(request))
        signing_key = self._signing_key(key, found["day"], region)
        expected = hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, found["signature"]):
            raise _invalid(
                "The signature does not match. Check the secret access key, and that nothing"
                " between client and service changes path, host or body."
            )

    def _check_time(self, stamp: str, signed_ms: int, day: str) -> None:
        off_ms = abs(self._clock.now_ms() - signed_ms)
        if off_ms > CLOCK_SKEW_MS:
            raise _invalid(
                f"The request was signed {off_ms // 1000} s off the service's clock; 300 s are"
                " allowed. Set the client's clock."
            )
        if day != stamp[:8]:
            raise _invalid("The day in the credential is not the day of x-amz-date.")

    def _signing_key(self, key: AccessKey, day: str, region: str) -> bytes:
        name = (key.secret, day, region)
        kept = self._signing_keys.get(name)
        if kept is not None:
            self._signing_keys.move_to_end(name)
            return kept
        derived = f"AWS4{key.secret}".encode()
        for part in (day, region, SIGNING_NAME, "aws4_request"):
            derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
        self._signing_keys[name] = derived
        if len(self._signing_keys) > SIGNING_KEYS_KEPT:
            self._signing_keys.popitem(last=False)
        return derived


def _signed_headers(names: str, headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The headers that the signature covers; host and date must be among them."""
    signed = {
        name: headers[name.encode()].decode("latin-1")
        for name in names.split(";")
        if name.encode() in headers
    }
    if "host" not in signed or not ("x-amz-date" in signed or "date" in signed):
        raise _invalid("The signature must cover host and x-amz-date.")
    return signed


def _time_of(signed: Mapping[str, str]) -> tuple[str, int]:
    """The time of the signature, as ``20190717T154512Z`` and in UTC ms."""
    try:
        if "x-amz-date" in signed:
            if not _STAMP.fullmatch(signed["x-amz-date"]):
                raise ValueError
            moment = datetime.fromisoformat(signed["x-amz-date"])
        else:
            moment = parsedate_to_datetime(signed["date"]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid("The date is not one such as 20190717T154512Z.") from None
    stamp = signed.get("x-amz-date") or moment.strftime("%Y%m%dT%H%M%SZ")
    return stamp, int(moment.timestamp() * 1000)


def _check_payload(headers: Mapping[bytes, bytes], body: bytes) -> None:
    """A stated hash goes into the signature as it stands, so it has to be the body's."""
    stated = headers.get(b"x-amz-content-sha256")
    if stated is None:
        return
    if stated.decode("latin-1") in _UNSIGNED:
        raise _invalid("The body is not signed. Let the client sign payloads.")
    if not hmac.compare_digest(stated, hashlib.sha256(body).hexdigest().encode()):
        raise _invalid("x-amz-content-sha256 is not the hash of the body that arrived.")


def _invalid(message: str) -> DoorError:
    return DoorError(INVALID_SIGNATURE, message)


_SIGNERS: Final[dict[str, Any]] = {}


def _signer(region: str) -> Any:
    """The signer for a region; botocore is loaded when the first signature comes."""
    if region not in _SIGNERS:
        from orchestrator.api.canonical import CanonicalForm  # noqa: PLC0415

        if len(_SIGNERS) >= SIGNING_KEYS_KEPT:
            _SIGNERS.clear()
        _SIGNERS[region] = CanonicalForm(region)
    return _SIGNERS[region]
