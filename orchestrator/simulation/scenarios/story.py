"""A day by name: each claim, each click, and those of them that an unmet expectation is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

# A screen has room for so many; how many more there are is said.
_MOST_LINES: Final = 10
# A button that repeats itself has hundreds.
_MOST_CLICKS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSeen:
    """One claim as its station saw it. Times are milliseconds since the day began."""

    device_id: str
    station: str
    opened_ms: int
    ended_ms: int
    outcome: str
    reason: str = ""
    pressed: tuple[str, ...] = ()
    """The buttons that its operator pressed meanwhile, each time anew."""
    click_ms: int | None = None
    """From the click as the button sent it to the station's green."""
    mistaken: bool = False
    """A click won it which nobody had made to claim that unit."""


@dataclass(frozen=True, slots=True)
class ClickSeen:
    """One click as the service judged it, when that was committed."""

    at_ms: int
    device_id: str
    disposition: str


class Story:
    """What there is to tell of a day. ``claims`` and ``clicks`` are in the order of time."""

    def __init__(self, claims: Sequence[ClaimSeen] = (), clicks: Sequence[ClickSeen] = ()) -> None:
        self.claims = claims
        self._clicks = clicks

    def unclaimed(self) -> list[str]:
        """A line for each claim of a unit that nobody got, unit by unit."""
        claimed = {one.device_id for one in self.claims if one.outcome == "CLAIMED"}
        tries: dict[str, list[ClaimSeen]] = defaultdict(list)
        for one in self.claims:
            if one.device_id not in claimed:
                tries[one.device_id].append(one)
        return self._lines([one for here in tries.values() for one in here])

    def ended(self, outcome: str) -> list[str]:
        """A line for each claim that ended so."""
        return self._lines([one for one in self.claims if one.outcome == outcome])

    def mistaken(self) -> list[str]:
        """A line for each claim that was won by mistake."""
        return self._lines([one for one in self.claims if one.mistaken])

    def slowest(self) -> list[str]:
        """The claims that took longest from their click to green."""
        timed = [one for one in self.claims if one.click_ms is not None]
        timed.sort(key=lambda one: -(one.click_ms or 0))
        return [
            f"{one.device_id}: {_seconds(one.click_ms or 0)}, claimed at {one.station}"
            f" at {_seconds(one.ended_ms)}"
            for one in timed[:_MOST_LINES]
        ]

    def clicked(self, disposition: str) -> list[str]:
        """A line for each click that this became of."""
        return _some(
            f"{one.device_id}: at {_seconds(one.at_ms)}"
            for one in self._clicks
            if one.disposition == disposition
        )

    def _lines(self, claims: Sequence[ClaimSeen]) -> list[str]:
        devices = {one.device_id for one in claims}
        heard = self._heard(devices)
        siblings: dict[str, list[ClaimSeen]] = defaultdict(list)
        for one in self.claims:
            if one.device_id in devices:
                siblings[one.device_id].append(one)
        return _some(
            f"{one.device_id}: {self._told(one, heard[one.device_id], siblings[one.device_id])}"
            for one in claims
        )

    def _heard(self, devices: Iterable[str]) -> dict[str, list[ClickSeen]]:
        heard: dict[str, list[ClickSeen]] = {device_id: [] for device_id in devices}
        for click in self._clicks:
            if click.device_id in heard:
                heard[click.device_id].append(click)
        return heard

    def _told(self, claim: ClaimSeen, heard: list[ClickSeen], siblings: list[ClaimSeen]) -> str:
        """How it ended and what was heard of its button, until somebody wanted it again."""
        until_ms = min(
            (one.opened_ms for one in siblings if one.opened_ms > claim.opened_ms), default=None
        )
        clicks = [
            f"{one.disposition} at {_seconds(one.at_ms)}"
            for one in heard
            if claim.opened_ms <= one.at_ms and (until_ms is None or one.at_ms < until_ms)
        ]
        if len(clicks) > _MOST_CLICKS:
            clicks[_MOST_CLICKS:] = [f"{len(clicks) - _MOST_CLICKS} more"]
        reason = f" ({claim.reason})" if claim.reason else ""
        told = (
            f"{claim.outcome}{reason} at {claim.station},"
            f" {_seconds(claim.opened_ms)} to {_seconds(claim.ended_ms)}"
        )
        if claim.outcome == "REFUSED" and not claim.pressed:
            return told
        return f"{told}; {_presses(claim)}; {', '.join(clicks) or 'no click of it was heard'}"


def _presses(claim: ClaimSeen) -> str:
    """What the operator did."""
    if not claim.pressed:
        return "nobody pressed"
    right = claim.pressed.count(claim.device_id)
    wrong = sorted({one for one in claim.pressed if one != claim.device_id})
    times = {0: "not pressed", 1: "pressed once"}.get(right, f"pressed {right} times")
    return f"{times}, but {', '.join(wrong[:_MOST_CLICKS])} was" if wrong else times


def _some(lines: Iterable[str]) -> list[str]:
    """The first of them, and how many more there are."""
    lines = list(lines)
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"and {more:,} more"]


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f} s"
