"""One scenario, lived: everybody in it acts, things fail when they are to, and all is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from firmware_sim.world.scenario import Arrivals, Scenario
from orchestrator.domain.events import DeviceEvent
from orchestrator.domain.ids import Caller
from orchestrator.settings import Profile, for_profile
from orchestrator.simulation.broker import Weather
from orchestrator.simulation.checks import (
    check_all_ended,
    check_all_heard,
    check_nothing_lost,
)
from orchestrator.simulation.course import GRACE_MS, Course, Work
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.network import Line
from orchestrator.simulation.nodes import ServiceNode
from orchestrator.simulation.plan import Plan
from orchestrator.simulation.scenarios.buttons import NAMESPACE, AirToBroker, HeldButton, Made
from orchestrator.simulation.scenarios.clock import LoopClock
from orchestrator.simulation.scenarios.register import key_of, register
from orchestrator.simulation.scenarios.results import Measured
from orchestrator.simulation.scenarios.slots import Ended, Slot, StationHall
from orchestrator.simulation.scenarios.story import ClaimSeen, ClickSeen, Story
from orchestrator.simulation.scenarios.upsets import Upsets
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import PressKey

Progress = Callable[[int, int], bool]
"""Told that so many units are through, of so many; says whether to go on."""


class StoppedError(Exception):
    """Whoever watches has seen enough."""


class UnfinishedError(Exception):
    """The longest day is over, and not all units are through."""


# The time to finalize, and the grace: beyond a window after the end, nothing may be open.
_HEALING_S: Final = 65.0
# A shift and a half: whoever is still waiting then waits for ever.
_LONGEST_S: Final = 48 * 3600.0
# What real files have to be there for. Elsewhere a model of the store does, in half the time.
_OF_THE_FILES: Final = frozenset({"power-cut", "disk-full", "service-restart"})


class ScenarioWorld(Course):
    """A scenario to be lived once, with files in ``folder``."""

    def __init__(
        self, scenario: Scenario, seed: int, folder: Path, on_progress: Progress | None = None
    ) -> None:
        self._scenario = scenario
        super().__init__(Scene(_plan(scenario, seed), SimulatedLoop(seed)), _LONGEST_S)
        self._on_progress = on_progress or (lambda _done, _of: True)
        self._made: dict[PressKey, Made] = {}
        self._matched: dict[str, PressKey] = {}
        """The click of each event that counted."""
        self._ended: list[Ended] = []
        self._clicks: list[ClickSeen] = []
        self._began_ms = 0
        self._through = 0
        """Units that were claimed or put aside."""
        self._units = sum(one.units for one in scenario.arrivals)
        self._clock = LoopClock(self._loop)
        self._air = AirToBroker(self._scene, self._clock, scenario.gateway, scenario.broker)
        self._service = self._only_service(folder)
        self._scene.services.append(self._service)
        self._buttons = self._make_buttons()
        self._stations = {
            one.station: StationHall(self._scene, self._service, one) for one in scenario.arrivals
        }
        self._upsets = Upsets(self._scene, self._service, self._air, self._stations)

    def run(self) -> Measured:
        """Live it."""
        return self._measured(self._run())

    # --- the course of a world -------------------------------------------------------------------

    async def _live(self) -> None:
        await self._service.start()
        await register(self._scene, self._service, list(self._buttons.values()))
        upsets, faults = self._upsets, self._scenario.faults
        jumps_s = sum(abs(one.by_s) for one in faults)
        # A message may be on the gateway's way, on the broker's way in, and out; and before it is
        # taken in, a new connection is greeted, subscribed and sounded out, there and back.
        on_the_way_s = self._scenario.gateway.delay_s[1] + 8 * self._scenario.broker.delay_s[1]
        settled_within_s = self._scenario.window_s + _HEALING_S + jumps_s + on_the_way_s
        self._began_ms = self._loop.now_ms()
        beside = upsets.all(faults)
        try:
            healed = await self._go_through(beside, self._at_work, upsets.heal, settled_within_s)
        except TimeoutError as error:
            if self._through == self._units:
                raise
            raise UnfinishedError(
                f"only {self._through} of {self._units} units are through after"
                f" {_LONGEST_S / 3600:.0f} hours; shorten the waits, take more slots or fewer"
                " units, or let more through the network"
            ) from error
        if healed:
            await self._final_checks()

    def _at_work(self) -> list[Work]:
        slots = [slot for one in self._scenario.arrivals for slot in self._make_slots(one)]
        return [slot.work() for slot in slots]

    async def _final_checks(self) -> None:
        node = self._service
        store, truth = node.store, node.truth
        assert store is not None
        await check_nothing_lost(store, truth)
        await check_all_ended(store, node.clock.now_ms(), GRACE_MS)
        waiting = truth.due - truth.recorded
        if waiting and not self._scene.broker.idle:
            # Not lost: what was not recorded is not acknowledged either, and its turn comes.
            raise UnfinishedError(
                f"{len(waiting)} clicks still wait at the broker long after the last unit, as the"
                " service cannot keep up; let commits be quicker, or buttons and gateway say less"
            )
        if not any(one.forget for one in self._scenario.faults):
            check_all_heard(truth)
        for ended in self._ended:
            await self._check_told(ended.told)

    # --- what happens is noted -------------------------------------------------------------------

    def _recorded(self, event: DeviceEvent) -> None:
        at_ms = self._loop.now_ms() - self._began_ms
        self._clicks.append(ClickSeen(at_ms, event.device_id, str(event.disposition)))
        if event.disposition == "MATCHED" and event.press_id is not None:
            self._matched[event.event_id] = ((event.namespace, event.device_id), event.press_id)

    def _pressed(self, key: PressKey) -> None:
        self._scene.pressed(key)

    def _claim_ended(self, ended: Ended) -> None:
        told = ended.told
        outcome = told.attempt.outcome if told.attempt else f"REFUSED {told.refused}"
        self._scene.trace.note(f"told {told.claim_id} {outcome}")
        self._ended.append(ended)
        self._tell_progress()

    def _unit_through(self) -> None:
        self._through += 1
        self._tell_progress()

    def _tell_progress(self) -> None:
        if not self._on_progress(self._through, self._units):
            self._scene.fail(StoppedError(f"after {self._through} of {self._units} units"))

    # --- who is there ----------------------------------------------------------------------------

    def _only_service(self, folder: Path) -> ServiceNode:
        scenario, scene = self._scenario, self._scene
        usual = for_profile(cast("Profile", scenario.profile))
        wanted = None if scenario.claim_click == "ANY" else scenario.claim_click
        settings = replace(
            usual,
            claim_window_s=scenario.window_s,
            clicks=replace(usual.clicks, claim_click_type=wanted),
        )
        jumps_ms = round(sum(abs(one.by_s) for one in scenario.faults) * 1000)
        most_delay_ms = scene.plan.most_delay_ms + jumps_ms
        return self._make_service("S1", folder, scene.dice("disk"), settings, most_delay_ms)

    def _make_buttons(self) -> dict[str, HeldButton]:
        scene = self._scene
        buttons = {
            device_id: HeldButton(
                device_id,
                make,
                key_of(device_id) if make.key else b"",
                scene,
                self._clock,
                self._air,
                self._made,
            )
            for make in self._scenario.devices
            for device_id in make.ids
        }
        dice, all_of_them = scene.dice("oddities"), list(buttons.values())
        for number, button in enumerate(all_of_them):
            following = all_of_them[(number + 1) % len(all_of_them)]
            button.wake(dice, None if following is button else following)
        return buttons

    def _make_slots(self, arrivals: Arrivals) -> list[Slot]:
        hall = self._stations[arrivals.station]
        makes = {one.prefix: one for one in self._scenario.devices}
        wanted = [one for prefix in arrivals.devices for one in makes[prefix].ids]
        here = [self._buttons[one] for one in wanted[: arrivals.units]]
        units = iter(here)
        operator = self._scenario.operators[arrivals.operator]
        hall.slots += [
            Slot(number + 1, hall, operator, units, here, self._claim_ended, self._unit_through)
            for number in range(arrivals.slots)
        ]
        return hall.slots

    # --- what came of it -------------------------------------------------------------------------

    def _measured(self, virtual_s: float) -> Measured:
        scene = self._scene
        claims, press_ms = [], []
        for ended in self._ended:
            claim, touch_ms = self._seen(ended)
            claims.append(claim)
            if touch_ms is not None:
                press_ms.append(ended.at_ms - touch_ms)
        green = [one for one in claims if one.outcome == "CLAIMED"]
        counts = scene.trace.counts
        return Measured(
            seed=scene.plan.seed,
            trace=scene.trace.digest,
            store="model" if scene.plan.modelled else "SQLite",
            outcomes=dict(sorted(Counter(one.outcome for one in claims).items())),
            dispositions=_counted(counts, "disposition "),
            repeats=counts["CountRepeat"],
            faults=_counted(counts, "fault: "),
            faults_happened=self._upsets.happened,
            units_claimed=len({one.device_id for one in green}),
            mistaken=sum(one.mistaken for one in green),
            claim_ms=tuple(one.ended_ms - one.opened_ms for one in green),
            press_ms=tuple(press_ms),
            click_ms=tuple(one.click_ms for one in green if one.click_ms is not None),
            virtual_s=virtual_s,
            story=Story(claims, self._clicks),
            violation=scene.violation,
            last=tuple(scene.trace.tail) if scene.violation else (),
        )

    def _seen(self, ended: Ended) -> tuple[ClaimSeen, int | None]:
        """One claim, and when the finger that was to make its click touched the button."""
        told, attempt = ended.told, ended.told.attempt
        seen = ClaimSeen(
            device_id=told.device_id,
            station=ended.station,
            opened_ms=ended.opened_ms - self._began_ms,
            ended_ms=ended.at_ms - self._began_ms,
            outcome="REFUSED" if attempt is None else str(attempt.outcome),
            reason=told.refused if attempt is None else attempt.reason,
            pressed=ended.pressed,
        )
        if attempt is None or seen.outcome != "CLAIMED":
            return seen, None
        marks = [mark for mark in attempt.timeline if mark.what == "click"]
        key = self._matched.get(marks[0].detail["eventId"]) if marks else None
        made = None if key is None else self._made.get(key)
        if made is None:
            return seen, None
        touch = made.touch
        mistaken = touch is None or touch.meant != told.device_id
        won = replace(seen, click_ms=ended.at_ms - made.said_ms, mistaken=mistaken)
        return won, None if touch is None or mistaken else touch.at_ms


def _plan(scenario: Scenario, seed: int) -> Plan:
    """What a scene needs to know; who is there and what goes wrong is the scenario's."""
    network, broker = scenario.network, scenario.broker
    return Plan(
        seed=seed,
        production=scenario.profile == "production",
        devices=0,
        stations=tuple(
            Caller(namespace=NAMESPACE, account=one.account, access_key=f"KEY-{one.station}")
            for one in scenario.arrivals
        ),
        claims_each=0,
        weather=Weather(delay_s=broker.delay_s, lose=broker.lose, duplicate=broker.duplicate),
        line=Line(
            delay_s=network.delay_s,
            lose_request=network.lose_request,
            lose_reply=network.lose_reply,
            twice=network.twice,
        ),
        modelled=not any(one.kind in _OF_THE_FILES for one in scenario.faults),
        disk_s=scenario.commit_s,
    )


def _counted(counts: Counter[str], prefix: str) -> dict[str, int]:
    """The counts whose name begins so, without the prefix, most first."""
    found = {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
