"""Claiming a button whose id nobody knows: the first click names it, the second claims it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# As long as a claim's window: whoever pressed another button by mistake has put it down by then.
QUIET_MS: Final = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Which button was named, and who else pressed lately."""

    candidate: str | None = None
    heard: tuple[tuple[str, int], ...] = ()
    """(device id, UTC ms) of each unclaimed device's latest click in the last 120 s."""
    blocked_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What one click of an unclaimed, registered device means to the discovery."""

    what: Literal["named", "again", "overlap"]
    device_id: str


def hear(state: Discovery, device_id: str, now_ms: int) -> tuple[Discovery, Found]:
    """One click of an unclaimed registered device (a new press, not a repeat).

    ``named``: initiate a claim of this device now. ``again``: the named one; its click claims by
    the usual rule. ``overlap``: another device clicked within 120 s before, or between the two;
    refused until 120 s have passed without a candidate's click.
    """
    recent = tuple((who, at) for who, at in state.heard if now_ms - at < QUIET_MS)
    others = any(who != device_id for who, _ in recent)
    heard = (*((who, at) for who, at in recent if who != device_id), (device_id, now_ms))
    blocked = state.blocked_until_ms is not None and now_ms < state.blocked_until_ms
    if others or blocked:
        after = Discovery(heard=heard, blocked_until_ms=now_ms + QUIET_MS)
        return after, Found("overlap", device_id)
    if state.candidate == device_id:
        return Discovery(candidate=device_id, heard=heard), Found("again", device_id)
    return Discovery(candidate=device_id, heard=heard), Found("named", device_id)


def forget(state: Discovery, device_id: str) -> Discovery:
    """The claim of ``device_id`` ended: it is no candidate any more."""
    candidate = None if state.candidate == device_id else state.candidate
    heard = tuple((who, at) for who, at in state.heard if who != device_id)
    return Discovery(candidate=candidate, heard=heard, blocked_until_ms=state.blocked_until_ms)
