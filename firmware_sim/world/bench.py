"""A finger, a contact and a button on one virtual clock: presses in, frames with times out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from firmware_sim.core.device import ButtonDevice, Frame
from firmware_sim.world.cell import CoinCell
from firmware_sim.world.clock import VirtualClock
from firmware_sim.world.contacts import TACT, Switch, Trace, trace_of
from firmware_sim.world.finger import Finger


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame that left a button."""

    at_ms: int
    """UTC milliseconds of the virtual clock."""
    frame: Frame


class Bench:
    """One button under one finger.

    The clock is moved by each press: it stands where the button fell asleep again. The button has
    no clock of its own to report unless ``device_knows_time``.
    """

    def __init__(
        self,
        device: ButtonDevice,
        finger: Finger,
        rng: Random,
        *,
        switch: Switch = TACT,
        clock: VirtualClock | None = None,
        cell: CoinCell | None = None,
        device_knows_time: bool = True,
    ) -> None:
        self.device = device
        self.clock = clock or VirtualClock()
        self._finger = finger
        self._rng = rng
        self._switch = switch
        self._cell = cell
        self._device_knows_time = device_knows_time

    def press(self, click_type: str = "SINGLE") -> list[Sent]:
        """The finger means this click. Returns what the button sent until it slept again.

        A slow finger or a worn contact may make something else of it, or two clicks, or none.
        """
        holds = self._finger.holds(click_type)
        return self.play(trace_of(holds, self._switch, self._rng))

    def play(self, trace: Trace) -> list[Sent]:
        """Let the contact do exactly this, from now on, and what the button sent meanwhile."""
        start_us = self.clock.now_us
        sent: list[Sent] = []
        level = 0
        for at_us, new_level in trace:
            sent += self._pass_time(level, start_us + at_us)
            level = new_level
            self.device.step(closed=bool(level), elapsed_ms=0)
        while (idle_ms := self.device.idle_for_ms()) is not None:
            sent += self._pass_time(level, (self.clock.now_us // 1000 + idle_ms) * 1000)
        return sent

    def _pass_time(self, level: int, until_us: int) -> list[Sent]:
        """The chip sleeps and wakes as it asks to, while the contact stays as it is."""
        sent: list[Sent] = []
        while (left_ms := until_us // 1000 - self.clock.now_us // 1000) > 0:
            idle_ms = self.device.idle_for_ms()
            piece_ms = left_ms if idle_ms is None else min(left_ms, idle_ms)
            self.clock.advance_us((self.clock.now_us // 1000 + piece_ms) * 1000 - self.clock.now_us)
            now_ms = self.clock.now_ms
            if self._cell is not None:
                self.device.battery_mv = self._cell.battery_mv
            frames = self.device.step(
                bool(level), piece_ms, now_ms if self._device_knows_time else None
            )
            if frames and self._cell is not None:
                self._cell.use()
            sent += [Sent(now_ms, frame) for frame in frames]
        self.clock.advance_us(until_us - self.clock.now_us)
        return sent
