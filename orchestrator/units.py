"""The rows a store keeps besides the domain's own, and the operations that change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.domain.attempts import Attempt, Outcome
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent, Disposition, UnknownDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What a change answered, kept with the change, for a client that asks again."""

    access_key: str
    operation: str
    invocation: str
    answered_ms: int
    body: bytes
    """JSON of the answer, as ``claims.answers`` wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A credential of an account in a namespace."""

    access_key: str
    namespace: str
    account: str
    """Twelve digits."""
    created_ms: int
    label: str = ""
    revoked_ms: int | None = None
    secret: str = field(repr=False)
    """The secret itself: SigV4 cannot be verified against a hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCode:
    """A code that claims a whole box of devices without a press."""

    namespace: str
    code: str
    created_ms: int
    device_ids: tuple[str, ...]
    used_by: str | None = None
    used_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A device's secret: HMAC key, BTHome or MiBeacon bind key."""

    namespace: str
    device_id: str
    kind: Literal["hmac", "bthome", "mibeacon"]
    simulated: bool = False
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A callback that is still to be posted: at least once, with its id."""

    delivery_id: str
    namespace: str
    device_id: str
    url: str
    payload: bytes
    created_ms: int
    due_ms: int
    tries: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class AddDevice:
    """Register a device. Conflict when it exists. The stored row gets ``version`` 1, so that 0
    tells a device that was never stored.

    One that was removed goes on counting: its version is the next one, and its epoch at least
    the last, so that nothing decided before the removal fits. Conflict when a claim has begun on
    it in an epoch that is not after the last (``domain.removed``).
    """

    device: Device


@dataclass(frozen=True, slots=True)
class SwapDevice:
    """Store ``after`` if the stored version is still ``before.version``; else conflict.

    The stored row gets ``version = before.version + 1``, whatever ``after.version`` says.
    """

    before: Device
    after: Device


@dataclass(frozen=True, slots=True)
class RemoveDevice:
    """Take a device out of the registry if it is still at this version; else conflict.

    Its keys and aliases go with it; its events and attempts stay.
    """

    device: Device


@dataclass(frozen=True, slots=True)
class AddAttempt:
    """Add an attempt. Conflict when its id exists."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class SwapAttempt:
    """Store ``after`` if the stored attempt still equals ``before`` in outcome, ``released_ms``
    and number of timeline marks; else conflict."""

    before: Attempt
    after: Attempt


@dataclass(frozen=True, slots=True)
class AddEvent:
    """Append an event; the store gives it the next ``seq``. Conflict when its id exists."""

    event: DeviceEvent


@dataclass(frozen=True, slots=True)
class CountRepeat:
    """One more frame of the press of this event, last heard then. Nothing when it is purged."""

    event_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class NoteUnknown:
    """Remember an unknown device's latest click and count one more; the count in ``device`` is
    ignored. When it is new, the longest unheard beyond ``keep`` ids of its namespace go."""

    device: UnknownDevice
    keep: int


@dataclass(frozen=True, slots=True)
class ForgetUnknown:
    """Drop what is remembered of an unknown device."""

    namespace: str
    address: str


@dataclass(frozen=True, slots=True)
class AddAnswer:
    """Keep an answer. Conflict when one is kept for this access key, operation, invocation."""

    answer: StoredAnswer


@dataclass(frozen=True, slots=True)
class PutAccessKey:
    """Add an access key, or replace the row of the same ``access_key``."""

    key: AccessKey


@dataclass(frozen=True, slots=True)
class AddClaimCode:
    """Add a claim code. Conflict when it exists in its namespace."""

    code: ClaimCode


@dataclass(frozen=True, slots=True)
class SwapClaimCode:
    """Store ``after`` if the stored code still has ``before.used_by``; else conflict."""

    before: ClaimCode
    after: ClaimCode


@dataclass(frozen=True, slots=True)
class PutKey:
    """Add or replace the device's key of this kind."""

    key: StoredKey


@dataclass(frozen=True, slots=True)
class RemoveKeys:
    """Drop all keys of a device."""

    namespace: str
    device_id: str


@dataclass(frozen=True, slots=True)
class PutAlias:
    """Let an address (MAC, USB serial number, topic name) mean a device from now on."""

    namespace: str
    address: str
    device_id: str


@dataclass(frozen=True, slots=True)
class RemoveAlias:
    """Drop an alias."""

    namespace: str
    address: str


@dataclass(frozen=True, slots=True)
class PutDelivery:
    """Add a delivery, or replace the row of the same ``delivery_id``."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class RemoveDelivery:
    """A delivery is done or given up."""

    delivery_id: str


@dataclass(frozen=True, slots=True)
class PutMeta:
    """Keep a small value under a name: markers of sources, secrets of the service."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Purge:
    """Delete events received before ``events_before_ms`` and answers given before
    ``answers_before_ms``. Attempts are kept for ever."""

    events_before_ms: int
    answers_before_ms: int


Op = (
    AddDevice
    | SwapDevice
    | RemoveDevice
    | AddAttempt
    | SwapAttempt
    | AddEvent
    | CountRepeat
    | NoteUnknown
    | ForgetUnknown
    | AddAnswer
    | PutAccessKey
    | AddClaimCode
    | SwapClaimCode
    | PutKey
    | RemoveKeys
    | PutAlias
    | RemoveAlias
    | PutDelivery
    | RemoveDelivery
    | PutMeta
    | Purge
)


@dataclass(frozen=True, slots=True)
class Committed:
    """The unit is durable."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A compare of this unit failed; nothing of it was stored. Read again and decide anew."""

    op: Op


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events to list, in order of ``seq``."""

    namespace: str
    device_id: str | None = None
    dispositions: Sequence[Disposition] | None = None
    epoch: int | None = None
    from_ms: int | None = None
    """Inclusive."""
    to_ms: int | None = None
    """Exclusive."""
    after_seq: int = 0
    limit: int = 100
    newest_first: bool = False
    """Then ``after_seq`` is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptQuery:
    """Which attempts to list, newest first (by ``opened_ms``, then ``attempt_id``)."""

    namespace: str | None = None
    account: str | None = None
    device_id: str | None = None
    outcome: Outcome | None = None
    open_only: bool = False
    invocation: str | None = None
    before: tuple[int, str] | None = None
    """Only attempts older than this (``opened_ms``, ``attempt_id``)."""
    limit: int = 100
