"""A fleet of simulated buttons: how many, how large each, how fast, and whether a click is lost."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.fleet_memory import LARGE, memory_each
from benchmarks.servers import mosquitto
from benchmarks.table import Row

from firmware_sim.links.fleet import Fleet
from firmware_sim.links.limits import SPARE_FILES
from firmware_sim.world.fleet import FleetPlan
from orchestrator.runtime.fleet import FleetWanted, run_fleet

T = TypeVar("T")

# As many as the system lets a process of today have, and what the budget asks for.
MOST = 20_000
FLAT_OUT_S = 8.0
VERDICT_S = 20.0


def rows() -> list[Row]:
    """Rows of the budget table."""
    spare = max(SPARE_FILES, 1_000)
    if _file_limit() < LARGE + spare:
        raise SystemExit(
            f"a fleet's memory is measured with {LARGE + spare} open files, and this process may"
            f" have {_file_limit()}; raise the hard limit in /etc/security/limits.conf"
        )
    devices = min(MOST, _file_limit() - spare)
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder)) as url:
        crowd = [_on_a_fast_loop(_connected(url, devices)), _memory(url)]
        fast = _on_a_fast_loop(_flat_out(url))
        judged = _judged(url, Path(folder) / "data", 1_000)
    return [*crowd, fast, judged]


async def _connected(url: str, devices: int) -> Row:
    wanted = FleetWanted(plan=_plan(devices), mqtt=url, rate=1_000, duration_s=5)
    report = await run_fleet(wanted)
    return Row(
        "simulated buttons in one process, own connection each",
        "≥ 15,000, or the limit of open files less 1,000",
        f"{report.devices:,} in {report.connect_s or 0:.1f} s"
        f" (limit {_file_limit():,}), {report.reconnects} lost",
        met=report.good and report.reconnects == 0,
    )


def _memory(url: str) -> Row:
    each = memory_each(url)
    return Row(
        "memory of one of them, the kernel's socket buffers not counted",
        "≤ 4 KiB",
        f"{each.resident} bytes resident, {each.objects} of Python's objects",
        met=each.resident <= 4096,
    )


async def _flat_out(url: str) -> Row:
    async with Fleet(_plan(1_000), url) as fleet:
        await fleet.connect()
        started_s, busy_s = time.perf_counter(), time.process_time()
        await fleet.click_flat_out(FLAT_OUT_S)
        await fleet.settle(20)
        took_s, busy_s = time.perf_counter() - started_s, time.process_time() - busy_s
        acknowledged = fleet.acknowledged
    return Row(
        "QoS 1 clicks to a broker nobody reads from",
        "≥ 30,000 /s",
        f"{acknowledged / took_s:,.0f} /s, {busy_s / acknowledged * 1e6:.0f} µs of CPU a click",
        met=acknowledged >= 30_000 * took_s,
    )


def _judged(url: str, folder: Path, rate: int) -> Row:
    wanted = FleetWanted(plan=_plan(2_000), mqtt=url, rate=rate, duration_s=VERDICT_S, data=folder)
    report = _on_a_fast_loop(run_fleet(wanted))
    verdict = report.verdict
    assert verdict is not None
    faults = ", ".join(f"{one.count} {name}" for name, one in verdict.faults.items())
    return Row(
        f"verdict at {rate:,} clicks/s, service and fleet in one process",
        "none lost",
        f"{faults or 'none lost'}: {verdict.on_record:,} of {verdict.acknowledged:,}"
        f" on record, {report.rate:,.0f} /s",
        met=report.good and report.rate >= 0.95 * rate,
    )


def _on_a_fast_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run on the loop that the command runs on."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _plan(devices: int) -> FleetPlan:
    return FleetPlan(devices=devices, boot_id=int(time.time()))


def _file_limit() -> int:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard if hard != resource.RLIM_INFINITY else 1 << 20
