"""What becomes of a frame between a button and whoever hears it: loss, copies, delay, disorder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from firmware_sim.core.device import MQTT, Frame
from firmware_sim.world.clock import VirtualClock


@dataclass(frozen=True, slots=True)
class Air:
    """How bad the air is. The default is perfect."""

    loss: float = 0.0
    """Share of copies that nobody hears."""
    repeats: int = 0
    """Further copies of each frame, as an advertiser sends them."""
    repeat_gap_ms: int = 20
    """Between copies: the least that Bluetooth allows an advertiser, and what buttons use."""
    delay_ms: tuple[int, int] = (0, 0)
    """Least and greatest delay of a copy."""
    overtaken: float = 0.0
    """Share of copies held back so long that later ones overtake them."""
    held_back_ms: int = 500


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that arrived."""

    at_ms: int
    """UTC milliseconds of the virtual clock."""
    frame: Frame
    retained: bool = False
    """The broker's kept copy, delivered because somebody subscribed."""
    queued: bool = False
    """The broker held it while the receiver was away."""


class Radio:
    """Carries frames to one receiver on the virtual clock. The same seed, the same fate.

    ``queues`` and ``retains`` are what a broker may do to MQTT frames: keep them while the
    receiver is away; hand out the last one again at each subscription.
    """

    def __init__(
        self,
        clock: VirtualClock,
        rng: Random,
        deliver: Callable[[Heard], None],
        air: Air | None = None,
        *,
        queues: bool = False,
        retains: bool = False,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._deliver = deliver
        self._air = air or Air()
        self._queues = queues
        self._retains = retains
        self._away = False
        self._queue: list[Frame] = []
        self._kept: dict[str, Frame] = {}

    def send(self, frame: Frame) -> None:
        """Put a frame on the air, now."""
        for copy in range(1 + self._air.repeats):
            if self._rng.random() < self._air.loss:
                continue
            delay_ms = copy * self._air.repeat_gap_ms + self._rng.randint(*self._air.delay_ms)
            if self._rng.random() < self._air.overtaken:
                delay_ms += self._air.held_back_ms
            self._clock.at(self._clock.now_us + delay_ms * 1000, lambda: self._arrive(frame))

    def receiver_leaves(self) -> None:
        """From now on nobody listens."""
        self._away = True

    def receiver_returns(self) -> None:
        """The receiver subscribes again: kept copies first, then what was queued."""
        self._away = False
        for frame in self._kept.values():
            self._hear(frame, retained=True)
        waiting, self._queue = self._queue, []
        for frame in waiting:
            self._hear(frame, queued=True)

    def _arrive(self, frame: Frame) -> None:
        if frame.link == MQTT and self._retains:
            self._kept[frame.channel] = frame
        if not self._away:
            self._hear(frame)
        elif frame.link == MQTT and self._queues:
            self._queue.append(frame)

    def _hear(self, frame: Frame, *, retained: bool = False, queued: bool = False) -> None:
        self._deliver(Heard(self._clock.now_ms, frame, retained=retained, queued=queued))
