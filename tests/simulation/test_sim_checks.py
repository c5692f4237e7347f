"""Each check fails on a violation made by hand, and on nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from orchestrator.domain.attempts import Attempt, Mark
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import Claim, Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.simulation.checks import (
    check_all_ended,
    check_all_heard,
    check_committed,
    check_device,
    check_nothing_lost,
    learn,
)
from orchestrator.simulation.truth import InvariantError, Press, Truth
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import AddAttempt, AddClaimCode, AddDevice, AddEvent, ClaimCode, SwapDevice
from tests.simulation.rows import CLICK, MINE, OPENED

PLACE = ("default", "B1")
WINDOW_MS = 120_000

ATTEMPT = changed(
    OPENED,
    invocation="claim-1",
    outcome="CLAIMED",
    ended_ms=6_000,
    timeline=(
        Mark(what="initiated", at_ms=1_000),
        Mark(what="click", at_ms=5_000, detail={"eventId": "e1"}),
        Mark(what="finalized", at_ms=6_000),
    ),
)
OPEN = changed(ATTEMPT, outcome=None, ended_ms=None, timeline=ATTEMPT.timeline[:2])
CLAIM = Claim(
    state="CLAIMED",
    owner=MINE,
    epoch=1,
    initiated_ms=1_000,
    attempt_id="a1",
    click_event_id="e1",
)
DEVICE = Device(namespace="default", device_id="B1", claim=CLAIM)
PRESS = Press(PLACE, 4_900, simulated=False)


@dataclass
class Case:
    """What is on record, and what is true."""

    device: Device = DEVICE
    attempts: list[Attempt] = field(default_factory=lambda: [ATTEMPT])
    events: list[DeviceEvent] = field(default_factory=lambda: [CLICK])
    codes: list[ClaimCode] = field(default_factory=list)
    presses: dict[Any, Press] = field(default_factory=lambda: {(PLACE, "1.1"): PRESS})

    async def check(self) -> None:
        store = MemoryStore()
        rows = [
            AddDevice(self.device),
            *map(AddAttempt, self.attempts),
            *map(AddEvent, self.events),
        ]
        await store.unit([*rows, *map(AddClaimCode, self.codes)])
        await check_device(store, truth(presses=self.presses), PLACE)


def truth(**said: Any) -> Truth:
    return Truth(production=True, most_delay_ms=100, window_ms=WINDOW_MS, **said)


def again(**said: Any) -> Attempt:
    """A second attempt that ended without a click."""
    given = {"attempt_id": "a2", "epoch": 2, "outcome": "TIMED_OUT", "invocation": "claim-2"}
    timeline = (Mark(what="initiated", at_ms=1_000), Mark(what="timed_out", at_ms=121_000))
    return changed(ATTEMPT, timeline=timeline, ended_ms=121_000, **(given | said))


async def test_a_claim_as_it_should_be_violates_nothing():
    await Case().check()
    await Case(attempts=[ATTEMPT, again()]).check()


BY_CODE = changed(
    ATTEMPT, via="claim-code", invocation=None, timeline=(ATTEMPT.timeline[0], ATTEMPT.timeline[2])
)
CODE = ClaimCode(
    namespace="default", code="C-1", created_ms=0, device_ids=("B1",), used_by=MINE, used_ms=1
)
CODED = changed(DEVICE, claim_code="C-1")


async def test_a_device_claimed_by_code_violates_nothing():
    await Case(device=CODED, attempts=[BY_CODE], events=[], codes=[CODE]).check()


WRONG = {
    "two owners": (1, Case(attempts=[ATTEMPT, changed(ATTEMPT, attempt_id="a2", epoch=2)])),
    "claimed, and no attempt says so": (6, Case(attempts=[], events=[])),
    "an attempt says claimed, the device does not": (
        6,
        Case(device=changed(DEVICE, claim=Claim(epoch=1))),
    ),
    "open, and the device is claimed": (
        6,
        Case(attempts=[ATTEMPT, changed(OPEN, attempt_id="a2", epoch=2)]),
    ),
    "another account than the device says": (
        6,
        Case(attempts=[changed(ATTEMPT, account="444455556666")]),
    ),
    "another epoch than the device says": (6, Case(attempts=[changed(ATTEMPT, epoch=3)])),
    "two attempts in one epoch": (1, Case(attempts=[ATTEMPT, again(epoch=1)])),
    "one request opened two attempts": (3, Case(attempts=[ATTEMPT, again(invocation="claim-1")])),
    "two clicks counted": (
        2,
        Case(attempts=[changed(ATTEMPT, timeline=(*ATTEMPT.timeline, ATTEMPT.timeline[1]))]),
    ),
    "ended twice": (
        4,
        Case(attempts=[changed(ATTEMPT, timeline=(*ATTEMPT.timeline, ATTEMPT.timeline[2]))]),
    ),
    "ended, and no time": (4, Case(attempts=[changed(ATTEMPT, ended_ms=None)])),
    "the click is not on record": (2, Case(events=[])),
    "a matched click that no attempt counts": (
        2,
        Case(events=[CLICK, changed(CLICK, event_id="e2", press_id="1.2")]),
    ),
    "one press delivered twice": (
        2,
        Case(events=[CLICK, changed(CLICK, event_id="e2", disposition="DELIVERED")]),
    ),
    "a click before the window": (1, Case(events=[changed(CLICK, received_ms=999)])),
    "a click at the deadline": (1, Case(events=[changed(CLICK, received_ms=121_000)])),
    "a click of another epoch": (1, Case(events=[changed(CLICK, epoch=2)])),
    "claimed without a click": (
        1,
        Case(
            attempts=[changed(ATTEMPT, timeline=(ATTEMPT.timeline[0], ATTEMPT.timeline[2]))],
            events=[],
        ),
    ),
    "finalized at the deadline": (1, Case(attempts=[changed(ATTEMPT, ended_ms=121_000)])),
    "finalized before the click": (1, Case(attempts=[changed(ATTEMPT, ended_ms=4_999)])),
    "a press that nobody made": (2, Case(presses={})),
    "a press of another device": (2, Case(presses={(("default", "B2"), "1.1"): PRESS})),
    "a press of another namespace": (2, Case(presses={(("elsewhere", "B1"), "1.1"): PRESS})),
    "a press from before the claim": (
        1,
        Case(presses={(PLACE, "1.1"): replace(PRESS, pressed_ms=899)}),
    ),
    "heard before it was pressed": (
        2,
        Case(presses={(PLACE, "1.1"): replace(PRESS, pressed_ms=5_101)}),
    ),
    "a simulated press in production": (
        5,
        Case(presses={(PLACE, "1.1"): replace(PRESS, simulated=True)}),
    ),
    "a simulated click in production": (
        5,
        Case(events=[changed(CLICK, evidence=replace(CLICK.evidence, simulated=True))]),
    ),
    "delivered, and pressed before the owner came": (
        2,
        Case(
            events=[CLICK, changed(CLICK, event_id="e2", press_id="0.9", disposition="DELIVERED")],
            presses={
                (PLACE, "1.1"): PRESS,
                (PLACE, "0.9"): replace(PRESS, pressed_ms=800),
            },
        ),
    ),
    "by a code that another has used": (
        1,
        Case(
            device=CODED,
            attempts=[BY_CODE],
            events=[],
            codes=[replace(CODE, used_by="444455556666")],
        ),
    ),
    "one code, twice": (
        2,
        Case(
            device=CODED,
            attempts=[
                BY_CODE,
                changed(BY_CODE, attempt_id="a0", epoch=9, released_ms=7_000),
            ],
            events=[],
            codes=[CODE],
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_violation_is_found_and_is_called_by_its_number(name):
    number, case = WRONG[name]
    with pytest.raises(InvariantError) as found:
        await case.check()
    assert found.value.number == number, str(found.value)


# --- what was acknowledged -----------------------------------------------------------------------


async def test_what_was_acknowledged_and_is_gone_is_found():
    known = truth()
    known.acknowledge([AddDevice(DEVICE), AddAttempt(ATTEMPT), AddEvent(CLICK)])
    store = MemoryStore()
    with pytest.raises(InvariantError, match="version"):
        await check_nothing_lost(store, known)
    await store.unit([AddDevice(DEVICE)])
    with pytest.raises(InvariantError, match="event e1"):
        await check_nothing_lost(store, known)
    await store.unit([AddEvent(CLICK)])
    with pytest.raises(InvariantError, match="a1"):
        await check_nothing_lost(store, known)
    await store.unit([AddAttempt(ATTEMPT)])
    await check_nothing_lost(store, known)


async def test_an_event_that_was_acknowledged_too_early_is_found():
    store = MemoryStore()
    with pytest.raises(InvariantError, match="invariant 3"):
        await check_committed(store, [AddEvent(CLICK)])
    await store.unit([AddEvent(CLICK)])
    await check_committed(store, [AddEvent(CLICK)])


def test_one_version_of_a_device_is_stored_once():
    known = truth()
    swap = SwapDevice(changed(DEVICE, version=4), DEVICE)
    known.acknowledge([swap])
    with pytest.raises(InvariantError, match="version 5 was stored twice"):
        known.acknowledge([swap])


def test_an_outcome_is_for_ever():
    known = truth()
    known.acknowledge([AddAttempt(ATTEMPT)])
    with pytest.raises(InvariantError, match="was CLAIMED"):
        known.acknowledge([AddAttempt(changed(ATTEMPT, outcome="CANCELLED"))])


def test_a_new_press_is_no_replay_unless_a_newer_one_was_made():
    replayed = changed(CLICK, disposition="REPLAYED")
    known = truth(presses={(PLACE, "1.1"): PRESS})
    with pytest.raises(InvariantError, match="taken for a replay"):
        known.acknowledge([AddEvent(replayed)])
    known = truth(presses={(PLACE, "1.1"): PRESS, (PLACE, "1.2"): PRESS})
    known.acknowledge([AddEvent(replayed)])
    assert known.recorded == {(PLACE, "1.1")}


async def test_a_press_that_was_never_recorded_is_found_and_a_stored_one_is_learnt():
    known = truth(due={(PLACE, "1.1")})
    with pytest.raises(InvariantError, match="never recorded"):
        check_all_heard(known)
    store = MemoryStore()
    await store.unit([AddEvent(CLICK)])
    await learn(store, known, "default")
    check_all_heard(known)


async def test_an_attempt_that_is_open_after_its_window_and_the_grace_is_found():
    store = MemoryStore()
    await store.unit([AddAttempt(OPEN)])
    await check_all_ended(store, 121_000 + 4_999, 5_000)
    with pytest.raises(InvariantError, match="invariant 4"):
        await check_all_ended(store, 121_000 + 5_000, 5_000)
