"""What real buttons do that no specification says: a catalogue, each by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from firmware_sim.core.device import ButtonDevice, Frame
from firmware_sim.world.clock import VirtualClock


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One thing that was seen in the field."""

    name: str
    what: str
    source: str


REPEATS_FOR_EVER = Misbehaviour(
    "repeats-for-ever",
    "sends its last click again every 8 s until the next one",
    "Bluetooth-Devices/bthome-ble issue 75: a Shelly BLU Button 1, every 7 to 8 s",
)
COUNTER_ON_EVERY_BEACON = Misbehaviour(
    "counter-on-every-beacon",
    "repeats a click in a few beacons and gives each of them a new number",
    "home-assistant/core issue 95892: packet id rises with every beacon although nothing changed",
)
PHANTOM_SECOND_PRESS = Misbehaviour(
    "phantom-second-press",
    "clicks once more by itself 25 to 40 s later, with a new number",
    "home-assistant/core issue 145196: Shelly BLU Wall Switch 4 and Button Tough 1; that the"
    " phantom has a number of its own is assumed, as the harder case",
)
CROSS_FIRE = Misbehaviour(
    "cross-fire",
    "makes a neighbouring button report the same click",
    "espruino/BangleApps issue 3243: the second button reported the first one's press as well",
)
MISSED_FIRST_PRESS = Misbehaviour(
    "missed-first-press",
    "only wakes up at the first press after a rest",
    "unfoldedcircle/feature-and-bug-tracker issue 58: the press that wakes a remote is lost",
)
RESTART_AT_ZERO = Misbehaviour(
    "restart-at-zero",
    "forgets its numbers before each click and begins again",
    "Bluetooth-Devices/bthome-ble issue 116: the counter starts anew with a new battery",
)
RETAINED_COPY = Misbehaviour(
    "retained-copy",
    "publishes with the retain flag, so that the broker hands the click to later subscribers",
    "Tasmota ButtonRetain; ESPHome publishes states retained by default",
)
QUEUED_PRESS = Misbehaviour(
    "queued-press",
    "is heard late: the click waited somewhere while the receiver was away",
    "Flic 2 marks such events was_queued; any broker does it for a persistent session",
)

MISBEHAVIOURS = {
    one.name: one
    for one in (
        REPEATS_FOR_EVER,
        COUNTER_ON_EVERY_BEACON,
        PHANTOM_SECOND_PRESS,
        CROSS_FIRE,
        MISSED_FIRST_PRESS,
        RESTART_AT_ZERO,
        RETAINED_COPY,
        QUEUED_PRESS,
    )
}
# These two happen at the broker; ask ``firmware_sim.world.radio.Radio`` for them.
_AT_THE_BROKER = {RETAINED_COPY.name, QUEUED_PRESS.name}

_REPEAT_EVERY_MS = 8000
# A button that counts its beacons sends a handful per click.
_BEACONS = 5
_BEACON_GAP_MS = 100
_PHANTOM_AFTER_MS = (25_000, 40_000)
_RESTS_AFTER_MS = 10_000


class OddButton:
    """Stands between a button and its radio and misbehaves by name.

    ``neighbour`` is who joins in a cross-fire; ``begin_again`` makes the device anew, with blank
    memory, for restart-at-zero. Raises ValueError for a name that is not a button's, or one whose
    partner is missing.
    """

    def __init__(
        self,
        device: ButtonDevice,
        send: Callable[[Frame], None],
        clock: VirtualClock,
        rng: Random,
        names: Iterable[str],
        *,
        neighbour: ButtonDevice | None = None,
        begin_again: Callable[[], ButtonDevice] | None = None,
    ) -> None:
        self._names = frozenset(names)
        for name in sorted(self._names):
            if name not in MISBEHAVIOURS or name in _AT_THE_BROKER:
                known = ", ".join(sorted(MISBEHAVIOURS.keys() - _AT_THE_BROKER))
                raise ValueError(f"{name!r} is no misbehaviour of a button; there are: {known}")
        if CROSS_FIRE.name in self._names and neighbour is None:
            raise ValueError("cross-fire needs a neighbour")
        if RESTART_AT_ZERO.name in self._names and begin_again is None:
            raise ValueError("restart-at-zero needs begin_again")
        self._device = device
        self._send = send
        self._clock = clock
        self._rng = rng
        self._neighbour = neighbour
        self._begin_again = begin_again
        self._last_click_us: int | None = None
        self._round = 0

    def click(self, click_type: str) -> None:
        """The button found this click, now. What is sent, and when, is up to its oddities."""
        rested_us = self._clock.now_us - (self._last_click_us or 0)
        rested = self._last_click_us is None or rested_us > _RESTS_AFTER_MS * 1000
        self._last_click_us = self._clock.now_us
        if MISSED_FIRST_PRESS.name in self._names and rested:
            return
        if self._begin_again is not None and RESTART_AT_ZERO.name in self._names:
            self._device = self._begin_again()
        frames = self._say(self._device, click_type)
        self._round += 1
        if COUNTER_ON_EVERY_BEACON.name in self._names:
            for beacon in range(1, _BEACONS):
                self._later(beacon * _BEACON_GAP_MS, lambda: self._say(self._device, click_type))
        if PHANTOM_SECOND_PRESS.name in self._names:
            after_ms = self._rng.randint(*_PHANTOM_AFTER_MS)
            self._later(after_ms, lambda: self._say(self._device, "SINGLE"))
        if CROSS_FIRE.name in self._names and self._neighbour is not None:
            self._say(self._neighbour, click_type)
        if REPEATS_FOR_EVER.name in self._names:
            self._repeat(frames, self._round)

    def _say(self, device: ButtonDevice, click_type: str) -> list[Frame]:
        frames = device.say(click_type, self._clock.now_ms)
        for frame in frames:
            self._send(frame)
        return frames

    def _repeat(self, frames: list[Frame], made_in_round: int) -> None:
        def again() -> None:
            if self._round == made_in_round:
                for frame in frames:
                    self._send(frame)
                self._repeat(frames, made_in_round)

        self._later(_REPEAT_EVERY_MS, again)

    def _later(self, after_ms: int, action: Callable[[], object]) -> None:
        def run() -> None:
            action()

        self._clock.at(self._clock.now_us + after_ms * 1000, run)
