"""How keys, codes, answers and deliveries become rows and come back."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import msgspec

from orchestrator.stores.rows import Row
from orchestrator.units import AccessKey, ClaimCode, Delivery, StoredAnswer, StoredKey

_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode

CLAIM_CODE_COLUMNS: Final = (
    "namespace",
    "code",
    "created_ms",
    "device_ids",
    "used_by",
    "used_ms",
)


def claim_code_row(code: ClaimCode) -> Row:
    """A claim code."""
    device_ids = msgspec.json.encode(code.device_ids).decode()
    return (code.namespace, code.code, code.created_ms, device_ids, code.used_by, code.used_ms)


def to_claim_code(row: Row) -> ClaimCode:
    """The claim code of a row."""
    namespace, code, created_ms, device_ids, used_by, used_ms = row
    return ClaimCode(
        namespace=namespace,
        code=code,
        created_ms=created_ms,
        device_ids=_decode_names(device_ids),
        used_by=used_by,
        used_ms=used_ms,
    )


# Rows whose columns are the fields, one to one.

ANSWER_COLUMNS: Final = ("access_key", "operation", "invocation", "answered_ms", "body")
ACCESS_KEY_COLUMNS: Final = (
    "access_key",
    "namespace",
    "account",
    "created_ms",
    "label",
    "revoked_ms",
    "secret",
)
KEY_COLUMNS: Final = ("namespace", "device_id", "kind", "simulated", "secret")
DELIVERY_COLUMNS: Final = (
    "delivery_id",
    "namespace",
    "device_id",
    "url",
    "payload",
    "created_ms",
    "due_ms",
    "tries",
    "last_error",
)

answer_row: Final = attrgetter(*ANSWER_COLUMNS)
access_key_row: Final = attrgetter(*ACCESS_KEY_COLUMNS)
key_row: Final = attrgetter(*KEY_COLUMNS)
delivery_row: Final = attrgetter(*DELIVERY_COLUMNS)


def to_answer(row: Row) -> StoredAnswer:
    """The answer of a row."""
    return StoredAnswer(**dict(zip(ANSWER_COLUMNS, row, strict=True)))


def to_access_key(row: Row) -> AccessKey:
    """The access key of a row."""
    return AccessKey(**dict(zip(ACCESS_KEY_COLUMNS, row, strict=True)))


def to_key(row: Row) -> StoredKey:
    """The device's key of a row."""
    namespace, device_id, kind, simulated, secret = row
    return StoredKey(
        namespace=namespace,
        device_id=device_id,
        kind=kind,
        simulated=bool(simulated),
        secret=secret,
    )


def to_delivery(row: Row) -> Delivery:
    """The delivery of a row."""
    return Delivery(**dict(zip(DELIVERY_COLUMNS, row, strict=True)))
