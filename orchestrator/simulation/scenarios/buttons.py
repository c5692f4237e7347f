"""What a finger on a button comes to: contact, device core, oddities, gateway, broker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, Encoder, Frame, MqttEncoder, SerialEncoder
from firmware_sim.world.analysis import analyse
from firmware_sim.world.cell import CoinCell
from firmware_sim.world.contacts import SWITCHES, trace_of
from firmware_sim.world.finger import Finger
from firmware_sim.world.misbehaviours import QUEUED_PRESS, RETAINED_COPY, OddButton
from firmware_sim.world.radio import Air, Heard, Radio
from firmware_sim.world.scenario import BrokerWeather, Devices, Fault, Gateway
from firmware_sim.world.slots import MemorySlot
from orchestrator.simulation.buttons import Said
from orchestrator.simulation.scenarios.clock import LoopClock
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import PressKey

NAMESPACE: Final = "default"
_AT_THE_BROKER: Final = frozenset({QUEUED_PRESS.name, RETAINED_COPY.name})
# What a finger does can be heard so much later; a click after that nobody's finger made.
_SAME_TOUCH_MS: Final = 1_000
# A gateway that was asleep or away hands on what it kept within this time.
_QUEUED_S: Final = (5.0, 60.0)


class Ear(Protocol):
    """A station with a driver of its own."""

    def hear(self, key: PressKey, frame: Frame) -> None:
        """A button on its cable says something."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A person presses a button to claim ``meant``, which need not be the button pressed."""

    meant: str
    at_ms: int
    station: Ear
    """Where this happens: its own driver hears buttons on a cable."""


@dataclass(frozen=True, slots=True)
class Made:
    """A click as it left a button, and whose finger made it; None: nobody's."""

    said_ms: int
    touch: Touch | None


class AirToBroker:
    """Carries frames from buttons to the broker: over the air to a gateway, which publishes."""

    def __init__(
        self, scene: Scene, clock: LoopClock, gateway: Gateway, weather: BrokerWeather
    ) -> None:
        self._scene = scene
        self._clock = clock
        self._qos = weather.qos
        self._dice = scene.dice("air")
        self._calm = self._radio(gateway.loss, gateway.repeats, gateway.delay_s, gateway.overtaken)
        self._delay_s = gateway.delay_s
        self._now = self._calm
        self.retaining: set[str] = set()
        """Topics whose buttons ask the broker to keep their last message."""

    def send(self, frame: Frame) -> None:
        """A frame leaves a button, now."""
        self._clock.catch_up()
        self._now.send(frame)

    def send_late(self, frame: Frame) -> None:
        """The same through a gateway that is not there just now, and keeps what it hears."""
        self._scene.later(self._wait_and_send(frame))

    def worsen(self, fault: Fault) -> None:
        """From now on the air is as bad as this."""
        self._now = self._radio(fault.loss, fault.repeats, self._delay_s, fault.overtaken)

    def calm(self) -> None:
        """The air is again as it was in the beginning."""
        self._now = self._calm

    def _radio(
        self, loss: float, repeats: int, delay_s: tuple[float, float], overtaken: float
    ) -> Radio:
        least_ms, greatest_ms = (round(one * 1000) for one in delay_s)
        air = Air(loss, repeats, delay_ms=(least_ms, greatest_ms), overtaken=overtaken)
        return Radio(self._clock, self._dice, self._arrived, air)

    def _arrived(self, heard: Heard) -> None:
        frame = heard.frame
        retain = frame.channel in self.retaining
        publish = self._scene.broker.publish(
            frame.channel, frame.payload, qos=self._qos, retain=retain
        )
        self._scene.later(publish)

    async def _wait_and_send(self, frame: Frame) -> None:
        await asyncio.sleep(self._dice.uniform(*_QUEUED_S))
        self.send(frame)


@cache
def _used(clicks: int) -> tuple[bytes, ...]:
    """What a button's memory holds after so many clicks since its first start."""
    slot = MemorySlot()
    if clicks:
        counter = ClickCounter(slot)
        counter.start()
        for _ in range(clicks):
            counter.next()
    return tuple(slot.places)


class HeldButton:
    """One button of a scenario: whatever fingers do to it, and what it does by itself."""

    def __init__(
        self,
        device_id: str,
        make: Devices,
        key: bytes,
        scene: Scene,
        clock: LoopClock,
        air: AirToBroker,
        made: dict[PressKey, Made],
    ) -> None:
        self.device_id = device_id
        self.make = make
        self._key = key
        self._scene = scene
        self._clock = clock
        self._air = air
        self._made = made
        used = make.clicks_before
        self._cell = CoinCell(make.battery_clicks, used) if make.battery_clicks else None
        self._device = self._begin(_used(used))
        self._odd: OddButton | None = None
        self._neighbour: HeldButton | None = None
        self._touch: Touch | None = None
        self._free_ms = 0

    def wake(self, dice: random.Random, neighbour: HeldButton | None) -> None:
        """Give it its oddities; ``neighbour`` is who joins in a cross-fire."""
        self._neighbour = neighbour
        topic = MqttEncoder(NAMESPACE)
        if RETAINED_COPY.name in self.make.misbehaviours:
            probe = ButtonDevice(self.device_id, ClickCounter(MemorySlot()), (topic,))
            self._air.retaining.add(probe.say("SINGLE")[0].channel)
        self._odd = OddButton(
            self._device,
            self._send,
            self._clock,
            dice,
            [one for one in self.make.misbehaviours if one not in _AT_THE_BROKER],
            neighbour=None if neighbour is None else neighbour._device,  # noqa: SLF001 - its kin
            begin_again=self._begin,
        )

    async def press(self, finger: Finger, click: str, dice: random.Random, touch: Touch) -> None:
        """A finger means this click; returns when nothing more comes of it by itself."""
        loop = self._scene.loop
        # Two fingers do not fit on one button: the second waits until the first is gone.
        if (wait_ms := self._free_ms - loop.now_ms()) > 0:
            await asyncio.sleep(wait_ms / 1000)
        trace = trace_of(finger.holds(click), SWITCHES[self.make.switch], dice)
        found = analyse(trace)
        start_s, start_ms = loop.time(), loop.now_ms()
        self._free_ms = start_ms + found.end_ms
        self._touch = Touch(touch.meant, start_ms, touch.station)
        for at_ms, clicked in found.clicks:
            await asyncio.sleep(max(0.0, start_s + at_ms / 1000 - loop.time()))
            self._clock.catch_up()
            assert self._odd is not None
            if self._cell is not None:
                if self._cell.empty:
                    return
                self._device.battery_mv = self._cell.battery_mv
            self._odd.click(clicked)

    def _begin(self, places: Sequence[bytes] = (b"", b"")) -> ButtonDevice:
        """A start, with this in its memory, or with nothing as after the loss of it."""
        encoder: Encoder = SerialEncoder() if self.make.link == "serial" else MqttEncoder(NAMESPACE)
        counter = ClickCounter(MemorySlot(places))
        return ButtonDevice(self.device_id, counter, (encoder,), key=self._key)

    def _send(self, frame: Frame) -> None:
        """Something is said: because of a finger on this button, or long after."""
        touch = self._touch
        ear = None if touch is None else touch.station
        if touch is not None and self._scene.loop.now_ms() > self._free_ms + _SAME_TOUCH_MS:
            touch = None
        who = self
        if self._neighbour is not None and frame.click.device_id != self.device_id:
            who = self._neighbour  # who joins in does so on a link of its own
        who._say(frame, touch, ear)  # noqa: SLF001 - its kin

    def _say(self, frame: Frame, touch: Touch | None, ear: Ear | None) -> None:
        """The button says this, while its cell lasts; ``ear`` is the station where it lies."""
        if self._cell is not None:
            if self._cell.empty:
                return
            self._cell.use()
        click, now_ms = frame.click, self._scene.loop.now_ms()
        key = ((NAMESPACE, click.device_id), f"{click.boot_id}.{click.counter}")
        self._made.setdefault(key, Made(now_ms, touch))
        if self.make.link == "serial":
            if ear is not None:
                ear.hear(key, frame)
            return
        self._scene.remember(Said(key, frame.channel, frame.payload, click))
        if QUEUED_PRESS.name in self.make.misbehaviours:
            self._air.send_late(frame)
        else:
            self._air.send(frame)
