"""When a contact that only says closed or open has made a click: timed here, as the firmware does.

The click is dated at its first press: that is when the person pressed. A link that drops hides a
release, so the press in progress is forgotten; so is one whose state is only now heard of.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Final, NamedTuple

from firmware_sim.core.clicks import ClickDetector
from firmware_sim.core.debounce import PRESS, RELEASE, Debouncer
from hardware.click import Click
from hardware.families.family import Level

# A room has some dozens of buttons; more than this are made up, and the longest silent one goes.
MAX_CONTACTS: Final = 4096


class LevelTimer:
    """Levels in, clicks out; holds what every contact does now."""

    def __init__(self) -> None:
        self._contacts: OrderedDict[_Place, _Contact] = OrderedDict()

    def feed(self, level: Level) -> list[Click]:
        """A level was heard: the clicks of its contact that are complete by then."""
        place = _Place(level.frame.source, level.address, level.button)
        contact = self._contacts.pop(place, None)
        # The first word ever of a state that is also sent now and then: nobody did it now.
        fresh = level.edge or contact is not None
        contact = contact or _Contact(level)
        self._contacts[place] = contact
        if len(self._contacts) > MAX_CONTACTS:
            self._contacts.popitem(last=False)
        clicks = contact.until(level.frame.heard_ms)
        if level.frame.retained or level.frame.queued or not fresh:
            contact.settle(closed=level.closed)
            return clicks
        return clicks + contact.take(level)

    def advance(self, now_ms: int) -> list[Click]:
        """Time has passed: the clicks that are complete by now, of all contacts."""
        return [click for contact in self._contacts.values() for click in contact.until(now_ms)]

    def idle_for_ms(self, now_ms: int) -> int | None:
        """How long until ``advance`` has something to say; None while nothing is in progress."""
        due = [at for contact in self._contacts.values() if (at := contact.due_ms()) is not None]
        return max(0, min(due) - now_ms) if due else None

    def lost(self, source: str, address: str) -> None:
        """The link to a button ended: whatever its contacts did is not known any more."""
        gone = [at for at in self._contacts if (at.source, at.address) == (source, address)]
        for place in gone:
            del self._contacts[place]


class _Place(NamedTuple):
    source: str
    address: str
    button: str | int | None


class _Contact:
    """One contact of one button on one link."""

    def __init__(self, level: Level) -> None:
        self._detector = ClickDetector()
        # Devices that notify have settled the contact themselves, and the radio may deliver a
        # press and its release together: settling again would swallow the click.
        self._debouncer = Debouncer() if level.raw else None
        self._at_ms = level.frame.heard_ms
        self._closed = False
        self._closing: Level | None = None
        self._began: Level | None = None

    def until(self, now_ms: int) -> list[Click]:
        """Let time pass. A clock that went back moves nothing."""
        clicks = []
        left_ms = max(0, now_ms - self._at_ms)
        self._at_ms += left_ms
        while (wait_ms := self._wait_ms()) is not None and wait_ms <= left_ms:
            clicks += self._pass(wait_ms)
            left_ms -= wait_ms
        return clicks + self._pass(left_ms)

    def take(self, level: Level) -> list[Click]:
        """A level, now."""
        if level.closed == self._closed:
            return []
        self._closed = level.closed
        if level.closed:
            self._closing = level
        if level.held:
            # We connected in the middle of a press: the device itself says that it is a long one.
            return [_click(level, "LONG")]
        if self._debouncer is not None:
            self._debouncer.feed(level.closed)
            return []
        return self._edge(PRESS if level.closed else RELEASE)

    def settle(self, *, closed: bool) -> None:
        """Take a level as a state of affairs: a click in progress is not known any more."""
        self._detector.reset()
        self._closed = closed
        self._began = None

    def due_ms(self) -> int | None:
        """When time alone may complete something; None while it cannot."""
        wait_ms = self._wait_ms()
        return None if wait_ms is None else self._at_ms + wait_ms

    def _wait_ms(self) -> int | None:
        settling_ms = self._debouncer.idle_for_ms() if self._debouncer else None
        waits = [ms for ms in (settling_ms, self._detector.idle_for_ms()) if ms is not None]
        return min(waits, default=None)

    def _pass(self, elapsed_ms: int) -> list[Click]:
        clicks = self._say(self._detector.advance(elapsed_ms))
        edge = self._debouncer.advance(elapsed_ms) if self._debouncer else None
        return clicks + (self._edge(edge) if edge else [])

    def _edge(self, edge: str) -> list[Click]:
        if edge == PRESS and self._began is None:
            self._began = self._closing
        return self._say(self._detector.feed(edge))

    def _say(self, click_type: str | None) -> list[Click]:
        if click_type is None or self._began is None:
            return []
        began, self._began = self._began, None
        return [_click(began, click_type)]


def _click(began: Level, click_type: str) -> Click:
    frame = replace(began.frame, acknowledge_token=None)
    return Click(
        frame=frame,
        family=began.family,
        address=began.address,
        click_type=click_type,
        button=began.button,
        press_id=f"{frame.heard_ms}:{'' if began.button is None else began.button}",
    )
