"""One try to claim a device, from initiate to its single outcome, with its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from orchestrator.domain.changes import Row, changed

Outcome = Literal["CLAIMED", "TIMED_OUT", "REFUSED", "CANCELLED", "FAILED"]
OUTCOMES: Final = ("CLAIMED", "TIMED_OUT", "REFUSED", "CANCELLED", "FAILED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One moment of an attempt."""

    what: str
    """initiated, click, finalized, released, or the outcome that ended it."""
    at_ms: int
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Attempt(Row):
    """A row of the record: belongs to the claim service, whoever drives it."""

    attempt_id: str
    namespace: str
    device_id: str
    account: str
    epoch: int
    opened_ms: int
    deadline_ms: int
    """Exclusive; moves when a click leaves less than the time to finalize."""
    via: Literal["click", "claim-code"] = "click"
    invocation: str | None = None
    """Invocation id of the initiate: how a flow that was killed finds its attempt again."""
    outcome: Outcome | None = None
    """None while it is open; then exactly one, for ever."""
    reason: str = ""
    ended_ms: int | None = None
    released_ms: int | None = None
    """When a CLAIMED device was unclaimed: with ``ended_ms``, the period of ownership."""
    simulated: bool = False
    """The click that counted was simulated."""
    timeline: tuple[Mark, ...] = ()

    @property
    def latencies_ms(self) -> dict[str, int]:
        """Milliseconds from initiate to each later mark."""
        return {
            f"{mark.what}_ms": mark.at_ms - self.opened_ms
            for mark in self.timeline
            if mark.what != "initiated"
        }


def with_mark(attempt: Attempt, what: str, at_ms: int, **detail: Any) -> Attempt:
    """The attempt with one more moment on its timeline."""
    return changed(
        attempt, timeline=(*attempt.timeline, Mark(what=what, at_ms=at_ms, detail=detail))
    )


def ended(attempt: Attempt, outcome: Outcome, reason: str, at_ms: int) -> Attempt:
    """The attempt with its outcome. An attempt that has one already is a fault of ours."""
    if attempt.outcome is not None:
        raise AssertionError(f"attempt {attempt.attempt_id} ended already: {attempt.outcome}")
    what = "finalized" if outcome == "CLAIMED" else outcome.lower()
    marked = with_mark(attempt, what, at_ms, **({"reason": reason} if reason else {}))
    return changed(marked, outcome=outcome, reason=reason, ended_ms=at_ms)
