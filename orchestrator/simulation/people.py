"""Who presses, claims, gives up, looks on and means harm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Final

from orchestrator.domain.devices import CLAIM_INITIATED, CLAIMED
from orchestrator.domain.errors import ClickclaimError, RefusedError
from orchestrator.domain.ids import Caller
from orchestrator.simulation.broker import Published
from orchestrator.simulation.buttons import Said, serial_frame
from orchestrator.simulation.impatience import Impatience
from orchestrator.simulation.neighbours import command_beside
from orchestrator.simulation.network import insist
from orchestrator.simulation.nodes import ServiceNode, Station, Told
from orchestrator.simulation.receivers import Owners
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.searches import Searches
from orchestrator.simulation.truth import Place, hold

_CLICKS: Final = ("SINGLE", "DOUBLE", "LONG")
_BATTERY_CHANGE: Final = 0.05
_ONLOOKERS: Final = 4
_LAST_MS: Final = 10**15


class People:
    """Everybody in one world. Each keeps dice of their own."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._plan = scene.plan
        self._clicks = (
            _CLICKS if self._plan.click_type is None else (self._plan.click_type, *_CLICKS)
        )
        # Some of each kind are enough: who asks for what is theirs, and who for another's.
        self._onlookers = list(dict.fromkeys(self._plan.stations))[:_ONLOOKERS]
        self._dice = scene.dice("operators")
        self._strays = scene.dice("strays")
        self._bad = scene.dice("hostile")
        self._registrar = scene.dice("registrar")
        self._impatience = Impatience(scene)
        self._searches = Searches(scene)
        self._owners = Owners(scene.dice("owners"), self._press)

    def at_work(self) -> list[Coroutine[Any, Any, None]]:
        """What the operators do; the world waits for them."""
        return [self._work(number, one) for number, one in enumerate(self._scene.stations)]

    def aside(self) -> list[Coroutine[Any, Any, None]]:
        """What others do meanwhile."""
        every = [
            (self._plan.presses_stray, self._press_stray),
            (self._plan.hostile, self._harm),
            (self._plan.releases, self._release),
        ]
        return [self._now_and_then(rate, act) for rate, act in every if rate]

    # --- operators -------------------------------------------------------------------------------

    async def _work(self, number: int, station: Station) -> None:
        dice, plan = self._dice, self._plan
        for count in range(plan.claims_each):
            await asyncio.sleep(dice.uniform(0.0, plan.pause_s))
            one = (
                number * plan.claims_each + count + 1
                if plan.apart
                else dice.randint(1, plan.devices)
            )
            device_id, claim_id = f"B{one}", f"claim-{number}-{count}"
            if dice.random() < plan.claim_codes:
                await self._use_code(station, claim_id)
                continue
            if plan.discoveries and dice.random() < plan.discoveries:
                await self._after(station, await self._searches.search(station, claim_id))
                continue
            if plan.impatient and dice.random() < plan.impatient:
                await self._impatience.ask(station, device_id, claim_id)
                continue
            place = (station.caller.namespace, device_id)
            if dice.random() < plan.presses_eager:
                await self._press(place, station)
                await asyncio.sleep(dice.uniform(0.0, 20.0))
            if dice.random() < plan.presses_right:
                self._scene.later(self._press_soon(place, station))
            patience_ms = dice.choice([None, None, 30_000])
            if plan.meddling and dice.random() < 0.4:
                told = await self._claim_at_the_deadline(station, device_id, claim_id)
            else:
                told = await station.claim(device_id, claim_id, patience_ms)
            await self._after(station, told)

    async def _after(self, station: Station, told: Told) -> None:
        """What an operator does when a claim has ended."""
        scene, dice = self._scene, self._dice
        scene.told.append(told)
        outcome = told.attempt.outcome if told.attempt else told.refused
        scene.trace.note(f"told {told.claim_id} {told.device_id} {outcome}")
        if told.attempt is None:
            return
        await self._look((station.caller.namespace, told.device_id), station.caller)
        if dice.random() < self._plan.meddling:
            await asyncio.sleep(dice.uniform(0.0, 60.0))
            await self._meddle(station, told)
        if self._plan.callbacks and outcome == CLAIMED and dice.random() < self._plan.callbacks:
            await self._owners.use(station, told)
        if outcome == CLAIMED and dice.random() < self._plan.unclaims:
            await asyncio.sleep(dice.uniform(0.0, 30.0))
            scene.trace.count("unclaim")
            await self._insist(lambda: self._unclaim(station, told, f"un{told.claim_id}"))

    async def _use_code(self, station: Station, claim_id: str) -> None:
        scene = self._scene
        code = scene.codes[station.caller.namespace]
        said = await self._insist(lambda: station.api().claim_by_code(code, invocation=claim_id))
        scene.trace.note(f"code {claim_id} {'refused' if said is None else said.total}")
        scene.trace.count("code refused" if said is None else "code used")
        if said is not None and self._dice.random() < self._plan.unclaims:
            await asyncio.sleep(self._dice.uniform(0.0, 30.0))
            for device_id in ("B1", "B2")[: said.total]:
                await self._insist(
                    lambda one=device_id: station.api().unclaim(
                        one, if_epoch=None, if_state=None, invocation=f"un{claim_id}"
                    )
                )

    async def _meddle(self, station: Station, told: Told) -> None:
        """Finalize a claim that has ended, or give it up again: too late in every case."""
        attempt = told.attempt
        assert attempt is not None
        self._scene.trace.count("late call")
        again = f"again-{told.claim_id}"
        if self._dice.random() < 0.5:
            await self._insist(
                lambda: station.api().finalize(
                    told.device_id, tags=None, if_epoch=attempt.epoch, invocation=again
                )
            )
        elif attempt.outcome != CLAIMED:
            await self._insist(lambda: self._unclaim(station, told, again))

    @staticmethod
    async def _unclaim(station: Station, told: Told, invocation: str) -> str:
        assert told.attempt is not None
        return await station.api().unclaim(
            told.device_id, if_epoch=told.attempt.epoch, if_state=None, invocation=invocation
        )

    async def _claim_at_the_deadline(self, station: Station, device_id: str, claim_id: str) -> Told:
        """Beside the service itself: press, wait, and finalize in the very moment it is over."""
        why = "missed"
        try:
            await station.service.unless_killed(self._last_moment(station, device_id, claim_id))
        except ClickclaimError as error:
            why = type(error).__name__
        return Told(claim_id, device_id, station.caller, None, why)

    async def _last_moment(self, station: Station, device_id: str, claim_id: str) -> None:
        home = station.service
        api = home.local(station.caller)
        if api is None:
            return
        opened = await api.initiate(device_id, invocation=claim_id)
        place = (station.caller.namespace, device_id)
        press_late = self._dice.random() < 0.5
        if not press_late:
            self._scene.later(self._press(place, station))
        await asyncio.sleep(30.0)
        attempt = await api.attempt(opened.attempt_id)
        if attempt is None or attempt.outcome is not None:
            return
        await home.clock.sleep_until(attempt.deadline_ms)
        if press_late:
            said = self._scene.buttons[place].press(self._clicks[0], self._scene.loop.now_ms())
            self._scene.pressed(said.key)
            self._scene.trace.count("press at the deadline")
            frame = serial_frame(device_id, said.sentence, home.clock.now_ms())
            await api.send_frames([frame], invocation=f"press {said.key}")
            return
        self._scene.trace.count("finalize at the deadline")
        await api.finalize(
            device_id, tags=None, if_epoch=opened.epoch, invocation=f"last {claim_id}"
        )

    async def _insist(self, call: Any) -> Any:
        return await insist(
            call, lambda error: self._scene.trace.note(f"refused: {type(error).__name__}")
        )

    async def _look(self, place: Place, who: Caller) -> None:
        """This one and others list a device's events: an owner sees their own, nobody else any."""
        home = self._scene.home_of(place[0])
        if not home.up or home.service is None or home.store is None:
            return
        for caller in dict.fromkeys((who, *self._onlookers)):
            if self._scene.home_of(caller.namespace) is not home:
                continue
            try:
                page = await home.service.list_events(caller, place[1], from_ms=0, to_ms=_LAST_MS)
            except RefusedError:
                continue
            device = await home.store.device(caller.namespace, place[1])
            assert device is not None
            claim = device.claim
            mine = claim.state == CLAIMED and claim.owner == caller.account
            hold(1, mine, "{} sees events of {}", caller, device)
            times = [json.loads(view.std_event)["reportedTime"] for view in page.items]
            since_ms = claim.initiated_ms or 0
            early = [one for one in times if _ms(one) < since_ms]
            hold(
                2,
                not early,
                "{} sees clicks from before their claim of {}: {}",
                caller,
                device,
                early,
            )
            self._scene.trace.count("events listed")

    # --- presses ---------------------------------------------------------------------------------

    async def _press_soon(self, place: Place, station: Station) -> None:
        dice = self._dice
        await asyncio.sleep(dice.choice(self._plan.reactions_s) * dice.uniform(0.5, 1.1))
        await self._press(place, station)

    async def _press(self, place: Place, station: Station | None) -> None:
        """A finger, and one link on which the press goes out."""
        scene, plan, dice = self._scene, self._plan, self._dice
        button = scene.buttons[place]
        if dice.random() < _BATTERY_CHANGE:
            button.restart()
        click_type = dice.choice(self._clicks)
        said = button.press(click_type, scene.loop.now_ms())
        if station is not None and dice.random() < plan.heard_by_station:
            await self._forward(said, station)
            return
        scene.remember(said)
        qos = 0 if dice.random() < plan.qos0 else 1
        retain = dice.random() < plan.retained
        scene.trace.count(f"published at QoS {qos}{', retained' if retain else ''}")
        await scene.broker.publish(said.topic, said.payload, qos=qos, retain=retain)

    async def _forward(self, said: Said, station: Station) -> None:
        """The station's own driver heard it; the frame goes to the service until it is taken."""
        scene = self._scene
        scene.pressed(said.key)
        frame = serial_frame(said.key[0][1], said.sentence, station.now_ms())
        name = f"press {said.key}"
        (receipt,) = await self._insist(lambda: station.api().send_frames([frame], invocation=name))
        scene.trace.count(f"frame of a station: {receipt.disposition}")
        if receipt.disposition not in {None, "UNKNOWN_DEVICE"}:
            taken = said.key in station.service.truth.recorded
            hold(3, taken, "{} was answered {} and is not on record", said.key, receipt.disposition)

    async def _press_stray(self) -> None:
        place = self._strays.choice(list(self._scene.buttons))
        self._scene.later(self._press(place, None))

    # --- others ----------------------------------------------------------------------------------

    async def _now_and_then(self, rate: float, act: Any) -> None:
        dice = self._scene.dice(f"moments of {act.__name__}")
        while True:
            await asyncio.sleep(dice.expovariate(rate))
            await act()

    async def _release(self) -> None:
        """The registrar ends whatever claim a device has."""
        scene = self._scene
        namespace, device_id = self._registrar.choice(list(scene.buttons))
        home = scene.home_of(namespace)
        registry = home.registry()
        if registry is None:
            return
        try:
            if self._plan.commands and self._registrar.random() < self._plan.commands:
                release = self._release_by_command(home, namespace, device_id)
            else:
                release = registry.release(namespace, device_id)
            state = await home.unless_killed(release)
        except ClickclaimError as error:
            scene.trace.note(f"release {device_id}: {type(error).__name__}")
            return
        scene.trace.note(f"release {device_id}: was {state}")
        if state in {CLAIMED, CLAIM_INITIATED}:
            scene.trace.count(f"released: {state}")

    async def _release_by_command(self, home: ServiceNode, namespace: str, device_id: str) -> str:
        """The service learns of it from its files alone."""
        self._scene.trace.count("command beside the service")
        async with command_beside(home) as registry:
            return await registry.release(namespace, device_id)

    async def _harm(self) -> None:
        """Somebody who listens sends what was heard again, changed or not."""
        broker, dice = self._scene.broker, self._bad
        last = [one.last for one in self._scene.buttons.values() if one.last is not None]
        heard = [one for one in last if self._scene.press_in(one.topic, one.payload) is not None]
        if not heard or not broker.up:
            return
        said = dice.choice(heard)
        how = dice.choice(["replay", "retain", "forge", "elsewhere"])
        self._scene.trace.count(f"fault: {how}")
        match how:
            case "replay":
                broker.accept(Published(said.topic, said.payload, 1))
            case "retain":
                broker.accept(Published(said.topic, said.payload, 1), retain=True)
            case "forge":
                forged = said.payload.replace(b'"counter":', b'"counter":9')
                broker.accept(Published(said.topic, forged, 1))
            case _:
                broker.accept(Published(dice.choice(heard).topic, said.payload, 1))


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
