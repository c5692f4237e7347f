"""One run of a fleet: connect, click or claim, settle, and judge what the service made of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from firmware_sim.links.fleet import KEEP_ALIVE_S, Fleet
from firmware_sim.world.fleet import FleetPlan
from orchestrator.clocks import WallClock
from orchestrator.domain.devices import Device
from orchestrator.domain.errors import StoreInUseError
from orchestrator.runtime.fleet_broker import NEW_COUNT_WITHIN_S, BrokerSays, ask_broker
from orchestrator.runtime.fleet_claims import AT_ONCE, AT_ONCE_REMOTE, FleetClaims
from orchestrator.runtime.fleet_ground import Ground, as_remote, open_ground
from orchestrator.runtime.fleet_verdict import (
    Claimed,
    Finding,
    Tally,
    Verdict,
    judge_claims,
    more_than_one,
    standing_claims,
)

# PUBACKs of the last clicks, and of those that a lost connection made to be said again.
_SETTLE_S: Final = 20.0
# A record that has not grown for so long will not grow: redelivery and retries take less.
STILL_S: Final = 6.0
_LOOK_S: Final = 0.25
# The service's clock need not be ours. What is older than this run, and still stands, counts too.
_CLOCKS_APART_MS: Final = 3_600_000
# Requests of a verdict over HTTP at once.
_ASK_AT_ONCE: Final = 16

Tell = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and how far it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWanted:
    """What a run is to do. ``rate`` None: as fast as the broker acknowledges."""

    plan: FleetPlan
    mqtt: str
    rate: float | None
    duration_s: float
    claim: bool = False
    data: Path | None = None
    service: str | None = None
    access_key: str | None = None
    keep_alive_s: int = KEEP_ALIVE_S
    still_s: float = STILL_S
    """A record that has not grown for so long is taken as final."""
    new_count_s: float = NEW_COUNT_WITHIN_S
    """How long a broker is given to say how much it has thrown away, when clicks are lost."""


@dataclass(slots=True, kw_only=True)
class FleetReport:
    """What a run came to."""

    devices: int
    connected: int = 0
    """How many buttons are connected now, or were at the end."""
    connect_s: float | None = None
    """How long it took until all were in; None when they never were."""
    wanted_rate: float | None = None
    """Clicks or claims a second that were asked for; None flat out."""
    clicks: int = 0
    acknowledged: int = 0
    reconnects: int = 0
    last_loss: str = ""
    """Why the last connection that ended did."""
    click_s: float = 0.0
    """From the first click to the last PUBACK that came."""
    ack_p50_ms: float | None = None
    ack_p99_ms: float | None = None
    broker: BrokerSays = field(default_factory=BrokerSays)
    dropped: int | None = None
    """Messages that the broker says it threw away during the run; None when it does not say."""
    verdict: Verdict | None = None
    own_service: bool = False
    gave_up: bool = False
    """It began no more claims, since not one had come through."""

    @property
    def rate(self) -> float:
        """Acknowledged clicks a second."""
        return self.acknowledged / self.click_s if self.click_s else 0.0

    @property
    def good(self) -> bool:
        """Whether every click was acknowledged and no fault was found."""
        return self.clicks == self.acknowledged and (self.verdict is None or self.verdict.good)


def quiet(what: str, done: int, of: int) -> None:
    """For callers who do not want to follow."""


async def run_fleet(
    wanted: FleetWanted,
    *,
    report: FleetReport | None = None,
    tell: Tell = quiet,
    warn: Callable[[str], None] = lambda _: None,
) -> FleetReport:
    """Do it all. Raises LinkError, StoreError, SourceError, ServiceAwayError, ServiceUrlError.

    ``report``, where one is handed in, says also after a cancellation what it had come to.
    """
    if report is None:
        report = FleetReport(devices=wanted.plan.devices)
    report.wanted_rate = wanted.rate
    async with (
        Fleet(wanted.plan, wanted.mqtt, keep_alive_s=wanted.keep_alive_s) as fleet,
        open_ground(
            url=wanted.mqtt,
            data=wanted.data,
            service=wanted.service,
            access_key=wanted.access_key,
        ) as ground,
    ):
        if wanted.claim and ground.api is None:
            raise StoreInUseError(
                f"A claim service runs on {wanted.data} already, and claims go over its API."
                " Name it too: --service http://HOST:PORT, as it printed when it was ready."
            )
        report.own_service = ground.own_service
        judged = ground.store is not None or ground.api is not None
        if judged:
            report.broker = await ask_broker(wanted.mqtt)
            if report.broker.is_mosquitto:
                warn(_may_drop(report.broker))
            await ground.register(wanted.plan)
        await _connect(fleet, report, tell)
        since_ms = WallClock().now_ms() - _CLOCKS_APART_MS
        claims = await _click(fleet, wanted, ground, report, tell)
        if judged:
            look = _Look(fleet, wanted.plan, ground, claims, since_ms, wanted.still_s)
            report.verdict = await look.verdict(tell)
            if report.verdict.lost.count:
                await _ask_for_dropped(wanted, report)
    return report


async def _connect(fleet: Fleet, report: FleetReport, tell: Tell) -> None:
    """Bring all buttons in."""
    started_s = time.monotonic()
    try:
        await fleet.connect(lambda inside: tell("connecting", inside, report.devices))
    finally:
        report.connected = fleet.connected
    report.connect_s = time.monotonic() - started_s


async def _click(
    fleet: Fleet, wanted: FleetWanted, ground: Ground, report: FleetReport, tell: Tell
) -> FleetClaims | None:
    """All clicks, to their last PUBACK."""
    started_s = time.monotonic()
    try:
        claims = await _press(fleet, wanted, ground, tell)
        report.gave_up = claims is not None and claims.gave_up
        await fleet.settle(_SETTLE_S)
    finally:
        report.click_s = time.monotonic() - started_s
        report.clicks, report.acknowledged = fleet.pressed, fleet.acknowledged
        report.connected, report.reconnects = fleet.connected, fleet.reconnects
        report.last_loss = fleet.last_loss
        report.ack_p50_ms = fleet.latencies.quantile_ms(0.5)
        report.ack_p99_ms = fleet.latencies.quantile_ms(0.99)
    return claims


async def _press(
    fleet: Fleet, wanted: FleetWanted, ground: Ground, tell: Tell
) -> FleetClaims | None:
    """All clicks; with those who claim, if any do."""
    total = round((wanted.rate or 0) * wanted.duration_s)
    claims = None
    if wanted.claim and ground.api is not None and wanted.rate is not None:
        at_once = AT_ONCE if ground.own_service else AT_ONCE_REMOTE
        run_id = f"fleet-{wanted.plan.boot_id}"
        claims = FleetClaims(fleet, ground.api, run_id=run_id, at_once=at_once)
        await claims.run(wanted.rate, wanted.duration_s, lambda made: tell("claiming", made, total))
    elif wanted.rate is None:
        await fleet.click_flat_out(wanted.duration_s, lambda made: tell("clicking", made, 0))
    else:
        await fleet.click(
            wanted.rate, wanted.duration_s, lambda made: tell("clicking", made, total)
        )
    return claims


@dataclass(frozen=True, slots=True)
class _Look:
    """The end of a run: what the service has of it."""

    fleet: Fleet
    plan: FleetPlan
    ground: Ground
    claims: FleetClaims | None
    since_ms: int
    still_s: float

    async def verdict(self, tell: Tell) -> Verdict:
        """Wait until the service has what it will have, and judge it."""
        if self.ground.store is not None:
            return await self._by_store(tell)
        return await self._by_api(tell)

    async def _by_store(self, tell: Tell) -> Verdict:
        tally, fleet = Tally(self.plan), self.fleet
        moved_s = time.monotonic()
        while tally.clicks < fleet.acknowledged and time.monotonic() - moved_s < self.still_s:
            before = tally.clicks
            await self.ground.read_events(self.plan, tally)
            tell("waiting for the record", tally.clicks, fleet.acknowledged)
            if tally.clicks > before:
                moved_s = time.monotonic()
            await asyncio.sleep(_LOOK_S)
        await self.ground.read_events(self.plan, tally)
        claimed = self._claimed()
        double, foreign = Finding(), Finding()
        if claimed is not None:
            devices: dict[str, Device] = await self.ground.devices(self.plan)
            attempts = await self.ground.attempts(self.plan, self.since_ms)
            double, foreign = judge_claims(claimed, devices, attempts, tally)
        return Verdict(
            acknowledged=fleet.acknowledged,
            on_record=tally.clicks,
            lost=Finding.of(tally.lost(fleet)),
            doubled=Finding.of(tally.doubled()),
            invented=Finding.of(tally.invented(fleet)),
            claimed=None if claimed is None else len(claimed.devices),
            unclaimed=self._unclaimed(),
            double_claims=double,
            foreign_owners=foreign,
            dispositions=dict(tally.dispositions),
            repeats=tally.repeats,
        )

    async def _by_api(self, tell: Tell) -> Verdict:
        """What an owner can see: clicks of their devices, counted, and which devices are theirs."""
        api, claimed = as_remote(self.ground.api), self._claimed()
        assert api is not None
        assert claimed is not None
        owned = set(await api.owned_devices())
        expected = {
            self.plan.device_id(index): self.fleet.button(index).acknowledged
            for index in sorted(self.claims.claimed if self.claims else ())
        }
        counts = await self._counts(expected, tell)
        attempts = await self.ground.attempts(self.plan, self.since_ms)
        return Verdict(
            acknowledged=sum(expected.values()),
            on_record=sum(counts.values()),
            lost=Finding.of(
                f"{name}: {counts[name]} of {count} clicks"
                for name, count in expected.items()
                if counts[name] < count
            ),
            doubled=Finding.of(
                f"{name}: {counts[name]} rows of {count} clicks"
                for name, count in expected.items()
                if counts[name] > count
            ),
            claimed=len(claimed.devices),
            unclaimed=self._unclaimed(),
            double_claims=Finding.of(more_than_one(standing_claims(attempts))),
            foreign_owners=Finding.of(f"{name}: not ours" for name in claimed.devices - owned),
        )

    async def _counts(self, expected: dict[str, int], tell: Tell) -> dict[str, int]:
        """Clicks on record by device, asked for again where some lack until no more come."""
        api = as_remote(self.ground.api)
        assert api is not None
        counts: dict[str, int] = {}
        turns = asyncio.Semaphore(_ASK_AT_ONCE)
        moved_s = time.monotonic()

        async def count(name: str) -> None:
            async with turns:
                to_ms = WallClock().now_ms() + _CLOCKS_APART_MS
                counts[name] = await api.click_count(name, self.since_ms, to_ms)

        while True:
            lacking = [name for name in expected if counts.get(name, -1) < expected[name]]
            if not lacking or (counts and time.monotonic() - moved_s > self.still_s):
                return counts
            before = sum(counts.values())
            async with asyncio.TaskGroup() as group:
                for name in lacking:
                    group.create_task(count(name))
            if sum(counts.values()) > before:
                moved_s = time.monotonic()
            tell("asking for the record", len(counts), len(expected))
            await asyncio.sleep(_LOOK_S)

    def _claimed(self) -> Claimed | None:
        if self.claims is None:
            return None
        return Claimed(
            account=self.claims.account,
            devices=frozenset(map(self.plan.device_id, self.claims.claimed)),
        )

    def _unclaimed(self) -> Finding:
        if self.claims is None:
            return Finding()
        failed = self.claims.failed.items()
        return Finding.by_reason({self.plan.device_id(index): why for index, why in failed})


async def _ask_for_dropped(wanted: FleetWanted, report: FleetReport) -> None:
    before = report.broker.dropped
    if before is not None:
        says = await ask_broker(wanted.mqtt, final_count=True, within_s=wanted.new_count_s)
        report.dropped = None if says.dropped is None else says.dropped - before


def _may_drop(broker: BrokerSays) -> str:
    return (
        f"{broker.version} throws away, without telling anybody, what is more than"
        " max_queued_messages (1000 unless set) behind a slow reader;"
        " set max_queued_messages 0 in mosquitto.conf to keep all"
    )
