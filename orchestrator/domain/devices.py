"""What is known of one button: its registration, its claim, and what its owner set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from orchestrator.domain.changes import Row

ClaimState = Literal["UNCLAIMED", "CLAIM_INITIATED", "CLAIMED"]

UNCLAIMED: Final = "UNCLAIMED"
CLAIM_INITIATED: Final = "CLAIM_INITIATED"
CLAIMED: Final = "CLAIMED"

# AWS sold its button for about 1,000 clicks, the successor for 2,000; every published example of
# remainingLife fits 2,000 (99.85 after three clicks).
RATED_CLICKS: Final = 2000


@dataclass(frozen=True, kw_only=True)
class Claim(Row):
    """Who is taking a device over, and how far they are."""

    state: ClaimState = UNCLAIMED
    owner: str | None = None
    """Account that claims (CLAIM_INITIATED) or has claimed (CLAIMED); None when UNCLAIMED."""
    epoch: int = 0
    """Rises at every initiate and every claim code; refuses late callers."""
    initiated_ms: int | None = None
    deadline_ms: int | None = None
    """Exclusive: at exactly this time the window is over. None unless CLAIM_INITIATED."""
    attempt_id: str | None = None
    """The attempt that is open, or that led to CLAIMED; kept after a time-out, to tell LATE."""
    click_event_id: str | None = None
    """The click that counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiates:
    """How often one account has initiated a claim in vain."""

    count: int
    last_ms: int


@dataclass(frozen=True, kw_only=True)
class Device(Row):
    """One button, by namespace and device id; ``version`` rises with every stored change."""

    namespace: str
    device_id: str
    version: int = 0
    kind: str = "button"
    registered_ms: int = 0
    claim: Claim = field(default_factory=Claim)
    enabled: bool = False
    claim_code: str | None = None
    rated_clicks: int = RATED_CLICKS
    clicks: int = 0
    """New presses heard so far, whatever became of them."""
    reported_life: float | None = None
    """0..100, when the device itself says; wins over the count."""
    last_event_id: str | None = None
    last_attempt_deadline_ms: int | None = None
    """When the latest attempt's window ended without a claim: a click after it was LATE."""
    tags: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    callbacks: Mapping[str, Any] = field(default_factory=dict)
    """``onClick`` and ``healthMonitor``, as the owner set them."""
    initiates: Mapping[str, Initiates] = field(default_factory=dict)
    """By account; forgotten when a click counts or after the quiet time."""
    repeats: Mapping[str, Any] | None = None
    """State of the rule that tells a repeat from a new press; opaque here."""

    @property
    def remaining_life(self) -> float:
        """0..100: what the device says, else what its clicks leave of its rated clicks."""
        if self.reported_life is not None:
            life = self.reported_life
        else:
            life = 100.0 * (1 - self.clicks / self.rated_clicks)
        return min(100.0, max(0.0, round(life, 4)))
