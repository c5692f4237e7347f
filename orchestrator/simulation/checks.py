"""The invariants of a claim, checked on what a store has committed and on what was really done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import CLAIM_INITIATED, CLAIMED, Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.ports import Store
from orchestrator.units import (
    AddAttempt,
    AddDevice,
    AddEvent,
    AttemptQuery,
    EventQuery,
    Op,
    SwapAttempt,
    SwapDevice,
)

_ALL = 1_000_000

Place = tuple[str, str]


class InvariantError(AssertionError):
    """An invariant of the design does not hold."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(f"invariant {number}: {sentence}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Press:
    """What a finger really did, whatever became of it."""

    place: Place
    pressed_ms: int
    simulated: bool


@dataclass(slots=True)
class Truth:
    """What the world knows and no service can: every real press, and every acknowledgement."""

    production: bool
    most_delay_ms: int
    """A press may be heard this much later and still be honestly taken for a new one."""
    presses: dict[tuple[Place, str], Press] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    """Outcome of every attempt whose end was acknowledged."""
    events: set[str] = field(default_factory=set)
    """Every event whose unit was acknowledged."""
    versions: dict[Place, int] = field(default_factory=dict)
    """The highest acknowledged version of each device."""

    def acknowledge(self, ops: Iterable[Op]) -> set[Place]:
        """Remember an acknowledged unit; the devices it touched."""
        touched: set[Place] = set()
        for op in ops:
            if isinstance(op, AddDevice):
                touched.add(self._device(op.device, 0))
            elif isinstance(op, SwapDevice):
                touched.add(self._device(op.before, op.before.version + 1))
            elif isinstance(op, AddEvent):
                self.events.add(op.event.event_id)
            elif isinstance(op, AddAttempt):
                self._attempt(op.attempt)
            elif isinstance(op, SwapAttempt):
                self._attempt(op.after)
        return touched

    def _device(self, device: Device, version: int) -> Place:
        place = (device.namespace, device.device_id)
        self.versions[place] = max(version, self.versions.get(place, 0))
        return place

    def _attempt(self, attempt: Attempt) -> None:
        if attempt.outcome is None:
            return
        known = self.outcomes.setdefault(attempt.attempt_id, attempt.outcome)
        _hold(
            4,
            known == attempt.outcome,
            f"{attempt.attempt_id} was {known}, and is to be {attempt.outcome}",
        )


async def check_device(store: Store, truth: Truth, place: Place) -> None:
    """Hold one device's rows to the invariants, as committed now."""
    namespace, device_id = place
    device = await store.device(namespace, device_id)
    if device is None:
        return
    attempts = await store.attempts(
        AttemptQuery(namespace=namespace, device_id=device_id, limit=_ALL)
    )
    events = {
        event.event_id: event
        for event in await store.events(
            EventQuery(namespace=namespace, device_id=device_id, limit=_ALL)
        )
    }
    _record_equals_state(device, attempts)
    counted: set[str] = set()
    for attempt in attempts:
        _check_attempt(attempt, events, truth, counted)
    matched = {one.event_id for one in events.values() if one.disposition == "MATCHED"}
    _hold(2, matched == counted, f"{device_id}: matched clicks {matched} count as {counted}")
    presses = [events[one].press_id for one in counted if events[one].press_id]
    _hold(2, len(presses) == len(set(presses)), f"{device_id}: a press counted twice: {presses}")


async def check_nothing_lost(store: Store, truth: Truth) -> None:
    """After a restart: everything that was acknowledged is there (invariant 3)."""
    for (namespace, device_id), version in truth.versions.items():
        device = await store.device(namespace, device_id)
        found = -1 if device is None else device.version
        _hold(3, found >= version, f"{device_id} is at version {found}, {version} was acknowledged")
    for event_id in truth.events:
        _hold(3, await store.event(event_id) is not None, f"event {event_id} is gone")
    for attempt_id, outcome in truth.outcomes.items():
        attempt = await store.attempt(attempt_id)
        found_outcome = None if attempt is None else attempt.outcome
        _hold(3, found_outcome == outcome, f"{attempt_id}: {outcome} became {found_outcome}")


async def check_all_ended(store: Store, now_ms: int, grace_ms: int) -> None:
    """With faults healed, every attempt ends within its window and a grace time."""
    for attempt in await store.due_attempts(now_ms - grace_ms, _ALL):
        _hold(4, False, f"{attempt.attempt_id} is still open after its window")


def _record_equals_state(device: Device, attempts: list[Attempt]) -> None:
    claim = device.claim
    open_ones = [one for one in attempts if one.outcome is None]
    held = [one for one in attempts if one.outcome == "CLAIMED" and one.released_ms is None]
    name = device.device_id
    _hold(1, len(held) <= 1, f"{name} is held by {[one.account for one in held]}")
    _hold(6, len(held) == (claim.state == CLAIMED), f"{name} is {claim.state}, held: {held}")
    _hold(
        6,
        len(open_ones) == (claim.state == CLAIM_INITIATED),
        f"{name} is {claim.state}, and {len(open_ones)} attempts are open",
    )
    for attempt in (*open_ones, *held):
        same = (attempt.attempt_id, attempt.account, attempt.epoch) == (
            claim.attempt_id,
            claim.owner,
            claim.epoch,
        )
        _hold(6, same, f"{name}: claim {claim} and attempt {attempt} differ")
    epochs = [one.epoch for one in attempts if one.epoch]
    _hold(1, len(epochs) == len(set(epochs)), f"{name}: two attempts in one epoch: {epochs}")


def _check_attempt(
    attempt: Attempt,
    events: Mapping[str, DeviceEvent],
    truth: Truth,
    counted: set[str],
) -> None:
    name = attempt.attempt_id
    clicks = [mark for mark in attempt.timeline if mark.what == "click"]
    _hold(2, len(clicks) <= 1, f"{name} has {len(clicks)} clicks that counted")
    _hold(4, (attempt.outcome is None) == (attempt.ended_ms is None), f"{name}: half ended")
    for mark in clicks:
        event = events.get(mark.detail["eventId"])
        if event is None:
            raise InvariantError(2, f"{name} counts an event that is not on record")
        counted.add(event.event_id)
        in_time = attempt.opened_ms <= event.received_ms < attempt.deadline_ms
        _hold(1, in_time, f"{name} counts a click from outside its window")
        _hold(1, event.epoch == attempt.epoch, f"{name} counts a click of another epoch")
        _check_press(attempt, event, truth)
    if attempt.outcome == "CLAIMED" and attempt.via == "click":
        _hold(1, len(clicks) == 1, f"{name} is CLAIMED without a click")
        ended_ms = attempt.ended_ms or 0
        _hold(
            1,
            clicks[0].at_ms <= ended_ms < attempt.deadline_ms,
            f"{name}: finalized at the wrong time",
        )


def _check_press(attempt: Attempt, event: DeviceEvent, truth: Truth) -> None:
    """The click that counts is a press of this very button, made while the claim was open."""
    place = (event.namespace, event.device_id)
    press = truth.presses.get((place, event.press_id or ""))
    if press is None:
        raise InvariantError(2, f"{attempt.attempt_id} counts a press that nobody made: {event}")
    early_ms = attempt.opened_ms - press.pressed_ms
    _hold(
        1,
        early_ms <= truth.most_delay_ms,
        f"{attempt.attempt_id} counts a press made {early_ms} ms before it began",
    )
    if truth.production:
        _hold(
            5,
            not event.evidence.simulated and not press.simulated,
            f"{attempt.attempt_id}: a simulated click in production",
        )


def _hold(number: int, condition: bool, sentence: str) -> None:
    if not condition:
        raise InvariantError(number, sentence)
