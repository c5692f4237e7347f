"""What the rules need from the world: a clock, a store, somebody to tell, and a claim API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import ClaimState, Device
from orchestrator.domain.events import DeviceEvent, UnknownDevice
from orchestrator.units import (
    AccessKey,
    AttemptQuery,
    ClaimCode,
    Committed,
    Conflict,
    Delivery,
    EventQuery,
    Op,
    StoredAnswer,
    StoredKey,
)


class Clock(Protocol):
    """Time. Handed in, so that tests and simulation own it."""

    def now_ms(self) -> int:
        """UTC milliseconds: the wall clock at start plus monotonic time since, so a clock step
        neither ends nor stretches a window."""

    async def sleep_until(self, at_ms: int) -> None:
        """Return when ``now_ms()`` is at least ``at_ms``."""


class Clocks(Protocol):
    """A clock for each namespace, where they do not share the one that everybody has."""

    def clock_for(self, namespace: str) -> Clock:
        """By which the claims of this namespace are decided."""

    def move(self, namespace: str, by_ms: int) -> int:
        """Let time pass in this namespace and in no other; what its clock says then."""

    @property
    def latest_ms(self) -> int:
        """What the clock that is furthest ahead says."""


# ---------------------------------------------------------------------------------------------
# The store: rows in, rows out, and units that commit together or not at all.
# ---------------------------------------------------------------------------------------------


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

    async def send_frames(self, frames: Sequence[Any], *, invocation: str) -> list[FrameReceipt]:
        """Hand over raw frames (``hardware.click.RawFrame``) heard by this station."""


class ServiceAwayError(Exception):
    """The claim service cannot be reached or does not answer; nothing is known of the call."""
