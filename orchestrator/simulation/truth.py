"""What the world knows and no service can: every real press, and everything acknowledged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent
from orchestrator.units import AddAttempt, AddDevice, AddEvent, Op, SwapAttempt, SwapDevice

Place = tuple[str, str]
"""Namespace and device id."""
PressKey = tuple[Place, str]
"""Where, and the press id."""


class InvariantError(AssertionError):
    """An invariant of the design does not hold."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(f"invariant {number}: {sentence}")
        self.number = number


def hold(number: int, condition: bool, sentence: str, *about: object) -> None:
    """InvariantError unless the condition holds. ``about`` goes into the sentence's braces."""
    if not condition:
        broken(number, sentence, *about)


def broken(number: int, sentence: str, *about: object) -> NoReturn:
    """InvariantError. Where many hold, the caller asks first: these words cost more than asking."""
    raise InvariantError(number, sentence.format(*about))


@dataclass(frozen=True, slots=True)
class Press:
    """What a finger really did, whatever became of it."""

    place: Place
    pressed_ms: int
    simulated: bool
    again_ms: int | None = None
    """When it was sent again, where the message before need not have reached its service."""

    @property
    def latest_ms(self) -> int:
        """When it may honestly be taken to have been pressed, at the latest."""
        return self.pressed_ms if self.again_ms is None else self.again_ms


@dataclass(slots=True, kw_only=True)
class Truth:
    """What is true of one service. ``presses`` is shared by all of them."""

    production: bool
    most_delay_ms: int
    """A press may be heard this much later and still be honestly taken for a new one."""
    window_ms: int
    presses: dict[PressKey, Press] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    """Outcome of every attempt whose end was acknowledged."""
    events: set[str] = field(default_factory=set)
    """Every event whose unit was acknowledged."""
    versions: dict[Place, set[int]] = field(default_factory=dict)
    """The acknowledged versions of each device."""
    recorded: set[PressKey] = field(default_factory=set)
    """Every press of which an event was acknowledged."""
    due: set[PressKey] = field(default_factory=set)
    """Every press that the broker took in for this service."""

    def acknowledge(self, ops: Iterable[Op]) -> set[Place]:
        """Remember an acknowledged unit; the devices it touched."""
        touched: set[Place] = set()
        for op in ops:
            match op:
                case SwapDevice(before, _):
                    touched.add(self._device(before, before.version + 1))
                case SwapAttempt(_, attempt) | AddAttempt(attempt):
                    touched.add(self._attempt(attempt))
                case AddEvent(event):
                    self._event(event)
                case AddDevice(device):
                    touched.add(self._device(device, 1))
        return touched

    def newer_press_than(self, key: PressKey) -> bool:
        """Whether this button was really pressed again after that press."""
        place, press_id = key
        this = _number(press_id)
        return any(other == place and _number(known) > this for (other, known) in self.presses)

    def _device(self, device: Device, version: int) -> Place:
        place = (device.namespace, device.device_id)
        known = self.versions.setdefault(place, set())
        if version in known:
            broken(6, "{}: version {} was stored twice", place, version)
        known.add(version)
        return place

    def _event(self, event: DeviceEvent) -> None:
        self.events.add(event.event_id)
        if event.press_id is None:
            return
        key = ((event.namespace, event.device_id), event.press_id)
        if event.disposition == "REPLAYED" and key in self.presses and key not in self.recorded:
            hold(3, self.newer_press_than(key), "a new press was taken for a replay: {}", event)
        self.recorded.add(key)

    def _attempt(self, attempt: Attempt) -> Place:
        if attempt.outcome is not None:
            known = self.outcomes.setdefault(attempt.attempt_id, attempt.outcome)
            if known != attempt.outcome:
                name = attempt.attempt_id
                broken(4, "{} was {}, and is to be {}", name, known, attempt.outcome)
        return (attempt.namespace, attempt.device_id)


def _number(press_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in press_id.split("."))
