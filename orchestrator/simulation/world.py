"""One world from its first moment to its verdict: everybody acts, things fail, all is checked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from orchestrator.claims.registry import DeviceRegistry
from orchestrator.domain.errors import RefusedError, StoreError
from orchestrator.ports import ServiceAwayError
from orchestrator.settings import for_profile
from orchestrator.simulation.broker import Broker, Published
from orchestrator.simulation.checks import (
    InvariantError,
    Press,
    Truth,
    check_all_ended,
    check_device,
    check_nothing_lost,
)
from orchestrator.simulation.disk import Disk
from orchestrator.simulation.loop import SimulatedLoop
from orchestrator.simulation.nodes import Button, ServiceNode, Station, Told
from orchestrator.simulation.plan import Plan
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import Committed, Op

# With faults healed, the timer ends an attempt at its deadline; a restart may come just then.
GRACE_MS: Final = 5_000
# A window, the time to finalize, and the grace: after that nothing may be open.
HEALING_S: Final = 120 + 60 + 5
# No world needs four hours: whoever is still waiting then waits for ever.
LONGEST_S: Final = 4 * 3600

_CUTS: Final[tuple[Literal["plug", "before", "after", "torn"], ...]] = (
    "plug",
    "before",
    "after",
    "torn",
)
_CLICKS: Final = ("SINGLE", "DOUBLE", "LONG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a world ended."""

    seed: int
    trace: str
    """SHA-256 of everything that was committed and told, with times: equal for equal seeds."""
    claims: int
    """Claims that ended CLAIMED."""
    attempts: int
    virtual_s: float
    violation: str = ""
    """The invariant that did not hold; empty when all did."""
    last: tuple[str, ...] = ()
    """The last lines of the trace, when something is wrong."""


class World:
    """A plan, lived. ``run`` may be called once."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._loop = SimulatedLoop(plan.seed)
        # Each concern draws from its own dice, so that taking one out leaves the others alone.
        self._dice = {
            name: random.Random(f"{plan.seed} {name}")  # noqa: S311 - a world, not a secret
            for name in ("broker", "disk", "line", "operators", "strays", "hostile", "faults")
        }
        self._broker = Broker(self._dice["broker"], replace(plan.weather))
        self._broker.on_accept = self._accepted
        self._truth = Truth(production=plan.production, most_delay_ms=plan.most_delay_ms)
        disk = Disk(folder, self._dice["disk"], self._power_gone)
        settings = for_profile("production" if plan.production else "dev")
        self._service = ServiceNode(self._loop, disk, self._broker, settings, self._committed)
        self._line = replace(plan.line)
        self._stations = [
            Station(self._loop, self._service, caller, self._line, self._dice["line"])
            for caller in plan.stations
        ]
        self._buttons: dict[tuple[str, str], Button] = {}
        self._payloads: dict[bytes, tuple[tuple[str, str], str]] = {}
        self._trace = hashlib.sha256()
        self._tail: list[str] = []
        self._told: list[Told] = []
        self._failed: asyncio.Future[None] | None = None
        self._violation = ""
        self._pressing: set[asyncio.Task[None]] = set()

    def run(self) -> Verdict:
        """Live it."""
        watch = _ErrorWatch(self._unexpected)
        logger = logging.getLogger()
        logger.addHandler(watch)
        self._loop.set_exception_handler(self._loop_failed)
        start_s = self._loop.time()
        attempts = claims = 0
        try:
            attempts, claims = self._loop.run(self._live())
        except InvariantError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed that shows it is found
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            logger.removeHandler(watch)
            virtual_s = self._loop.time() - start_s
            self._service.close()
            self._loop.close()
        return Verdict(
            seed=self._plan.seed,
            trace=self._trace.hexdigest(),
            claims=claims,
            attempts=attempts,
            virtual_s=virtual_s,
            violation=self._violation,
            last=tuple(self._tail) if self._violation else (),
        )

    # --- the course of a world -------------------------------------------------------------------

    async def _live(self) -> tuple[int, int]:
        self._failed = self._loop.create_future()
        await self._service.start()
        await self._register()
        aside = [
            self._loop.create_task(work)
            for work in (self._stray_presses(), self._hostile(), *self._faults())
        ]
        working = [
            self._loop.create_task(self._work(number, station))
            for number, station in enumerate(self._stations)
        ]
        await self._until_done(working)
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)
        await self._heal()
        await self._until_done([self._loop.create_task(asyncio.sleep(HEALING_S))])
        return await self._final_checks()

    async def _until_done(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Wait for the tasks, unless an invariant breaks before."""
        assert self._failed is not None
        done = self._loop.create_task(_all(tasks))
        async with asyncio.timeout(LONGEST_S):
            await asyncio.wait({done, self._failed}, return_when=asyncio.FIRST_COMPLETED)
        if self._failed.done():
            self._failed.result()
        done.result()

    async def _register(self) -> None:
        store = self._service.store
        assert store is not None
        registry = DeviceRegistry(store, self._service.clock, for_profile("dev"))
        for namespace in dict.fromkeys(one.namespace for one in self._plan.stations):
            for number in range(self._plan.devices):
                device_id = f"B{number + 1}"
                simulated = self._plan.production and number == 1
                key = hashlib.sha256(f"{namespace} {device_id}".encode()).digest()
                await registry.add(namespace, [device_id])
                await registry.set_key(namespace, device_id, "hmac", key, simulated=simulated)
                self._buttons[namespace, device_id] = Button(
                    namespace, device_id, key, self._broker, simulated=simulated
                )

    async def _heal(self) -> None:
        """From now on everything works."""
        self._broker.weather = replace(self._broker.weather, lose=0.0, duplicate=0.0)
        self._line.lose_request = self._line.lose_reply = self._line.twice = 0.0
        self._broker.up = True
        self._fill_disk(full=False)
        if not self._service.up:
            await self._restart()

    async def _final_checks(self) -> tuple[int, int]:
        store = self._service.store
        assert store is not None
        await check_nothing_lost(store, self._truth)
        await check_all_ended(store, self._service.clock.now_ms(), GRACE_MS)
        for place in self._buttons:
            await check_device(store, self._truth, place)
        for told in self._told:
            if told.attempt is None:
                continue
            attempt = await store.attempt(told.attempt.attempt_id)
            if attempt is None or attempt.outcome != told.attempt.outcome:
                raise InvariantError(
                    6, f"{told.claim_id} was told {told.attempt.outcome}, on record is {attempt}"
                )
        claimed = sum(outcome == "CLAIMED" for outcome in self._truth.outcomes.values())
        return len(self._truth.outcomes), claimed

    # --- people ----------------------------------------------------------------------------------

    async def _work(self, number: int, station: Station) -> None:
        dice = self._dice["operators"]
        namespace = station.caller.namespace
        for count in range(self._plan.claims_each):
            await asyncio.sleep(dice.uniform(0.0, 20.0))
            device_id = f"B{dice.randint(1, self._plan.devices)}"
            if dice.random() < self._plan.presses_right:
                self._later(self._press_soon((namespace, device_id)))
            patience_ms = dice.choice([None, None, 30_000])
            told = await station.claim(device_id, f"claim-{number}-{count}", patience_ms)
            self._told.append(told)
            outcome = told.attempt.outcome if told.attempt else told.refused
            self._note(f"told {told.claim_id} {device_id} {outcome}")
            if told.attempt and outcome == "CLAIMED" and dice.random() < self._plan.unclaims:
                await asyncio.sleep(dice.uniform(0.0, 30.0))
                await self._unclaim(station, device_id, told.attempt.epoch, told.claim_id)

    async def _unclaim(self, station: Station, device_id: str, epoch: int, claim_id: str) -> None:
        while True:
            try:
                await station.api().unclaim(
                    device_id, if_epoch=epoch, if_state=None, invocation=f"un{claim_id}"
                )
            except ServiceAwayError:
                await asyncio.sleep(1.0)
            except RefusedError as error:
                self._note(f"unclaim {claim_id}: {type(error).__name__}")
                return
            else:
                return

    async def _press_soon(self, place: tuple[str, str]) -> None:
        dice = self._dice["operators"]
        await asyncio.sleep(dice.choice([0.05, 2.0, 10.0, 60.0, 118.0]) * dice.uniform(0.5, 1.1))
        await self._press(place, dice)

    async def _press(self, place: tuple[str, str], dice: random.Random) -> None:
        button = self._buttons[place]
        if dice.random() < 0.05:
            button.restart()
        press_id, topic, payload = button.press(dice.choice(_CLICKS), self._loop.now_ms())
        self._payloads[payload] = (place, press_id.replace(":", "."))
        await self._broker.publish(topic, payload)

    async def _stray_presses(self) -> None:
        dice = self._dice["strays"]
        while self._plan.presses_stray:
            await asyncio.sleep(dice.expovariate(self._plan.presses_stray))
            place = dice.choice(list(self._buttons))
            self._later(self._press(place, dice))

    async def _hostile(self) -> None:
        """Somebody who listens, and sends what was heard again, changed or not."""
        dice = self._dice["hostile"]
        while self._plan.hostile:
            await asyncio.sleep(dice.expovariate(self._plan.hostile))
            heard = [one for one in self._buttons.values() if one.last is not None]
            if not heard:
                continue
            topic, payload = dice.choice(heard).last or ("", b"")
            match dice.choice(["replay", "retain", "forge", "elsewhere"]):
                case "replay":
                    self._broker.accept(Published(topic, payload, 1))
                case "retain":
                    self._broker.accept(Published(topic, payload, 1), retain=True)
                case "forge":
                    forged = payload.replace(b'"counter":', b'"counter":9')
                    self._broker.accept(Published(topic, forged, 1))
                case _:
                    other = dice.choice(heard).last or ("", b"")
                    self._broker.accept(Published(other[0], payload, 1))

    # --- faults ----------------------------------------------------------------------------------

    def _faults(self) -> list[Coroutine[Any, Any, None]]:
        plan = self._plan
        return [
            self._power_cuts(plan.power_cuts),
            self._broker_restarts(plan.broker_restarts),
            self._line_cuts(plan.line_cuts),
            self._station_kills(plan.station_kills),
            self._full_disks(plan.full_disks),
        ]

    async def _power_cuts(self, count: int) -> None:
        dice = self._dice["faults"]
        for _ in range(count):
            await asyncio.sleep(dice.uniform(1.0, 90.0))
            how: Literal["plug", "before", "after", "torn"] = dice.choice(_CUTS)
            self._note(f"power cut: {how}")
            if how == "plug":
                self._service.disk.pull_plug()
            else:
                self._service.disk.cut_power(how)
                while self._service.up:  # noqa: ASYNC110 - until some commit meets its fate
                    await asyncio.sleep(0.5)
            await asyncio.sleep(dice.uniform(0.1, 15.0))
            await self._restart()

    async def _restart(self) -> None:
        step_ms = self._plan.clock_step_ms
        self._service.clock.skew_ms = self._dice["faults"].randint(-step_ms, step_ms)
        await self._service.restart()
        self._note("restarted")
        store = self._service.store
        assert store is not None
        try:
            await check_nothing_lost(store, self._truth)
            for place in self._buttons:
                await check_device(store, self._truth, place)
        except InvariantError as error:
            self._fail(str(error))

    async def _broker_restarts(self, count: int) -> None:
        dice = self._dice["faults"]
        for _ in range(count):
            await asyncio.sleep(dice.uniform(1.0, 120.0))
            self._note("broker restarts")
            await self._broker.restart(dice.uniform(0.1, 20.0), forget=self._plan.broker_forgets)

    async def _line_cuts(self, count: int) -> None:
        dice = self._dice["faults"]
        for _ in range(count):
            await asyncio.sleep(dice.uniform(1.0, 90.0))
            self._note("connections cut")
            self._broker.cut_all("the line was cut")

    async def _station_kills(self, count: int) -> None:
        dice = self._dice["faults"]
        for _ in range(count):
            await asyncio.sleep(dice.uniform(1.0, 60.0))
            dice.choice(self._stations).kill()
            self._note("station killed")

    async def _full_disks(self, count: int) -> None:
        dice = self._dice["faults"]
        for _ in range(count):
            await asyncio.sleep(dice.uniform(1.0, 90.0))
            self._fill_disk(full=True)
            self._note("disk full")
            await asyncio.sleep(dice.uniform(0.5, 20.0))
            self._fill_disk(full=False)

    def _fill_disk(self, *, full: bool) -> None:
        store = self._service.store
        if store is None or store.database is None:
            return
        write = store.database.write
        (pages,) = write.execute("PRAGMA page_count").fetchone()
        write.execute(f"PRAGMA max_page_count = {pages if full else 2**30}")

    # --- what happens is noted and checked -------------------------------------------------------

    async def _committed(self, store: SqliteStore, ops: Sequence[Op], answer: Any) -> None:
        if not isinstance(answer, Committed):
            return
        self._note(" ".join(_op_text(op) for op in ops))
        try:
            for place in self._truth.acknowledge(ops):
                await check_device(store, self._truth, place)
        except InvariantError as error:
            self._fail(str(error))

    def _accepted(self, message: Published) -> None:
        """The broker took a message in: the moment a press is in the world."""
        found = self._payloads.get(message.payload)
        if found is None:
            return
        place, press_id = found
        button = self._buttons[place]
        self._truth.presses.setdefault(
            (place, press_id), Press(place, self._loop.now_ms(), button.simulated)
        )

    def _power_gone(self) -> None:
        self._service.kill()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)

    def _note(self, line: str) -> None:
        text = f"{self._loop.now_ms()} {line}"
        self._trace.update(text.encode() + b"\n")
        self._tail.append(text)
        del self._tail[:-60]

    def _fail(self, violation: str) -> None:
        if not self._violation:
            self._violation = violation
            self._note(f"VIOLATION {violation}")
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(InvariantError(0, violation))
            self._failed.exception()

    def _loop_failed(self, _loop: object, context: dict[str, Any]) -> None:
        self._fail(f"a task failed: {context.get('message')} {context.get('exception')!r}")

    def _unexpected(self, record: logging.LogRecord) -> None:
        self._fail(f"logged: {record.getMessage()}")


async def _all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks)


class _ErrorWatch(logging.Handler):
    """An exception that production code could only log is a find."""

    def __init__(self, found: Any) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, StoreError):
            self._found(record)


def _op_text(op: Op) -> str:
    """An operation in the trace: its name, and the ids and states in it."""
    for name in ("after", "attempt", "device", "event", "answer", "code"):
        row = getattr(op, name, None)
        if row is not None:
            break
    said = [
        str(getattr(row, name))
        for name in ("device_id", "attempt_id", "event_id", "outcome", "disposition", "invocation")
        if getattr(row, name, None) is not None
    ]
    claim = getattr(row, "claim", None)
    if claim is not None:
        said.append(f"{claim.state}@{claim.epoch}")
    return f"{type(op).__name__}({','.join(said)})"
