"""The invariants of a claim, checked on what a store has committed and on what was really done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from orchestrator.domain.attempts import Attempt, Mark
from orchestrator.domain.devices import CLAIM_INITIATED, CLAIMED, Device
from orchestrator.domain.events import LISTED, DeviceEvent
from orchestrator.ports import Store
from orchestrator.simulation.truth import InvariantError, Place, Truth, broken, hold
from orchestrator.units import AddEvent, AttemptQuery, EventQuery, Op

_ALL: Final = 1_000_000
_ENDS: Final = frozenset({"finalized", "timed_out", "refused", "cancelled", "failed"})


async def check_device(store: Store, truth: Truth, place: Place) -> None:
    """Hold one device's rows to the invariants, as committed now."""
    namespace, device_id = place
    device = await store.device(namespace, device_id)
    if device is None:
        return
    attempts_of_it, counting = _queries(place)
    attempts = await store.attempts(attempts_of_it)
    events = {event.event_id: event for event in await store.events(counting)}
    _record_equals_state(device, attempts)
    counted: set[str] = set()
    for attempt in attempts:
        _check_attempt(attempt, events, truth, counted)
    matched = {one.event_id for one in events.values() if one.disposition == "MATCHED"}
    if matched != counted:
        broken(2, "{}: matched clicks {} count as {}", device_id, matched, counted)
    presses = [one.press_id for one in events.values() if one.press_id]
    if len(presses) != len(set(presses)):
        broken(2, "{}: a press counted twice: {}", device_id, presses)
    _check_delivered(attempts, events, truth)
    by_code = [one for one in attempts if one.via == "claim-code"]
    if by_code:
        await _check_claim_code(store, device, by_code)


@lru_cache(50_000)
def _queries(place: Place) -> tuple[AttemptQuery, EventQuery]:
    """What is asked of one device, after each commit that touches it."""
    namespace, device_id = place
    return (
        AttemptQuery(namespace=namespace, device_id=device_id, limit=_ALL),
        EventQuery(namespace=namespace, device_id=device_id, dispositions=LISTED, limit=_ALL),
    )


async def check_committed(store: Store, ops: Sequence[Op]) -> None:
    """What was just acknowledged can be read (invariant 3)."""
    for op in ops:
        if isinstance(op, AddEvent):
            found = await store.event(op.event.event_id)
            hold(3, found is not None, "event {} is acknowledged and not there", op.event.event_id)


async def check_nothing_lost(store: Store, truth: Truth) -> None:
    """After a restart: everything that was acknowledged is there (invariant 3)."""
    for (namespace, device_id), versions in truth.versions.items():
        device = await store.device(namespace, device_id)
        found, version = -1 if device is None else device.version, max(versions)
        hold(
            3,
            found >= version,
            "{} is at version {}, {} was acknowledged",
            device_id,
            found,
            version,
        )
    for event_id in truth.events:
        hold(3, await store.event(event_id) is not None, "event {} is gone", event_id)
    for attempt_id, outcome in truth.outcomes.items():
        attempt = await store.attempt(attempt_id)
        found_outcome = None if attempt is None else attempt.outcome
        hold(3, found_outcome == outcome, "{}: {} became {}", attempt_id, outcome, found_outcome)


async def learn(store: Store, truth: Truth, namespace: str) -> None:
    """After a restart: a unit that nobody was told of may have been stored all the same."""
    for event in await store.events(EventQuery(namespace=namespace, limit=_ALL)):
        if event.press_id is not None:
            truth.recorded.add(((namespace, event.device_id), event.press_id))


def check_all_heard(truth: Truth) -> None:
    """With faults healed: every press that the broker took in for the service is on record."""
    for key in sorted(truth.due - truth.recorded):
        hold(3, False, "the broker took press {} in, and it was never recorded", key)


async def check_all_ended(store: Store, now_ms: int, grace_ms: int) -> None:
    """While nothing is broken, every attempt ends within its window and a grace time."""
    for attempt in await store.due_attempts(now_ms - grace_ms, _ALL):
        hold(4, False, "{} is still open after its window", attempt.attempt_id)


def _record_equals_state(device: Device, attempts: list[Attempt]) -> None:
    claim = device.claim
    open_ones = [one for one in attempts if one.outcome is None]
    held = [one for one in attempts if one.outcome == "CLAIMED" and one.released_ms is None]
    name = device.device_id
    if len(held) > 1:
        broken(1, "{} is held by {}", name, [one.account for one in held])
    if len(held) != (claim.state == CLAIMED):
        broken(6, "{} is {}, held: {}", name, claim.state, held)
    if len(open_ones) != (claim.state == CLAIM_INITIATED):
        broken(6, "{} is {}, and {} attempts are open", name, claim.state, len(open_ones))
    mine = (claim.attempt_id, claim.owner, claim.epoch)
    for attempt in (*open_ones, *held):
        if (attempt.attempt_id, attempt.account, attempt.epoch) != mine:
            broken(6, "{}: claim {} and attempt {} differ", name, claim, attempt)
    if len(attempts) > 1:
        _opened_one_by_one(name, attempts)


def _opened_one_by_one(name: str, attempts: list[Attempt]) -> None:
    """Each in an epoch of its own, and by a request of its own."""
    opened = [one for one in attempts if one.epoch]
    epochs = [one.epoch for one in opened]
    if len(epochs) != len(set(epochs)):
        broken(1, "{}: two attempts in one epoch: {}", name, epochs)
    asked = [(one.account, one.invocation) for one in opened if one.invocation is not None]
    if len(asked) != len(set(asked)):
        again = [who for who, count in Counter(asked).items() if count > 1]
        broken(3, "{}: one request, sent again, opened two attempts: {}", name, again)


def _check_delivered(
    attempts: list[Attempt], events: Mapping[str, DeviceEvent], truth: Truth
) -> None:
    """An owner's clicks were pressed since their claim began."""
    delivered = [event for event in events.values() if event.disposition == "DELIVERED"]
    opened_ms = {one.epoch: one.opened_ms for one in attempts} if delivered else {}
    for event in delivered:
        press = truth.presses.get(((event.namespace, event.device_id), event.press_id or ""))
        if press is not None:
            early_ms = opened_ms[event.epoch] - press.latest_ms
            if early_ms > truth.most_delay_ms:
                broken(2, "{} is delivered to an owner who came {} ms later", event, early_ms)


async def _check_claim_code(store: Store, device: Device, by_code: list[Attempt]) -> None:
    """Claimed by code: with a code of the owner, and once."""
    name = device.device_id
    hold(2, len(by_code) == 1, "{}: its claim code worked {} times", name, len(by_code))
    code = await store.claim_code(device.namespace, device.claim_code or "")
    user = None if code is None else code.used_by
    hold(1, user == by_code[0].account, "{}: {} by a code that {} used", name, by_code[0], user)


def _check_attempt(
    attempt: Attempt, events: Mapping[str, DeviceEvent], truth: Truth, counted: set[str]
) -> None:
    name, outcome = attempt.attempt_id, attempt.outcome
    clicks = [mark for mark in attempt.timeline if mark.what == "click"]
    if len(clicks) > 1:
        broken(2, "{} has {} clicks that counted", name, len(clicks))
    ends = [mark.what for mark in attempt.timeline if mark.what in _ENDS]
    if len(ends) != (outcome is not None):
        broken(4, "{}: {}, {}", name, outcome, ends)
    if (outcome is None) != (attempt.ended_ms is None):
        broken(4, "{}: half ended", name)
    for mark in clicks:
        event = events.get(mark.detail["eventId"])
        if event is None:
            raise InvariantError(2, f"{name} counts an event that is not on record")
        counted.add(event.event_id)
        if not attempt.opened_ms <= event.received_ms < attempt.opened_ms + truth.window_ms:
            broken(1, "{} counts a click from outside its window: {}", name, attempt)
        if event.epoch != attempt.epoch:
            broken(1, "{} counts a click of another epoch", name)
        _check_press(attempt, event, truth)
    if outcome == "CLAIMED" and attempt.via == "click":
        _check_finalized(attempt, clicks)


def _check_finalized(attempt: Attempt, clicks: list[Mark]) -> None:
    """After its click, and before its deadline."""
    if not clicks:
        broken(1, "{} is CLAIMED without a click", attempt.attempt_id)
    if not clicks[0].at_ms <= (attempt.ended_ms or 0) < attempt.deadline_ms:
        broken(1, "{}: finalized at the wrong time", attempt.attempt_id)


def _check_press(attempt: Attempt, event: DeviceEvent, truth: Truth) -> None:
    """The click that counts is a press of this very button, made while the claim was open."""
    name = attempt.attempt_id
    place = (event.namespace, event.device_id)
    press = truth.presses.get((place, event.press_id or ""))
    if press is None:
        raise InvariantError(2, f"{name} counts a press that nobody made: {event}")
    early_ms = attempt.opened_ms - press.latest_ms
    if early_ms > truth.most_delay_ms:
        broken(1, "{} counts a press made {} ms before it began", name, early_ms)
    ahead_ms = press.pressed_ms - event.received_ms
    if ahead_ms > truth.most_delay_ms:
        broken(2, "{}: heard {} ms before it was pressed", name, ahead_ms)
    if truth.production and (event.evidence.simulated or press.simulated):
        broken(5, "{}: a simulated click in production", name)
