"""Which family reads a frame, with which keys, and what comes of it: a click, or why not."""

from __future__ import annotations

from typing import Final, NamedTuple

from hardware.click import Click, Ignored, RawFrame
from hardware.families import FAMILIES, Family, Level, Options, Reading
from hardware.keys import KeyBook
from hardware.levels import LevelTimer

_BY_NAME: Final = {family.name: family for family in FAMILIES}


class Identity(NamedTuple):
    """Who sent a frame, as the frame says it, before anything is verified."""

    namespace: str | None
    address: str
    family: str


def family_of(frame: RawFrame, hint: str | None = None) -> Family | None:
    """The family that reads a frame; among several the hinted one, else the first of the table."""
    hinted = _BY_NAME.get(hint or "")
    if hinted is not None and _may_read(hinted, frame):
        return hinted
    return next((family for family in FAMILIES if _may_read(family, frame)), None)


def _may_read(family: Family, frame: RawFrame) -> bool:
    return frame.transport in family.transports and family.matches(frame)


class Decoder:
    """Frames in, clicks out. Pure but for the contacts that it times; reads no clock."""

    def __init__(self, keys: KeyBook, options: Options | None = None) -> None:
        self._keys = keys
        self._options = options or Options()
        self._levels = LevelTimer()

    def identify(self, frame: RawFrame) -> Identity | None:
        """Who says that they sent it, so that a caller can fetch their keys before ``decode``."""
        family = None if frame.link_lost else family_of(frame)
        sender = family.sender_of(frame) if family else None
        if family is None or sender is None:
            return None
        return Identity(sender.namespace, sender.address, family.name)

    def read(self, frame: RawFrame, hint: str | None = None) -> list[Reading]:
        """What the frame itself says, levels not yet timed. At least one; never raises."""
        if frame.link_lost:
            return [Ignored(frame=frame, address=frame.address, reason="the link ended")]
        family = family_of(frame, hint)
        if family is None:
            where = f" on {frame.channel[:80]!r}" if frame.channel else ""
            why = f"no known button sends this{where}"
            return [Ignored(frame=frame, address=frame.address, reason=why)]
        sender = family.sender_of(frame)
        keys = self._keys.keys_for(sender.namespace, sender.address) if sender else ()
        return family.decode(frame, keys, self._options)

    def decode(self, frame: RawFrame) -> list[Click | Ignored]:
        """The clicks in a frame, or why there are none. At least one; never raises.

        A level-type button's frame gives an Ignored whose click type is DOWN or UP, and the click
        with the frame that completes it, or from ``advance`` when only time completes it. Such a
        click carries the frame that began it.
        """
        if frame.link_lost:
            self.lost(frame.source, frame.address or "")
        said: list[Click | Ignored] = []
        for reading in self.read(frame):
            if not isinstance(reading, Level):
                said.append(reading)
                continue
            said.append(_as_ignored(reading))
            said += self._levels.feed(reading)
        return said

    def advance(self, now_ms: int) -> list[Click]:
        """Clicks of level-type buttons that time alone completed by now."""
        return self._levels.advance(now_ms)

    def idle_for_ms(self, now_ms: int) -> int | None:
        """How long until ``advance`` is due; None while no contact is in the middle of a click."""
        return self._levels.idle_for_ms(now_ms)

    def lost(self, source: str, address: str) -> None:
        """The link to a button ended: forget a press whose release nobody will hear."""
        self._levels.lost(source, address)


def _as_ignored(level: Level) -> Ignored:
    return Ignored(
        frame=level.frame,
        family=level.family,
        address=level.address or None,
        reason="a level: the click follows when it has been timed",
        valid=True,
        click_type="DOWN" if level.closed else "UP",
        extra={} if level.button is None else {"button": level.button},
    )
