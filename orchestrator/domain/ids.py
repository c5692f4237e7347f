"""What names look like: parsed once at the edge, trusted after."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.domain.errors import InvalidRequestError

DEFAULT_NAMESPACE = "default"

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# The published C-123EXAMPLE has ten characters after the dash, which sets the lower bound.
_CLAIM_CODE = re.compile(r"C-[A-Z0-9]{10,38}")
_ARN = re.compile(r"arn:aws:iot1click:([a-z0-9-]{1,32}):([0-9]{12}):devices/(.+)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account in a namespace, and the access key that vouched for it."""

    namespace: str
    account: str
    access_key: str


def parse_device_id(text: str) -> str:
    """``text`` if it is a device id: 1..32 of ``A-Z a-z 0-9 _ -``, case-sensitive."""
    if not _DEVICE_ID.fullmatch(text):
        raise InvalidRequestError(
            f"Device id {_quoted(text)} is not 1 to 32 letters, digits, '_' or '-'."
            " It is printed on the button, for example G030PM0123456789."
        )
    return text


def parse_namespace(text: str) -> str:
    """``text`` if it is a namespace: 1..63 of ``a-z 0-9 -``, not starting with a dash."""
    if not _NAMESPACE.fullmatch(text):
        raise InvalidRequestError(
            f"Namespace {_quoted(text)} is not 1 to 63 lower-case letters, digits or '-'."
        )
    return text


def parse_claim_code(text: str) -> str:
    """``text`` if it is a well-formed claim code."""
    if not _CLAIM_CODE.fullmatch(text):
        raise InvalidRequestError(
            f"Claim code {_quoted(text)} is not 'C-' and 10 to 38 upper-case letters or digits."
        )
    return text


def format_arn(region: str, account: str, device_id: str) -> str:
    """The device's Amazon resource name, as the published API writes it."""
    return f"arn:aws:iot1click:{region}:{account}:devices/{device_id}"


def parse_arn(text: str) -> tuple[str, str, str]:
    """(region, account, device id) of a device's resource name."""
    found = _ARN.fullmatch(text)
    if not found:
        raise InvalidRequestError(
            f"Resource {_quoted(text)} is not an ARN of a device:"
            " arn:aws:iot1click:REGION:ACCOUNT:devices/DEVICE_ID."
        )
    region, account, device_id = found.groups()
    return region, account, parse_device_id(device_id)


def _quoted(text: str) -> str:
    """``text`` as it may stand in a message: short and printable."""
    shown = text if len(text) <= 64 else text[:61] + "..."
    return ascii(shown)
