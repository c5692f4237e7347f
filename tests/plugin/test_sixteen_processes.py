"""Sixteen test processes at once, plain tests and asyncio ones, on one service."""

from __future__ import annotations

import json
import statistics

import pytest

pytest_plugins = "pytester"
# Sixteen interpreters start, on a machine of two cores perhaps.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROCESSES = 16

# Notes how long each fixture took to be ready, by process.
CONFTEST = """
import json, os, pathlib, time
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    started_s = time.perf_counter()
    result = yield
    if fixturedef.argname == "claim_service":
        said = {
            "test": request.node.name,
            "url": result.url,
            "namespace": result.namespace,
            "process": os.getpid(),
            "worker": os.environ["PYTEST_XDIST_WORKER"],
            "ready_ms": 1000 * (time.perf_counter() - started_s),
            "at_s": time.time(),
        }
        pathlib.Path("said", f"{request.node.name}.json").write_text(json.dumps(said))
    return result
"""

# The same device id everywhere: whoever is not alone in a namespace meets somebody else's claim.
TESTS = """
import asyncio
import pytest

BUTTON = "G030PM0123456789"
HALF = range(20)

@pytest.mark.parametrize("number", HALF)
def test_plain(number, claim_service, simulated_button, virtual_clock):
    assert claim_service.record(BUTTON) is None
    claim_service.http.put(f"/devices/{BUTTON}/initiate-claim").raise_for_status()
    virtual_clock.advance_sync(1_000 * number)
    assert simulated_button.click_sync("DOUBLE").disposition == "MATCHED"
    claim_service.http.put(f"/devices/{BUTTON}/finalize-claim").raise_for_status()
    assert claim_service.outcome(BUTTON) == "CLAIMED"

@pytest.mark.parametrize("number", HALF)
async def test_asyncio(number, claim_service, simulated_button, virtual_clock):
    assert claim_service.record(BUTTON) is None
    claim_service.http.put(f"/devices/{BUTTON}/initiate-claim").raise_for_status()
    await virtual_clock.advance(119_999)
    assert claim_service.outcome(BUTTON) == "OPEN"
    late, _ = await asyncio.gather(virtual_clock.advance(1), asyncio.sleep(0))
    assert claim_service.outcome(BUTTON) == "TIMED_OUT"
    assert (await simulated_button.click("SINGLE")).disposition == "LATE"
"""


def test_forty_tests_in_sixteen_processes_share_one_service(project):
    project.makeconftest(CONFTEST)
    project.makepyfile(test_many=TESTS)
    notes = project.mkdir("said")
    plugins = ("-p", "clickclaim", "-p", "asyncio", "-p", "xdist")
    ran = project.runpytest_subprocess(
        "--basetemp=base", *plugins, "-n", str(PROCESSES), timeout=270
    )
    ran.assert_outcomes(passed=40)
    said = [json.loads(path.read_text()) for path in notes.iterdir()]
    assert len(said) == 40
    assert len({one["process"] for one in said}) == PROCESSES
    assert len({one["url"] for one in said}) == 1, "one service for all"
    assert len({one["namespace"] for one in said}) == 40, "a namespace for each test"
    by_process = {}
    for one in sorted(said, key=lambda one: one["at_s"]):
        by_process.setdefault(one["process"], []).append(one["ready_ms"])
    later_ms = [ms for times in by_process.values() for ms in times[1:]]
    print(
        f"after its process's first, claim_service was ready in {max(later_ms):.1f} ms at worst,"
        f" {statistics.median(later_ms):.1f} ms as a rule, with {PROCESSES} processes at work"
    )
