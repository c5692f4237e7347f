"""What goes wrong on purpose: which request or click a planned fault strikes, by count and seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

FaultKind = Literal["latency", "error", "drop", "duplicate", "crash"]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = ("latency", "error", "drop", "duplicate", "crash")
LINK_KINDS: Final[tuple[FaultKind, ...]] = ("latency", "drop", "duplicate")
"""What can happen to a click on its way; the rest needs somebody who waits for an answer."""
ANY: Final = "*"
LINKS: Final = ("ble:", "memory:", "mqtt:", "mqtts:", "replay:", "serial:", "sim:")
"""How the specs of sources begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, where, and how often."""

    kind: FaultKind
    operation: str | None = None
    """The operation it strikes, ``*`` for each; None when it strikes a link."""
    link: str | None = None
    """How the spec of the source begins, ``*`` for each; None when it strikes an operation."""
    latency_ms: int = 0
    error: str | None = None
    status: int | None = None
    probability: float = 1.0
    count: int | None = None
    """At most so often; None for no limit."""


class _Armed:
    """A fault with its own dice, so that one more fault in a plan shifts no other's."""

    def __init__(self, fault: Fault, seed: int, place: int) -> None:
        self.fault = fault
        self.struck = 0
        self._dice = random.Random(f"{seed}/{place}")  # noqa: S311 - repeatable, not secret

    def strikes(self) -> bool:
        """Whether it does now; counts it when it does."""
        fault = self.fault
        if fault.count is not None and self.struck >= fault.count:
            return False
        if self._dice.random() >= fault.probability:
            return False
        self.struck += 1
        return True


class FaultTable:
    """The planned faults of each namespace. False while there are none at all."""

    def __init__(self) -> None:
        self._plans: dict[str, list[_Armed]] = {}

    def __bool__(self) -> bool:
        return bool(self._plans)

    def add(self, namespace: str, faults: Sequence[Fault], *, seed: int) -> None:
        """Plan these too; what is planned already goes on where it is."""
        if faults:
            plan = self._plans.setdefault(namespace, [])
            first = len(plan)
            plan += [_Armed(fault, seed, place) for place, fault in enumerate(faults, first)]

    def clear(self, namespace: str) -> None:
        """Let nothing go wrong any more."""
        self._plans.pop(namespace, None)

    def planned(self, namespace: str) -> list[tuple[Fault, int]]:
        """Each fault, and how often it struck so far."""
        return [(one.fault, one.struck) for one in self._plans.get(namespace, ())]

    def on_operation(self, namespace: str, operation: str) -> list[Fault]:
        """What strikes this request, in the order of the plan."""
        return [
            one.fault
            for one in self._of(namespace)
            if one.fault.operation in {operation, ANY} and one.strikes()
        ]

    def on_link(self, namespace: str, source: str) -> list[Fault]:
        """What strikes a frame that this source heard, in the order of the plan."""
        return [
            one.fault
            for one in self._of(namespace)
            if one.fault.link is not None
            and (one.fault.link == ANY or source.startswith(one.fault.link))
            and one.strikes()
        ]

    def _of(self, namespace: str) -> Iterator[_Armed]:
        return iter(self._plans.get(namespace, ()))
