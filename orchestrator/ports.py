"""What the rules need from the world: a clock, a store, somebody to tell, and a claim API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from orchestrator.domain.attempts import Attempt, Outcome
from orchestrator.domain.devices import ClaimState, Device
from orchestrator.domain.events import DeviceEvent, Disposition, UnknownDevice


class Clock(Protocol):
    """Time. Handed in, so that tests and simulation own it."""

    def now_ms(self) -> int:
        """UTC milliseconds: the wall clock at start plus monotonic time since, so a clock step
        neither ends nor stretches a window."""

    async def sleep_until(self, at_ms: int) -> None:
        """Return when ``now_ms()`` is at least ``at_ms``."""


# ---------------------------------------------------------------------------------------------
# The store: rows in, rows out, and units that commit together or not at all.
# ---------------------------------------------------------------------------------------------


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
    """Register a device. Conflict when it exists."""

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
    """Append an event; the store gives it the next ``seq``."""

    event: DeviceEvent


@dataclass(frozen=True, slots=True)
class CountRepeat:
    """One more frame of the press of this event, last heard then. Nothing when it is purged."""

    event_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class NoteUnknown:
    """Remember an unknown device's latest click and count one more; the count in ``device`` is
    ignored. Beyond ``keep`` ids of its namespace the longest unheard are dropped."""

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
    """Let an address (MAC, USB serial number, topic name) mean a device, replacing what it meant."""

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


class Store(Protocol):
    """Rows of one data folder. Reads see what is committed, and nothing else.

    **Units.** ``unit`` stores all its operations in order, or none: a failed compare undoes only
    this unit. It returns when the outcome is durable. Units of several callers may share one
    transaction (group commit); if that fails, each of them raises StoreError and nothing of any
    is stored. A unit is not undone by cancelling whoever waits for it.
    """

    async def unit(self, ops: Sequence[Op]) -> Committed | Conflict:
        """Commit these operations together, or say which one's compare failed."""

    async def device(self, namespace: str, device_id: str) -> Device | None:
        """One device, or None when it is not registered."""

    async def devices(
        self,
        namespace: str,
        *,
        owner: str | None = None,
        state: ClaimState | None = None,
        kind: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Device]:
        """Devices in order of device id, those after ``after``."""

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """One attempt."""

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """Attempts, newest first."""

    async def due_attempts(self, now_ms: int, limit: int) -> list[Attempt]:
        """Open attempts whose deadline is at or before ``now_ms``, earliest first."""

    async def earliest_deadline_ms(self) -> int | None:
        """The earliest deadline of an open attempt; None when none is open."""

    async def event(self, event_id: str) -> DeviceEvent | None:
        """One event."""

    async def events(self, query: EventQuery) -> list[DeviceEvent]:
        """Events in order of commit."""

    async def unknown_devices(self, namespace: str, limit: int = 100) -> list[UnknownDevice]:
        """Unknown devices, latest heard first."""

    async def answer(self, access_key: str, operation: str, invocation: str) -> StoredAnswer | None:
        """The answer kept for this request, however old."""

    async def access_key(self, access_key: str) -> AccessKey | None:
        """One access key, revoked or not."""

    async def access_keys(self) -> list[AccessKey]:
        """All access keys, oldest first."""

    async def claim_code(self, namespace: str, code: str) -> ClaimCode | None:
        """One claim code."""

    async def claim_codes(self, namespace: str) -> list[ClaimCode]:
        """All claim codes, oldest first."""

    async def keys(self, namespace: str, device_id: str) -> list[StoredKey]:
        """The device's keys."""

    async def alias(self, namespace: str, address: str) -> str | None:
        """The device id that an address means."""

    async def aliases(self, namespace: str, device_id: str | None = None) -> list[tuple[str, str]]:
        """(address, device id) pairs in order of address."""

    async def deliveries(self, due_ms: int, limit: int = 100) -> list[Delivery]:
        """Deliveries due at or before ``due_ms``, earliest due first."""

    async def meta(self, name: str) -> str | None:
        """The value under a name."""

    async def close(self) -> None:
        """Finish what waits, then let go of the files. The store is not used after."""


# ---------------------------------------------------------------------------------------------
# Telling others.
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened and is durable."""

    kind: Literal[
        "claim-initiated",
        "click",
        "attempt-ended",
        "device-unclaimed",
        "device-changed",
        "source",
    ]
    at_ms: int
    namespace: str
    device_id: str
    account: str | None = None
    """Whose stream may carry it; None: only the operator's."""
    attempt_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Notifier(Protocol):
    """Tells whoever listens, after the commit. Never blocks, never raises."""

    def tell(self, fact: Fact) -> None:
        """Pass a fact on."""


# ---------------------------------------------------------------------------------------------
# The claim API as a flow sees it: in process or over HTTP, with one account's rights.
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiated:
    """A claim's window is open."""

    state: str
    epoch: int
    attempt_id: str
    deadline_ms: int
    """UTC ms on the service's clock."""
    window_ms: int
    """How long the window is open from the answer on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameReceipt:
    """What the service made of one raw frame."""

    disposition: str | None
    """None when no click was read in it."""
    device_id: str | None
    reason: str


class ClaimApi(Protocol):
    """What drives a claim. Refusals are ``domain.errors``; a service that cannot be reached is
    ServiceAwayError, and the same call may be sent again with the same invocation id."""

    async def initiate(self, device_id: str, *, invocation: str) -> Initiated:
        """Open the window, or answer again what this invocation was answered."""

    async def finalize(
        self,
        device_id: str,
        *,
        tags: Mapping[str, str] | None,
        if_epoch: int,
        invocation: str,
    ) -> str:
        """Take the device over; the state after it."""

    async def unclaim(
        self,
        device_id: str,
        *,
        if_epoch: int | None,
        if_state: str | None,
        reason: str = "",
        invocation: str,
    ) -> str:
        """Give it up, under conditions; the state after it."""

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """One attempt of this account."""

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """Attempts of this account (namespace and account of the query are ignored)."""

    def facts(self) -> AsyncIterator[Fact]:
        """Facts of this account from now on. Ends or raises ServiceAwayError when the link is
        lost; the caller then reads the attempt again."""

    async def send_frames(self, frames: Sequence[Any]) -> list[FrameReceipt]:
        """Hand over raw frames (``hardware.click.RawFrame``) heard by this station."""


class ServiceAwayError(Exception):
    """The claim service cannot be reached or does not answer; nothing is known of the call."""
