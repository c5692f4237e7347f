"""Whether a claim service kept every click of a fleet, counted each once, and claimed rightly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from firmware_sim.links.fleet import Fleet
from firmware_sim.world.fleet import FleetPlan
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent

# So many are named; the rest are counted.
_NAMED: Final = 10


class Tally:
    """The events of a store that are this run's, each click by its press id."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._rows: Counter[tuple[int, int]] = Counter()
        self.matched: Counter[tuple[int, int]] = Counter()
        """Clicks that claimed, by button and epoch."""
        self.dispositions: Counter[str] = Counter()
        self.repeats = 0

    def add(self, event: DeviceEvent) -> None:
        """Take one event in; those of other buttons and other runs are passed over."""
        index = self._plan.index_of(event.device_id)
        counter = self._plan.counter_of(event.press_id)
        if index is None or counter is None:
            return
        self._rows[index, counter] += 1
        self.dispositions[event.disposition] += 1
        self.repeats += event.repeats
        if event.disposition == "MATCHED":
            self.matched[index, event.epoch] += 1

    @property
    def clicks(self) -> int:
        """How many different clicks are on record."""
        return len(self._rows)

    def lost(self, fleet: Fleet) -> list[str]:
        """Clicks that the broker acknowledged and that are not on record."""
        return [
            f"{self._plan.device_id(index)} click {counter}"
            for index in range(self._plan.devices)
            for counter in range(1, fleet.button(index).pressed + 1)
            if fleet.button(index).has_acknowledged(counter) and (index, counter) not in self._rows
        ]

    def doubled(self) -> list[str]:
        """Clicks with more than one row."""
        return [self._name(click) for click, rows in self._rows.items() if rows > 1]

    def invented(self, fleet: Fleet) -> list[str]:
        """Clicks on record that no button made."""
        return [
            self._name((index, counter))
            for index, counter in self._rows
            if not 1 <= counter <= fleet.button(index).pressed
        ]

    def _name(self, click: tuple[int, int]) -> str:
        return f"{self._plan.device_id(click[0])} click {click[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One kind of fault: how often, and the first few by name."""

    count: int = 0
    named: tuple[str, ...] = ()
    more: bool = False
    """Not all are named."""

    @classmethod
    def of(cls, names: Iterable[str]) -> Finding:
        """These faults."""
        every = list(names)
        return cls(count=len(every), named=tuple(every[:_NAMED]), more=len(every) > _NAMED)

    @classmethod
    def by_reason(cls, faults: Mapping[str, str]) -> Finding:
        """These faults, each with its reason, and each reason once."""
        names: dict[str, list[str]] = {}
        for name, why in faults.items():
            names.setdefault(why, []).append(name)
        named = [
            f"{first}{f' and {len(others)} more' if others else ''}: {why}"
            for why, (first, *others) in names.items()
        ]
        return replace(cls.of(named), count=len(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong; nothing, when every finding has a count of 0."""

    acknowledged: int
    """Clicks that the broker has acknowledged: so many must be on record."""
    on_record: int
    lost: Finding = Finding()
    doubled: Finding = Finding()
    invented: Finding = Finding()
    claimed: int | None = None
    """Devices that were claimed in this run; None when none was to be."""
    unclaimed: Finding = Finding()
    """Claims of this run that did not end CLAIMED."""
    double_claims: Finding = Finding()
    foreign_owners: Finding = Finding()
    dispositions: Mapping[str, int] = field(default_factory=dict)
    repeats: int = 0

    @property
    def faults(self) -> dict[str, Finding]:
        """What was found, by name."""
        found = {
            "lost clicks": self.lost,
            "clicks recorded twice": self.doubled,
            "clicks that nobody made": self.invented,
            "claims not finished": self.unclaimed,
            "double claims": self.double_claims,
            "foreign owners": self.foreign_owners,
        }
        return {name: finding for name, finding in found.items() if finding.count}

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What the claims of a run came to, by the ones who made them."""

    account: str
    """Ours."""
    devices: frozenset[str]


def standing_claims(attempts: Iterable[Attempt]) -> Counter[str]:
    """How many claims of each device stand. Of a device that has one claim at a time: one."""
    return Counter(
        one.device_id for one in attempts if one.outcome == "CLAIMED" and one.released_ms is None
    )


def more_than_one(standing: Mapping[str, int]) -> list[str]:
    """Which devices have several."""
    return [f"{name}: {count} claims stand" for name, count in standing.items() if count > 1]


def judge_claims(
    claimed: Claimed, devices: Mapping[str, Device], attempts: Iterable[Attempt], tally: Tally
) -> tuple[Finding, Finding]:
    """(double claims, foreign owners) in the rows of a store.

    ``attempts`` are at least those of this run. A device has one claim at a time and each claim
    one click: two that both stand, or two clicks in one epoch, are a double claim.
    """
    standing = standing_claims(one for one in attempts if one.device_id in claimed.devices)
    double = more_than_one(standing)
    double += [
        f"{index}: {count} clicks claimed in epoch {epoch}"
        for (index, epoch), count in tally.matched.items()
        if count > 1
    ]
    foreign = []
    for name in sorted(claimed.devices):
        device = devices.get(name)
        owner = device.claim.owner if device is not None else None
        if owner != claimed.account or standing[name] == 0:
            foreign.append(f"{name}: owned by {owner or 'nobody'}, claimed by {claimed.account}")
    return Finding.of(double), Finding.of(foreign)
