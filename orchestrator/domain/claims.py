"""The claim: one machine, one table. Pictures in the docs are drawn from the table.

A claim deadline is exclusive: at exactly ``deadline_ms`` the window is over. Time decides only
deadlines; what comes first is decided by the order of commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.domain.attempts import Outcome
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import CLAIM_INITIATED, CLAIMED, UNCLAIMED, Claim, Initiates
from orchestrator.domain.errors import (
    ClaimCodeRefusedError,
    NoClaimOpenError,
    PressNotSeenError,
    RefusedError,
    StaleEpochError,
    TakenError,
    TooManyInitiatesError,
    UnknownDeviceError,
)

Phase = Literal["UNCLAIMED", "WAITING", "PRESSED", "CLAIMED"]
Input = Literal["initiate", "click", "finalize", "unclaim", "claim code", "deadline"]
Who = Literal["owner", "other"]
Refusal = type[RefusedError]

# (phase, who asks): what each input does: the next phase, or the error that refuses it.
# WAITING and PRESSED are both CLAIM_INITIATED on the wire; nobody owns UNCLAIMED, so everybody
# is "other" there. A click and a deadline come from no account and stand once a phase.
TABLE: Final[Mapping[tuple[Phase, Input, Who], Phase | Refusal]] = {
    ("UNCLAIMED", "initiate", "other"): "WAITING",
    ("UNCLAIMED", "click", "other"): "UNCLAIMED",
    ("UNCLAIMED", "finalize", "other"): NoClaimOpenError,
    ("UNCLAIMED", "unclaim", "other"): UnknownDeviceError,
    ("UNCLAIMED", "claim code", "other"): "CLAIMED",
    ("WAITING", "initiate", "owner"): "WAITING",
    ("WAITING", "initiate", "other"): TakenError,
    ("WAITING", "click", "other"): "PRESSED",
    ("WAITING", "finalize", "owner"): PressNotSeenError,
    ("WAITING", "finalize", "other"): TakenError,
    ("WAITING", "unclaim", "owner"): "UNCLAIMED",
    ("WAITING", "unclaim", "other"): UnknownDeviceError,
    ("WAITING", "claim code", "owner"): "CLAIMED",
    ("WAITING", "claim code", "other"): "CLAIMED",
    ("WAITING", "deadline", "other"): "UNCLAIMED",
    ("PRESSED", "initiate", "owner"): "WAITING",
    ("PRESSED", "initiate", "other"): TakenError,
    ("PRESSED", "click", "other"): "PRESSED",
    ("PRESSED", "finalize", "owner"): "CLAIMED",
    ("PRESSED", "finalize", "other"): TakenError,
    ("PRESSED", "unclaim", "owner"): "UNCLAIMED",
    ("PRESSED", "unclaim", "other"): UnknownDeviceError,
    ("PRESSED", "claim code", "owner"): "CLAIMED",
    ("PRESSED", "claim code", "other"): "CLAIMED",
    ("PRESSED", "deadline", "other"): "UNCLAIMED",
    ("CLAIMED", "initiate", "owner"): TakenError,
    ("CLAIMED", "initiate", "other"): TakenError,
    ("CLAIMED", "click", "other"): "CLAIMED",
    ("CLAIMED", "finalize", "owner"): TakenError,
    ("CLAIMED", "finalize", "other"): TakenError,
    ("CLAIMED", "unclaim", "owner"): "UNCLAIMED",
    ("CLAIMED", "unclaim", "other"): UnknownDeviceError,
    ("CLAIMED", "claim code", "owner"): "CLAIMED",
    ("CLAIMED", "claim code", "other"): ClaimCodeRefusedError,
}

# After so many initiates of one account with no click, a pause: somebody holds a device that
# nobody stands beside, and others could not claim it meanwhile.
VAIN_INITIATES: Final = 20
VAIN_INITIATES_PAUSE_MS: Final = 10 * 60_000

# The reason that a station gives when it stops waiting before the window is over. On record that
# is a time-out, like the deadline's own.
STOPPED_WAITING: Final = "no click while the station waited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the attempt that was open ends by this step."""

    attempt_id: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a claim becomes, and which attempts end by it, oldest first."""

    claim: Claim
    endings: tuple[Ending, ...] = ()


def phase_of(claim: Claim) -> Phase:
    """Where a claim stands in the table."""
    if claim.state == CLAIM_INITIATED:
        return "WAITING" if claim.click_event_id is None else "PRESSED"
    return "CLAIMED" if claim.state == CLAIMED else "UNCLAIMED"


def is_over(claim: Claim, now_ms: int) -> bool:
    """Whether the window of an open claim is over."""
    return claim.deadline_ms is not None and now_ms >= claim.deadline_ms


def expire(claim: Claim, now_ms: int) -> Step:
    """The claim after the deadline, if that has come; else unchanged."""
    if not is_over(claim, now_ms):
        return Step(claim=claim)
    _next(claim, "deadline", None)
    pressed = claim.click_event_id is not None
    reason = "pressed, but not finalized in time" if pressed else "no click within the window"
    return Step(
        claim=_released(claim, keep_attempt=True),
        endings=(_ending(claim, "TIMED_OUT", reason),),
    )


def initiate(
    claim: Claim, *, device_id: str, account: str, attempt_id: str, window_ms: int, now_ms: int
) -> Step:
    """Open the window for ``account``; an earlier attempt of the same account is superseded."""
    before = expire(claim, now_ms)
    _next(before.claim, "initiate", account, device_id)
    endings = before.endings
    if before.claim.state == CLAIM_INITIATED:
        endings = (*endings, _ending(before.claim, "CANCELLED", "superseded"))
    return Step(
        claim=Claim(
            state=CLAIM_INITIATED,
            owner=account,
            epoch=claim.epoch + 1,
            initiated_ms=now_ms,
            deadline_ms=now_ms + window_ms,
            attempt_id=attempt_id,
        ),
        endings=endings,
    )


def click(claim: Claim, *, event_id: str, received_ms: int, finalize_ms: int) -> Step:
    """The click that counts: WAITING becomes PRESSED, and the caller has time to finalize.

    The caller has found that the click qualifies (``domain.dispositions``).
    """
    if phase_of(claim) != "WAITING" or claim.deadline_ms is None:
        raise AssertionError(f"a click cannot count in {phase_of(claim)}")
    return Step(
        claim=changed(
            claim,
            click_event_id=event_id,
            deadline_ms=max(claim.deadline_ms, received_ms + finalize_ms),
        )
    )


def finalize(
    claim: Claim, *, device_id: str, account: str, if_epoch: int | None, now_ms: int
) -> Step:
    """Take the device over, if its button was pressed in this window."""
    before = expire(claim, now_ms)
    if before.claim.state != UNCLAIMED and before.claim.owner == account:
        _check_epoch(before.claim, device_id, if_epoch)
    _next(before.claim, "finalize", account, device_id)
    return Step(
        claim=changed(before.claim, state=CLAIMED, deadline_ms=None),
        endings=(_ending(before.claim, "CLAIMED"),),
    )


def unclaim(
    claim: Claim,
    *,
    device_id: str,
    account: str,
    if_epoch: int | None,
    if_state: str | None,
    now_ms: int,
    reason: str = "unclaimed",
) -> Step:
    """Give the device up: a claimed one, or the account's own claim in progress."""
    before = expire(claim, now_ms)
    _next(before.claim, "unclaim", account, device_id)
    _check_epoch(before.claim, device_id, if_epoch)
    if if_state is not None and if_state != before.claim.state:
        raise StaleEpochError(device_id, f"state {if_state}", f"state {before.claim.state}")
    endings = before.endings
    if before.claim.state == CLAIM_INITIATED:
        outcome: Outcome = "TIMED_OUT" if reason == STOPPED_WAITING else "CANCELLED"
        endings = (*endings, _ending(before.claim, outcome, reason))
    return Step(claim=_released(before.claim, keep_attempt=False), endings=endings)


def claim_by_code(claim: Claim, *, account: str, attempt_id: str, now_ms: int) -> Step:
    """Take the device over without a press. One that is the account's already stays as it is."""
    before = expire(claim, now_ms)
    _next(before.claim, "claim code", account)
    if before.claim.state == CLAIMED:
        return Step(claim=before.claim)
    endings = before.endings
    if before.claim.state == CLAIM_INITIATED:
        endings = (*endings, _ending(before.claim, "CANCELLED", "claim code"))
    return Step(
        claim=Claim(
            state=CLAIMED,
            owner=account,
            epoch=claim.epoch + 1,
            initiated_ms=now_ms,
            attempt_id=attempt_id,
        ),
        endings=endings,
    )


def count_initiate(
    initiates: Mapping[str, Initiates], *, device_id: str, account: str, now_ms: int
) -> dict[str, Initiates]:
    """One more initiate on the count, or TooManyInitiatesError. Old counts are forgotten."""
    recent = {
        who: entry
        for who, entry in initiates.items()
        if now_ms - entry.last_ms < VAIN_INITIATES_PAUSE_MS
    }
    mine = recent.get(account)
    count = mine.count if mine else 0
    if mine and count >= VAIN_INITIATES:
        wait_s = (mine.last_ms + VAIN_INITIATES_PAUSE_MS - now_ms + 999) // 1000
        raise TooManyInitiatesError(
            f"Device {device_id} was initiated {count} times and its button was never pressed."
            f" Check that this is the button in your hand, then try again in {wait_s} s."
        )
    return {**recent, account: Initiates(count=count + 1, last_ms=now_ms)}


def _next(claim: Claim, what: Input, account: str | None, device_id: str = "") -> Phase:
    """The phase after ``what``, or the refusal that the table names, raised."""
    who: Who = "owner" if account is not None and claim.owner == account else "other"
    phase = phase_of(claim)
    then = TABLE[(phase, what, who)]
    if isinstance(then, str):
        return then
    if issubclass(then, TakenError | NoClaimOpenError | PressNotSeenError):
        raise then(device_id)
    raise then()


def _check_epoch(claim: Claim, device_id: str, if_epoch: int | None) -> None:
    if if_epoch is not None and if_epoch != claim.epoch:
        raise StaleEpochError(device_id, f"epoch {if_epoch}", f"epoch {claim.epoch}")


def _ending(claim: Claim, outcome: Outcome, reason: str = "") -> Ending:
    if claim.attempt_id is None:
        raise AssertionError(f"{claim.state} without an attempt")
    return Ending(attempt_id=claim.attempt_id, outcome=outcome, reason=reason)


def _released(claim: Claim, *, keep_attempt: bool) -> Claim:
    return Claim(epoch=claim.epoch, attempt_id=claim.attempt_id if keep_attempt else None)
