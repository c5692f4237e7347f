"""Clicks as device events, what became of each, and what vouches for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from orchestrator.domain.changes import Row

ClickType = Literal["SINGLE", "DOUBLE", "LONG"]
CLICK_TYPES: Final = ("SINGLE", "DOUBLE", "LONG")

Disposition = Literal[
    "MATCHED",
    "DELIVERED",
    "DUPLICATE",
    "REPLAYED",
    "EARLY",
    "LATE",
    "NO_CLAIM",
    "UNKNOWN_DEVICE",
    "WRONG_CLICK_TYPE",
    "SIMULATED_REFUSED",
    "EVIDENCE_TOO_WEAK",
    "STALE",
    "OVERLAP",
]

# One sentence each: shown by `why`, in records and in the docs.
DISPOSITIONS: Final[Mapping[Disposition, str]] = {
    "MATCHED": "the click that the claim was waiting for",
    "DELIVERED": "the device is claimed: the click is its owner's",
    "DUPLICATE": "another message of a press that was already heard",
    "REPLAYED": "an old message sent again: its counter is behind",
    "EARLY": "pressed before the claim was initiated",
    "LATE": "pressed after the window was over, or after the click that counted",
    "NO_CLAIM": "nobody was claiming the device",
    "UNKNOWN_DEVICE": "no such device is registered",
    "WRONG_CLICK_TYPE": "not the kind of click that the policy asks for",
    "SIMULATED_REFUSED": "simulated, and this profile takes real clicks only",
    "EVIDENCE_TOO_WEAK": "neither authenticated nor heard by a station's own driver",
    "STALE": "kept by a broker from before the claim: not pressed now",
    "OVERLAP": "two unclaimed buttons were pressed: it is not clear which one is meant",
}

LISTED: Final = ("MATCHED", "DELIVERED")
"""What ListDeviceEvents shows the owner: real clicks since the initiate that led to the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What vouches for a click: two facts, and whether it was made up."""

    heard_by: Literal["station", "broker"]
    authenticated: bool = False
    """A device key opened or signed the frame, and its freshness is new."""
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHeard:
    """A click as the ingest hands it over: decoded, not yet judged."""

    namespace: str
    device_id: str
    click_type: str
    received_ms: int
    """UTC ms, stamped when the bytes were read."""
    evidence: Evidence
    source: str
    family: str = "native"
    press_id: str | None = None
    freshness: tuple[int, ...] | None = None
    retained: bool = False
    queued_since_ms: int | None = None
    """The broker held it: it was pressed at some time after this (UTC ms). None when not held."""
    reported_ms: int | None = None
    remaining_life: float | None = None
    certificate_id: str | None = None
    test_mode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the repeat rule says of one click."""

    verdict: Literal["NEW", "REPEAT", "REPLAYED"]
    first_heard_ms: int
    """When the first frame of this press was heard."""
    state: Mapping[str, Any] | None
    """To be kept with the device and handed in at the next click."""


class RepeatRule(Protocol):
    """Tells a repeat from a new press. Pure: the device row keeps its state."""

    def __call__(self, state: Mapping[str, Any] | None, click: ClickHeard) -> Judgement:
        """Judge one click against what is remembered of this device."""


@dataclass(frozen=True, kw_only=True)
class DeviceEvent(Row):
    """A click on record, with what became of it."""

    event_id: str
    namespace: str
    device_id: str
    click_type: str
    received_ms: int
    disposition: Disposition
    reason: str
    """A sentence for a person; more exact than the disposition where there is more to say."""
    evidence: Evidence
    source: str
    family: str
    press_id: str | None = None
    epoch: int = 0
    """The claim's epoch when the click was judged: an owner sees only their own epoch's."""
    attempt_id: str | None = None
    remaining_life: float = 100.0
    reported_ms: int | None = None
    certificate_id: str | None = None
    test_mode: bool = False
    repeats: int = 0
    """Further frames of the same press."""
    last_repeat_ms: int | None = None
    seq: int = 0
    """Order of commit; given by the store, 0 before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownDevice:
    """A button that is heard and not registered: its last click, and how often."""

    namespace: str
    address: str
    family: str
    click_type: str
    source: str
    first_heard_ms: int
    last_heard_ms: int
    count: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)
