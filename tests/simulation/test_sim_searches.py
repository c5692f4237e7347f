"""A search's claim is held to what was really pressed at the bench."""

from __future__ import annotations

import pytest

from hardware.click import RawFrame
from orchestrator.domain.attempts import Attempt, Mark
from orchestrator.domain.events import DeviceEvent, Evidence
from orchestrator.simulation.searches import Handed, check_search
from orchestrator.simulation.truth import InvariantError
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import AddAttempt, AddEvent

ATTEMPT = Attempt(
    attempt_id="a1",
    namespace="default",
    device_id="B1",
    account="111122223333",
    epoch=1,
    opened_ms=2_000,
    deadline_ms=122_000,
    invocation="any-1",
    outcome="CLAIMED",
    timeline=(Mark(what="click", at_ms=5_000, detail={"eventId": "B1 1.2"}),),
)
REFUSED = Attempt(
    attempt_id="a0",
    namespace="default",
    device_id="B2",
    account="111122223333",
    epoch=0,
    opened_ms=1_500,
    deadline_ms=1_500,
    invocation="any-1",
    outcome="REFUSED",
)
FRAME = RawFrame(transport="serial", source="serial:x", heard_ms=0, payload=b"")


def handed(device_id: str, press_id: str, answered_ms: int) -> Handed:
    return Handed(device_id, (("default", device_id), press_id), FRAME, answered_ms)


NAMED = handed("B1", "1.1", 200_000)
CLAIMING = handed("B1", "1.2", 205_000)


async def check(presses, dispositions, named=NAMED, also=()):
    store = MemoryStore()
    for one, disposition in zip(presses, dispositions, strict=True):
        event = DeviceEvent(
            event_id=f"{one.device_id} {one.key[1]}",
            namespace="default",
            device_id=one.device_id,
            click_type="SINGLE",
            received_ms=one.answered_ms,
            disposition=disposition,
            reason="",
            evidence=Evidence(heard_by="station", authenticated=True),
            source="serial:x",
            family="native",
            press_id=one.key[1],
        )
        await store.unit([AddEvent(event)])
    await store.unit([AddAttempt(ATTEMPT), *map(AddAttempt, also)])
    await check_search(store, "any", ATTEMPT, presses, named)


async def test_two_clicks_of_one_button_are_as_it_should_be():
    await check([NAMED, CLAIMING], ["NO_CLAIM", "MATCHED"])
    long_ago = handed("B2", "7.1", 86_000)
    await check([long_ago, NAMED, CLAIMING], ["NO_CLAIM", "LATE", "MATCHED"])
    owned = handed("B2", "7.1", 203_000)
    await check([NAMED, owned, CLAIMING], ["NO_CLAIM", "DELIVERED", "MATCHED"])
    after = handed("B2", "7.1", 206_000)
    await check([NAMED, CLAIMING, after], ["NO_CLAIM", "MATCHED", "NO_CLAIM"])


async def test_a_button_that_was_refused_to_the_search_is_in_nobodys_way():
    taken = handed("B2", "7.1", 190_000)
    await check([taken, NAMED, CLAIMING], ["NO_CLAIM", "NO_CLAIM", "MATCHED"], also=[REFUSED])


async def test_one_click_is_found():
    with pytest.raises(InvariantError, match=r"invariant 1.*no click had named it"):
        await check([CLAIMING], ["MATCHED"], named=None)
    with pytest.raises(InvariantError, match=r"invariant 1.*one click named B1"):
        await check([CLAIMING], ["MATCHED"], named=CLAIMING)


@pytest.mark.parametrize(("answered_ms", "where"), [(86_001, "before"), (203_000, "between")])
async def test_another_button_pressed_before_or_between_is_found(answered_ms, where):
    other = handed("B2", "7.1", answered_ms)
    presses = sorted([NAMED, CLAIMING, other], key=lambda one: one.answered_ms)
    dispositions = ["MATCHED" if one is CLAIMING else "NO_CLAIM" for one in presses]
    with pytest.raises(InvariantError, match=rf"invariant 1.*B2 was pressed.*{where}"):
        await check(presses, dispositions)
