"""The verdict is good when all is well, and names what is lost, doubled or in wrong hands."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware_sim.world.fleet import FleetPlan
from hardware.click import RawFrame
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import CLAIMED, Claim, Device
from orchestrator.domain.events import DeviceEvent, Evidence
from orchestrator.remote import RemoteClaims
from orchestrator.runtime.fleet import FleetWanted, _Look, quiet, run_fleet
from orchestrator.runtime.fleet_ground import Ground
from orchestrator.runtime.fleet_verdict import Claimed, Finding, Tally, Verdict, judge_claims
from orchestrator.runtime.service import open_service
from orchestrator.settings import for_profile

pytestmark = pytest.mark.slow  # each test starts services and hundreds of buttons

PLAN = FleetPlan(devices=3, boot_id=9)


def event(index, counter, *, disposition="NO_CLAIM", epoch=0, boot_id=9, device_id=None):
    return DeviceEvent(
        event_id=f"{index}-{counter}",
        namespace="default",
        device_id=device_id or PLAN.device_id(index),
        click_type="SINGLE",
        received_ms=1,
        disposition=disposition,
        reason="",
        evidence=Evidence(heard_by="broker"),
        source="mqtt:",
        family="native",
        press_id=f"{boot_id}.{counter}",
        epoch=epoch,
    )


class Pressed:
    """A fleet of which so many clicks of each button were made, all acknowledged."""

    def __init__(self, *pressed):
        self._pressed = pressed

    def button(self, index):
        count = self._pressed[index]
        return SimpleNamespace(pressed=count, has_acknowledged=lambda counter: counter <= count)


def tally_of(*events):
    tally = Tally(PLAN)
    for one in events:
        tally.add(one)
    return tally


def test_all_on_record_is_nothing_lost():
    tally = tally_of(event(0, 1), event(1, 1), event(1, 2))
    fleet = Pressed(1, 2, 0)
    assert (tally.lost(fleet), tally.doubled(), tally.invented(fleet)) == ([], [], [])


def test_a_click_without_a_row_is_lost_by_name():
    assert tally_of(event(0, 1), event(1, 2)).lost(Pressed(1, 2, 0)) == ["FLEET000001 click 1"]


def test_two_rows_of_a_click_and_a_click_of_nobody_are_found():
    tally = tally_of(event(0, 1), event(0, 1), event(2, 7))
    assert tally.doubled() == ["FLEET000000 click 1"]
    assert tally.invented(Pressed(1, 0, 0)) == ["FLEET000002 click 7"]


def test_clicks_of_other_runs_and_other_buttons_are_passed_over():
    tally = tally_of(event(0, 1, boot_id=8), event(0, 1, device_id="G030PM0123456789"))
    assert tally.clicks == 0


def attempt(name, *, number=1, account="us", outcome="CLAIMED", released_ms=None):
    return Attempt(
        attempt_id=f"{name}-{number}", namespace="default", device_id=name, account=account,
        epoch=number, opened_ms=1, deadline_ms=2, outcome=outcome, released_ms=released_ms,
    )  # fmt: skip


def device(name, owner="us"):
    return Device(
        namespace="default", device_id=name, claim=Claim(state=CLAIMED, owner=owner, epoch=1)
    )


A = PLAN.device_id(0)
CLAIM = Claimed(account="us", devices=frozenset({A}))


def test_one_standing_claim_of_ours_is_right():
    released = attempt(A, number=2, released_ms=5)
    tally = tally_of(event(0, 1, disposition="MATCHED", epoch=1))
    found = judge_claims(CLAIM, {A: device(A)}, [attempt(A), released], tally)
    assert found == (Finding(), Finding())


def test_two_standing_claims_and_two_clicks_of_one_epoch_are_double_claims():
    twice = [attempt(A), attempt(A, number=2)]
    double, _ = judge_claims(CLAIM, {A: device(A)}, twice, tally_of())
    assert double.count == 1
    matched = [event(0, counter, disposition="MATCHED", epoch=1) for counter in (1, 2)]
    double, _ = judge_claims(CLAIM, {A: device(A)}, [attempt(A)], tally_of(*matched))
    assert double.count == 1


@pytest.mark.parametrize("owner", ["them", None])
def test_a_device_that_we_claimed_and_do_not_own_has_a_foreign_owner(owner):
    _, foreign = judge_claims(CLAIM, {A: device(A, owner)}, [attempt(A)], tally_of())
    assert foreign.count == 1
    assert "claimed by us" in foreign.named[0]


def test_a_verdict_is_good_only_without_any_fault():
    good = Verdict(acknowledged=1, on_record=1)
    assert good.good
    for name in ("lost", "doubled", "invented", "unclaimed", "double_claims", "foreign_owners"):
        assert not replace(good, **{name: Finding.of(["x"])}).good, name


def test_of_many_faults_the_first_ten_are_named_and_all_are_counted():
    finding = Finding.of(str(number) for number in range(25))
    assert (finding.count, len(finding.named)) == (25, 10)


# -- on a real broker ------------------------------------------------------------------------------


def wanted(broker, folder, **changes):
    values = {
        "plan": FleetPlan(devices=150, boot_id=int(time.time())),
        "mqtt": broker.url,
        "rate": 300,
        "duration_s": 1,
        "data": folder,
        "new_count_s": 0.5,
        **changes,
    }
    return FleetWanted(**values)


def test_faults_of_one_reason_are_named_once_and_counted_each():
    finding = Finding.by_reason({"A": "no", "B": "late", "C": "no", "D": "no"})
    assert finding == Finding(count=4, named=("A and 2 more: no", "B: late"))
    many = Finding.by_reason({str(number): f"reason {number}" for number in range(11)})
    assert (many.count, len(many.named), many.more) == (11, 10, True)


class Growing(RemoteClaims):
    """A service whose record has one click more at each look."""

    def __init__(self):
        self.looks = 0

    async def click_count(self, device_id, from_ms, to_ms):
        self.looks += 1
        return self.looks


async def test_a_record_that_still_grows_is_asked_for_again_however_long_that_takes():
    api = Growing()
    look = _Look(None, PLAN, Ground(api=api), None, since_ms=0, still_s=0.3)
    async with asyncio.timeout(20):
        assert await look._counts({PLAN.device_id(0): 5}, quiet) == {PLAN.device_id(0): 5}


@pytest.mark.mosquitto
async def test_a_service_that_keeps_up_is_told_so(broker, tmp_path):
    warned = []
    report = await run_fleet(wanted(broker, tmp_path / "data"), warn=warned.append)
    assert report.good
    assert report.own_service
    assert report.clicks == report.acknowledged == report.verdict.on_record == 300
    assert report.verdict.dispositions == {"NO_CLAIM": 300}
    assert "max_queued_messages" in warned[0]
    assert "mosquitto" in report.broker.version


@pytest.mark.mosquitto
async def test_a_fleet_is_claimed_and_then_clicks_for_its_owner_again_and_again(broker, tmp_path):
    for boot_id in (1, 2):
        plan = FleetPlan(devices=100, boot_id=boot_id)
        report = await run_fleet(wanted(broker, tmp_path / "data", plan=plan, claim=True, rate=150))
        assert report.verdict.faults == {}
        assert report.good
        assert report.verdict.claimed == 100
        assert report.verdict.dispositions["MATCHED"] == 100


@pytest.mark.mosquitto
async def test_a_policy_that_refuses_a_press_is_told_at_once_and_no_more_claims_are_begun(
    broker, tmp_path
):
    from orchestrator.runtime import fleet_claims
    from orchestrator.runtime.fleet import Fleet

    plan = FleetPlan(devices=50, boot_id=int(time.time()))
    production = replace(for_profile("production"), register_on_initiate=True)
    async with (
        open_service(production, tmp_path / "data") as service,
        service.listening([await service.ingest.open(broker.url)]),
        Fleet(plan, broker.url) as fleet,
    ):
        await service.ingest.wait_reading(30)
        await fleet.connect()
        claims = fleet_claims.FleetClaims(fleet, service.api(), run_id="r", at_once=5)
        async with asyncio.timeout(15):  # the patience for one claim alone is 20 s
            await claims.run(1000, 3600, lambda _: None)
    assert claims.gave_up
    assert claims.claimed == set()
    assert 5 <= len(claims.failed) < 50
    assert set(claims.failed.values()) == {
        "its press was EVIDENCE_TOO_WEAK: neither authenticated nor heard by a station's own driver"
    }


class Leaky:
    """A source that acknowledges one click and keeps it to itself."""

    def __init__(self, source, device_id):
        self._source = source
        self._device_id = device_id
        self.withheld = 0

    def __getattr__(self, name):
        return getattr(self._source, name)

    async def read(self) -> RawFrame:
        while True:
            frame = await self._source.read()
            if self.withheld or self._device_id not in frame.channel:
                return frame
            self.withheld += 1
            await self._source.acknowledge(frame)


@contextlib.asynccontextmanager
async def leaky_service(broker, folder, device_id):
    async with open_service(for_profile("dev"), folder) as service:
        leaky = Leaky(await service.ingest.open(broker.url), device_id)
        async with service.listening([leaky]):
            await service.ingest.wait_reading(30)
            yield leaky


@pytest.mark.mosquitto
async def test_one_withheld_click_fails_the_verdict_and_is_named(broker, tmp_path):
    run = wanted(broker, tmp_path / "data", still_s=0.5)
    name = run.plan.device_id(77)
    async with leaky_service(broker, tmp_path / "data", name) as leaky:
        report = await run_fleet(run)
    assert leaky.withheld == 1
    assert not report.own_service
    assert not report.good
    assert report.acknowledged == 300
    assert report.verdict.lost == Finding.of([f"{name} click 1"])
    assert list(report.verdict.faults) == ["lost clicks"]


@pytest.mark.mosquitto
async def test_a_withheld_press_fails_its_claim(broker, tmp_path):
    from orchestrator.runtime import fleet_claims
    from orchestrator.runtime.fleet import Fleet

    plan = FleetPlan(devices=5, boot_id=int(time.time()))
    name = plan.device_id(3)
    folder = tmp_path / "data"
    async with open_service(for_profile("dev"), folder) as service:
        leaky = Leaky(await service.ingest.open(broker.url), name)
        async with service.listening([leaky]), Fleet(plan, broker.url) as fleet:
            await service.ingest.wait_reading(30)
            await fleet.connect()
            claims = fleet_claims.FleetClaims(fleet, service.api(), run_id="r", patience_s=1.0)
            await claims.run(50, 0.1, lambda _: None)
    assert claims.claimed == {0, 1, 2, 4}
    assert claims.failed == {3: "its press was not seen within 1 s"}


@pytest.mark.mosquitto
async def test_a_service_that_listens_elsewhere_has_nothing_on_record(broker, tmp_path):
    async with open_service(for_profile("dev"), tmp_path / "data"):
        report = await run_fleet(wanted(broker, tmp_path / "data", still_s=0.3, rate=100))
    assert report.verdict.on_record == 0
    assert report.verdict.lost.count == 100


@pytest.mark.mosquitto
async def test_what_a_broker_throws_away_is_lost_and_said_to_be(make_broker, tmp_path):
    broker = make_broker("max_queued_messages 10", "max_inflight_messages 5", "sys_interval 1")
    await broker.start()
    try:
        async with open_service(for_profile("dev"), tmp_path / "data") as service:
            async with service.listening([await service.ingest.open(broker.url)]):
                await service.ingest.wait_reading(30)
            # The service is away now, and its broker keeps 10 clicks for it and no more.
            run = wanted(broker, tmp_path / "data", still_s=0.3, rate=400, new_count_s=3)
            report = await run_fleet(run)
    finally:
        await broker.stop()
    assert report.acknowledged == 400
    assert report.verdict.lost.count == 400
    assert 300 <= report.dropped <= 400


@pytest.mark.slow
@pytest.mark.mosquitto
async def test_two_thousand_buttons_at_a_thousand_clicks_a_second_lose_nothing(broker, tmp_path):
    plan = FleetPlan(devices=2_000, boot_id=int(time.time()))
    run = wanted(broker, tmp_path / "data", plan=plan, rate=1_000, duration_s=5)
    report = await run_fleet(run)
    assert report.verdict.faults == {}
    assert report.good
    assert report.clicks == 5_000


@pytest.mark.slow
@pytest.mark.mosquitto
async def test_a_connection_takes_no_more_memory_than_it_may(broker, monkeypatch):
    scripts = Path(__file__).parents[2] / "scripts"
    monkeypatch.setenv("PYTHONPATH", str(scripts))
    monkeypatch.syspath_prepend(scripts)
    from benchmarks.fleet_memory import memory_each

    each = await asyncio.to_thread(memory_each, broker.url)
    # Less than the button's own counters and its socket would mean that nothing was measured.
    assert 300 <= each.objects <= 4_096
    assert 300 <= each.resident <= 4_096
