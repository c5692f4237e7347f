"""What happens in a slot: a unit comes, an operator presses, the station claims it."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from firmware_sim.core.device import Frame
from firmware_sim.world.finger import HANDS, Finger
from firmware_sim.world.scenario import Arrivals, Operator
from hardware.click import RawFrame
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import RefusedError
from orchestrator.domain.ids import Caller
from orchestrator.flow import WindowOpened, claim_device
from orchestrator.ports import ServiceAwayError
from orchestrator.simulation.buttons import serial_frame
from orchestrator.simulation.gate import Gate, GatedClock, Wall
from orchestrator.simulation.nodes import ServiceNode, Told
from orchestrator.simulation.scenarios.buttons import NAMESPACE, HeldButton, Touch
from orchestrator.simulation.scenarios.stream import SlotClaims, StationStream
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import PressKey, hold

# A station that was killed is started again by whoever stands before it.
_BACK_S: Final = (2.0, 20.0)
_RETRY_S: Final = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Ended:
    """One claim, as its station saw it end."""

    told: Told
    station: str
    opened_ms: int
    at_ms: int
    pressed: tuple[str, ...]
    """The buttons that its operator pressed meanwhile, each time anew."""


class StationHall:
    """What the slots of one station share: its account, its stream, its drivers."""

    def __init__(self, scene: Scene, service: ServiceNode, arrivals: Arrivals) -> None:
        self.scene = scene
        self.service = service
        self.arrivals = arrivals
        self.caller = Caller(
            namespace=NAMESPACE, account=arrivals.account, access_key=f"KEY-{arrivals.station}"
        )
        self.stream = StationStream(service, self.caller)
        self.dice = scene.dice(f"driver of {arrivals.station}")
        self.slots: list[Slot] = []
        self._waiting: deque[tuple[PressKey, RawFrame]] = deque()

    def kill(self) -> None:
        """The station's process is killed: all its slots at once."""
        for slot in self.slots:
            slot.gate.shut()

    def hear(self, key: PressKey, frame: Frame) -> None:
        """The station's own driver hears a button on its cable."""
        now_ms = self.scene.loop.now_ms()
        self.scene.pressed(key)
        raw = serial_frame(frame.click.device_id, frame.payload, now_ms)
        self._waiting.append((key, raw))
        if len(self._waiting) == 1:
            self.scene.later(self._forward())

    async def _forward(self) -> None:
        """As a bridge does: in order, the next one when the last one was answered."""
        while self._waiting:
            await self._insist_on(*self._waiting[0])
            self._waiting.popleft()

    async def _insist_on(self, key: PressKey, raw: RawFrame) -> None:
        scene = self.scene
        api = SlotClaims(self.stream, "", self.caller, Gate(scene.loop), scene.line, self.dice)
        while True:
            try:
                (receipt,) = await api.send_frames([raw], invocation=f"press {key}")
                break
            except ServiceAwayError:
                await asyncio.sleep(1.0)
        scene.trace.count(f"frame of a station: {receipt.disposition}")
        if receipt.disposition not in {None, "UNKNOWN_DEVICE"}:
            taken = key in self.service.truth.recorded
            hold(3, taken, f"{key} was answered {receipt.disposition} and is not on record")


class Slot:
    """One place where a unit stands while it is claimed. ``units`` is shared with its siblings."""

    def __init__(
        self,
        number: int,
        hall: StationHall,
        operator: Operator,
        units: Iterator[HeldButton],
        others: list[HeldButton],
        on_end: Callable[[Ended], None],
        on_through: Callable[[], None],
    ) -> None:
        self._hall = hall
        self._name = f"{hall.arrivals.station}/{number}"
        self._operator = operator
        self._units = units
        self._others = others
        self._on_end = on_end
        self._on_through = on_through
        self._dice = hall.scene.dice(f"operator of {self._name}")
        self._line_dice = hall.scene.dice(f"line of {self._name}")
        self._finger = Finger(hall.scene.dice(f"finger of {self._name}"), HANDS[operator.hand])
        self.gate = Gate(hall.scene.loop)

    async def work(self) -> None:
        """Claim units until no more come."""
        arrivals = self._hall.arrivals
        await asyncio.sleep(arrivals.starts_at_s)
        for unit in self._units:
            for one_try in range(1, arrivals.tries + 1):
                await asyncio.sleep(arrivals.pause_s.draw(self._dice))
                told = await self._claim(unit, f"{self._name}/{unit.device_id}/{one_try}")
                if told.attempt is not None and told.attempt.outcome == "CLAIMED":
                    break
            self._on_through()

    async def _claim(self, unit: HeldButton, claim_id: str) -> Told:
        loop = self._hall.scene.loop
        opened_ms = loop.now_ms()
        pressing: list[asyncio.Task[None]] = []
        pressed: list[str] = []

        def on_progress(progress: Any) -> None:
            if isinstance(progress, WindowOpened) and not pressing:
                pressing.append(loop.create_task(self._attend(unit, pressed)))

        told = await self._insist(unit.device_id, claim_id, on_progress)
        for task in pressing:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        station = self._hall.arrivals.station
        self._on_end(Ended(told, station, opened_ms, loop.now_ms(), tuple(pressed)))
        return told

    async def _insist(
        self, device_id: str, claim_id: str, on_progress: Callable[[Any], None]
    ) -> Told:
        """One claim, however often the station is killed or the service is away meanwhile."""
        hall, dice = self._hall, self._line_dice
        loop, caller = hall.scene.loop, hall.caller
        gives_up_s = hall.arrivals.gives_up_s
        while True:
            gate = self.gate = Gate(loop)
            api = SlotClaims(hall.stream, device_id, caller, gate, hall.scene.line, dice)
            claiming = claim_device(
                api,
                device_id,
                claim_id=claim_id,
                clock=GatedClock(loop, gate, Wall(loop)),
                patience_ms=round(gives_up_s * 1000) or None,
                on_progress=on_progress,
            )
            try:
                attempt = await self._unless_killed(claiming, gate)
            except RefusedError as error:
                return Told(claim_id, device_id, caller, None, type(error).__name__)
            except ServiceAwayError:
                await asyncio.sleep(dice.uniform(*_RETRY_S))
                continue
            if attempt is not None:
                return Told(claim_id, device_id, caller, attempt)
            await asyncio.sleep(dice.uniform(*_BACK_S))

    async def _unless_killed(self, work: Any, gate: Gate) -> Attempt | None:
        """What comes of it; None when the station is killed first."""
        task: asyncio.Task[Attempt] = self._hall.scene.loop.create_task(work)
        if await gate.outlives(task):
            return task.result()
        task.add_done_callback(self._unheard)
        return None

    def _unheard(self, task: asyncio.Task[Attempt]) -> None:
        """What was on its way to a station that was killed: nobody is told any more."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, RefusedError | ServiceAwayError):
            self._hall.scene.fail(error)

    async def _attend(self, unit: HeldButton, pressed: list[str]) -> None:
        """What the operator does from the moment when the station asks for a press."""
        operator, dice = self._operator, self._dice
        if dice.random() < operator.no_press:
            return
        await asyncio.sleep(operator.time_to_press_s.draw(dice))
        for press in range(operator.presses):
            if press:
                if not operator.presses_again_s:
                    return
                await asyncio.sleep(operator.presses_again_s * dice.uniform(0.8, 1.5))
            button = self._choose(unit, dice)
            pressed.append(button.device_id)
            touch = Touch(unit.device_id, 0, self._hall)
            # The finger is not cancelled with the claim: a press under way is finished.
            self._hall.scene.later(button.press(self._finger, operator.click, dice, touch))

    def _choose(self, unit: HeldButton, dice: random.Random) -> HeldButton:
        if dice.random() < self._operator.wrong_button and len(self._others) > 1:
            return dice.choice([one for one in self._others if one is not unit])
        return unit
