"""Each row of the situation table that speaks of a click."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from orchestrator.domain import dispositions
from orchestrator.domain.devices import Claim
from orchestrator.domain.events import (
    DISPOSITIONS,
    ClickHeard,
    Disposition,
    Evidence,
    Judgement,
)
from orchestrator.settings import ClickPolicy, for_profile

WAITING = Claim(
    state="CLAIM_INITIATED",
    owner="111122223333",
    epoch=1,
    initiated_ms=1_000,
    deadline_ms=121_000,
    attempt_id="a1",
)
PRESSED = replace(WAITING, click_event_id="e1")
CLAIMED = replace(PRESSED, state="CLAIMED", deadline_ms=None)
HEARD = ClickHeard(
    namespace="default",
    device_id="B1",
    click_type="SINGLE",
    received_ms=2_000,
    evidence=Evidence(heard_by="station"),
    source="memory:",
)


def judged(
    claim=WAITING,
    heard=HEARD,
    policy=ClickPolicy(),
    *,
    verdict="NEW",
    first_heard_ms=None,
    last_deadline_ms=None,
):
    first = heard.received_ms if first_heard_ms is None else first_heard_ms
    judgement = Judgement(verdict=verdict, first_heard_ms=first, state=None)
    return dispositions.judge(
        claim, heard, judgement, policy, last_deadline_ms=last_deadline_ms
    ).disposition


def at(received_ms: int) -> ClickHeard:
    return replace(HEARD, received_ms=received_ms)


def test_a_fresh_click_inside_the_window_counts():
    assert judged() == "MATCHED"


def test_the_window_begins_at_initiate_and_its_deadline_is_exclusive():
    assert judged(heard=at(999)) == "EARLY"
    assert judged(heard=at(1_000)) == "MATCHED"
    assert judged(heard=at(120_999)) == "MATCHED"
    assert judged(heard=at(121_000)) == "LATE"


def test_a_first_packet_heard_late_counts_from_the_press_that_it_repeats():
    assert judged(first_heard_ms=500) == "EARLY"


def test_a_repeat_and_a_replay_never_count():
    assert judged(verdict="REPEAT") == "DUPLICATE"
    assert judged(verdict="REPLAYED") == "REPLAYED"


def test_a_retained_copy_is_stale_in_every_phase():
    for claim in (Claim(), WAITING, PRESSED, CLAIMED):
        assert judged(claim, replace(HEARD, retained=True)) == "STALE"


def test_a_queued_click_counts_only_for_a_claim_that_was_open_before_the_link_was_lost():
    assert judged(heard=replace(HEARD, queued_since_ms=1_000)) == "STALE"
    assert judged(heard=replace(HEARD, queued_since_ms=1_001)) == "MATCHED"
    assert judged(Claim(), replace(HEARD, queued_since_ms=5_000)) == "STALE"


def test_a_queued_click_of_a_claimed_device_is_its_owners():
    assert judged(CLAIMED, replace(HEARD, queued_since_ms=5_000)) == "DELIVERED"


def test_a_click_from_before_an_owners_claim_is_not_theirs():
    assert judged(CLAIMED, at(1_000)) == "DELIVERED"
    assert judged(CLAIMED, at(999)) == "EARLY"
    assert judged(CLAIMED, replace(HEARD, queued_since_ms=1_001)) == "DELIVERED"
    assert judged(CLAIMED, replace(HEARD, queued_since_ms=1_000)) == "STALE"


def test_nobody_claims_it():
    assert judged(Claim(epoch=1)) == "NO_CLAIM"


def test_late_is_told_from_nobody_claims_it_for_one_window():
    assert judged(Claim(), last_deadline_ms=1_500) == "LATE"
    assert judged(Claim(), at(121_499), last_deadline_ms=1_500) == "LATE"
    assert judged(Claim(), at(121_500), last_deadline_ms=1_500) == "NO_CLAIM"


def test_only_the_first_click_of_a_window_is_the_one():
    assert judged(PRESSED) == "LATE"


@pytest.mark.parametrize("click_type", ["TRIPLE", "HOLD", "NONE", ""])
def test_what_is_no_click_of_the_api_never_counts(click_type):
    for claim in (WAITING, CLAIMED):
        assert judged(claim, replace(HEARD, click_type=click_type)) == "WRONG_CLICK_TYPE"


def test_the_policy_may_name_one_click():
    policy = ClickPolicy(claim_click_type="DOUBLE")
    assert judged(policy=policy) == "WRONG_CLICK_TYPE"
    assert judged(heard=replace(HEARD, click_type="DOUBLE"), policy=policy) == "MATCHED"
    assert judged(CLAIMED, policy=policy) == "DELIVERED"


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence(heard_by="station"), "MATCHED"),
        (Evidence(heard_by="broker", authenticated=True), "MATCHED"),
        (Evidence(heard_by="broker"), "EVIDENCE_TOO_WEAK"),
        (Evidence(heard_by="station", simulated=True), "SIMULATED_REFUSED"),
        (Evidence(heard_by="broker", authenticated=True, simulated=True), "SIMULATED_REFUSED"),
    ],
)
def test_production_wants_evidence_and_nothing_simulated(evidence, expected):
    policy = for_profile("production").clicks
    assert judged(heard=replace(HEARD, evidence=evidence), policy=policy) == expected


@pytest.mark.parametrize("profile", ["dev", "demo"])
def test_dev_and_demo_take_all(profile):
    weak = Evidence(heard_by="broker", simulated=True)
    assert judged(heard=replace(HEARD, evidence=weak), policy=for_profile(profile).clicks) == (
        "MATCHED"
    )


def test_every_disposition_is_explained_in_a_sentence():
    assert set(DISPOSITIONS) == set(get_args(Disposition))
