"""What becomes of a click: the rows of the situation table that speak of clicks, in order."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.claims import is_over, phase_of
from orchestrator.domain.devices import Claim
from orchestrator.domain.events import (
    CLICK_TYPES,
    DISPOSITIONS,
    ClickHeard,
    Disposition,
    Judgement,
)
from orchestrator.settings import ClickPolicy


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a click, and a sentence that says why."""

    disposition: Disposition
    reason: str


def judge(
    claim: Claim,
    heard: ClickHeard,
    judgement: Judgement,
    policy: ClickPolicy,
    *,
    last_deadline_ms: int | None,
) -> Verdict:
    """The disposition of one click of a registered device. Only MATCHED moves the claim."""
    return (
        _old(claim, heard, judgement)
        or _unfit(heard, policy)
        or _timely(claim, heard, judgement, policy, last_deadline_ms)
    )


def _old(claim: Claim, heard: ClickHeard, judgement: Judgement) -> Verdict | None:
    """Copies of an earlier press: not a new click, whatever the claim's state."""
    if heard.retained:
        return Verdict("STALE", "a retained copy: the broker kept it, nobody pressed now")
    if judgement.verdict == "REPLAYED":
        return _plain("REPLAYED")
    if judgement.verdict == "REPEAT":
        return _plain("DUPLICATE")
    if heard.queued_since_ms is not None:
        # It waited at the broker while we were away. It was pressed after the last packet of the
        # old connection; only a claim that was open by then can be sure that it was meant, and
        # only an owner who had begun by then, that it is theirs.
        opened = claim.initiated_ms
        if opened is None or opened >= heard.queued_since_ms:
            return Verdict("STALE", "queued at the broker, perhaps since before the claim")
    return None


def _unfit(heard: ClickHeard, policy: ClickPolicy) -> Verdict | None:
    """Clicks that the policy never takes."""
    if heard.evidence.simulated and not policy.take_simulated:
        return _plain("SIMULATED_REFUSED")
    weak = heard.evidence.heard_by == "broker" and not heard.evidence.authenticated
    if weak and policy.want_evidence:
        return _plain("EVIDENCE_TOO_WEAK")
    if heard.click_type not in CLICK_TYPES:
        return Verdict(
            "WRONG_CLICK_TYPE", f"{heard.click_type} is none of {', '.join(CLICK_TYPES)}"
        )
    return None


def _timely(
    claim: Claim,
    heard: ClickHeard,
    judgement: Judgement,
    policy: ClickPolicy,
    last_deadline_ms: int | None,
) -> Verdict:
    """A fresh click that may count: does it come at the right time?"""
    phase = phase_of(claim)
    if phase == "CLAIMED":
        if judgement.first_heard_ms < (claim.initiated_ms or 0):
            # Heard before this owner's claim, and taken in only now: no business of theirs.
            return _plain("EARLY")
        return _plain("DELIVERED")
    if phase == "UNCLAIMED":
        if last_deadline_ms is not None:
            late_ms = heard.received_ms - last_deadline_ms
            if late_ms < policy.late_ms:
                return Verdict("LATE", f"{max(0, late_ms)} ms after the window was over")
        return _plain("NO_CLAIM")
    if is_over(claim, heard.received_ms):
        return Verdict("LATE", "the window was over")
    if claim.initiated_ms is None or judgement.first_heard_ms < claim.initiated_ms:
        return _plain("EARLY")
    if policy.claim_click_type is not None and heard.click_type != policy.claim_click_type:
        return Verdict(
            "WRONG_CLICK_TYPE",
            f"{heard.click_type}, and the policy asks for {policy.claim_click_type}",
        )
    if phase == "PRESSED":
        return Verdict("LATE", "the claim has its click already")
    return Verdict("MATCHED", DISPOSITIONS["MATCHED"])


def _plain(disposition: Disposition) -> Verdict:
    return Verdict(disposition, DISPOSITIONS[disposition])
