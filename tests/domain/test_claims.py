"""The claim's table is complete, and its edges are where the docs say."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest

from orchestrator.domain import claims
from orchestrator.domain.claims import TABLE, Input, Phase, phase_of
from orchestrator.domain.devices import Claim, Initiates
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

WINDOW_MS = 120_000
MINE = "111122223333"
THEIRS = "444455556666"


def initiated(claim: Claim = Claim(), *, account: str = MINE, now_ms: int = 1_000) -> Claim:
    return claims.initiate(
        claim,
        device_id="B1",
        account=account,
        attempt_id=f"attempt-{claim.epoch + 1}",
        window_ms=WINDOW_MS,
        now_ms=now_ms,
    ).claim


def pressed(claim: Claim, *, received_ms: int = 2_000) -> Claim:
    return claims.click(claim, event_id="e1", received_ms=received_ms, finalize_ms=60_000).claim


def finalized(claim: Claim, *, account: str = MINE, now_ms: int = 3_000, if_epoch=None):
    return claims.finalize(claim, device_id="B1", account=account, if_epoch=if_epoch, now_ms=now_ms)


def test_every_input_has_a_row_in_every_phase_it_can_meet():
    # Nobody owns an unclaimed device; a click and a deadline come from no account.
    for phase, what in itertools.product(get_args(Phase), get_args(Input)):
        if what == "deadline" and phase in {"UNCLAIMED", "CLAIMED"}:
            assert (phase, what, "other") not in TABLE
            continue
        assert (phase, what, "other") in TABLE
        owned = phase != "UNCLAIMED" and what not in {"click", "deadline"}
        assert ((phase, what, "owner") in TABLE) == owned


def test_the_table_leads_only_to_phases_or_refusals():
    for then in TABLE.values():
        assert then in get_args(Phase) or issubclass(then, RefusedError)


def test_a_claim_goes_from_initiate_over_the_click_to_claimed():
    step = finalized(pressed(initiated()))
    assert (step.claim.state, step.claim.owner, step.claim.deadline_ms) == ("CLAIMED", MINE, None)
    assert [(end.outcome, end.reason) for end in step.endings] == [("CLAIMED", "")]


def test_the_deadline_is_exclusive():
    claim = initiated(now_ms=0)
    assert not claims.expire(claim, WINDOW_MS - 1).endings
    over = claims.expire(claim, WINDOW_MS)
    assert over.claim.state == "UNCLAIMED"
    assert over.endings[0].outcome == "TIMED_OUT"


def test_finalize_at_exactly_the_deadline_is_too_late():
    claim = pressed(initiated(now_ms=0), received_ms=1_000)
    assert finalized(claim, now_ms=WINDOW_MS - 1).claim.state == "CLAIMED"
    with pytest.raises(NoClaimOpenError):
        finalized(claim, now_ms=WINDOW_MS)


def test_a_late_click_leaves_time_to_finalize():
    claim = pressed(initiated(now_ms=0), received_ms=WINDOW_MS - 1)
    assert claim.deadline_ms == WINDOW_MS - 1 + 60_000


def test_an_early_click_does_not_shorten_the_window():
    assert pressed(initiated(now_ms=0), received_ms=1).deadline_ms == WINDOW_MS


def test_initiating_again_supersedes_and_discards_the_click():
    step = claims.initiate(
        pressed(initiated()),
        device_id="B1",
        account=MINE,
        attempt_id="attempt-2",
        window_ms=WINDOW_MS,
        now_ms=5_000,
    )
    assert phase_of(step.claim) == "WAITING"
    assert step.claim.epoch == 2
    assert [(end.attempt_id, end.outcome, end.reason) for end in step.endings] == [
        ("attempt-1", "CANCELLED", "superseded")
    ]


def test_an_expired_claim_of_another_does_not_stand_in_the_way():
    step = claims.initiate(
        initiated(now_ms=0),
        device_id="B1",
        account=THEIRS,
        attempt_id="attempt-2",
        window_ms=WINDOW_MS,
        now_ms=WINDOW_MS,
    )
    assert step.claim.owner == THEIRS
    assert step.endings[0].outcome == "TIMED_OUT"


@pytest.mark.parametrize("phase", ["waiting", "pressed", "claimed"])
def test_another_account_gets_one_message_whatever_the_phase(phase):
    claim = initiated()
    if phase != "waiting":
        claim = pressed(claim)
    if phase == "claimed":
        claim = finalized(claim).claim
    messages = set()
    with pytest.raises(TakenError) as refused:
        initiated(claim, account=THEIRS)
    messages.add(str(refused.value))
    with pytest.raises(TakenError) as refused:
        finalized(claim, account=THEIRS)
    messages.add(str(refused.value))
    with pytest.raises(UnknownDeviceError):
        claims.unclaim(
            claim, device_id="B1", account=THEIRS, if_epoch=None, if_state=None, now_ms=3_000
        )
    assert messages == {str(TakenError("B1"))}
    assert MINE not in str(TakenError("B1"))


def test_finalize_before_the_click_says_press():
    with pytest.raises(PressNotSeenError, match="Press the button"):
        finalized(initiated())


def test_a_late_station_cannot_finalize_the_next_claim():
    second = pressed(initiated(initiated()))
    with pytest.raises(StaleEpochError, match="epoch 2, not at epoch 1"):
        finalized(second, if_epoch=1)
    assert finalized(second, if_epoch=2).claim.state == "CLAIMED"


def test_clean_up_leaves_a_claim_alone_that_was_finalized_meanwhile():
    claim = finalized(pressed(initiated())).claim
    with pytest.raises(StaleEpochError, match="CLAIMED"):
        claims.unclaim(
            claim,
            device_id="B1",
            account=MINE,
            if_epoch=1,
            if_state="CLAIM_INITIATED",
            now_ms=4_000,
        )


def test_unclaim_of_a_pending_claim_cancels_its_attempt():
    step = claims.unclaim(
        initiated(), device_id="B1", account=MINE, if_epoch=None, if_state=None, now_ms=2_000
    )
    assert step.claim == Claim(epoch=1)
    assert step.endings[0].outcome == "CANCELLED"


def test_a_claim_code_takes_over_what_is_pending_and_refuses_what_is_owned():
    pending = initiated(account=THEIRS)
    step = claims.claim_by_code(pending, account=MINE, attempt_id="a2", now_ms=2_000)
    assert (step.claim.owner, step.claim.epoch) == (MINE, 2)
    assert (step.endings[0].outcome, step.endings[0].reason) == ("CANCELLED", "claim code")
    with pytest.raises(ClaimCodeRefusedError):
        claims.claim_by_code(step.claim, account=THEIRS, attempt_id="a3", now_ms=3_000)


def test_twenty_initiates_in_vain_then_ten_minutes_of_quiet():
    counts: dict[str, Initiates] = {}
    for now_ms in range(20):
        counts = claims.count_initiate(counts, device_id="B1", account=MINE, now_ms=now_ms)
    with pytest.raises(TooManyInitiatesError, match="in 600 s"):
        claims.count_initiate(counts, device_id="B1", account=MINE, now_ms=19)
    claims.count_initiate(counts, device_id="B1", account=THEIRS, now_ms=20)
    again = claims.count_initiate(counts, device_id="B1", account=MINE, now_ms=19 + 600_000)
    assert again[MINE].count == 1


def test_a_click_cannot_count_twice():
    claim = pressed(initiated())
    with pytest.raises(AssertionError):
        pressed(replace(claim))
