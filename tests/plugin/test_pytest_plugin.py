"""The plugin as a user's pytest has it: fixtures, one service for all, words after a failure."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import orchestrator.pytest_plugin
from orchestrator.runtime.session_server import ALIVE

pytest_plugins = "pytester"

README = Path(orchestrator.pytest_plugin.__file__).with_name("README.md")
EXAMPLE = Path(__file__).with_name("example")
BUTTON = "G030PM0123456789"
# Each test starts pytest processes of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def run(project, *arguments: str):
    plugins = ("-p", "clickclaim", "-p", "asyncio", "-p", "xdist")
    return project.runpytest_subprocess("--basetemp=base", *plugins, *arguments, timeout=150)


def wait_until_the_service_has_ended(project) -> None:
    """The kernel wakes us: the running service holds this lock."""
    with (project.path / "base" / "clickclaim" / ALIVE).open("r+") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)


def test_the_example_runs(project):
    for name in ("provisioning.py", "test_provisioning.py"):
        (project.path / name).write_text((EXAMPLE / name).read_text())
    run(project).assert_outcomes(passed=6)
    assert not (project.path / ".aws").exists()


def test_the_examples_of_the_documentation_run(project):
    code = "\n\n".join(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL))
    project.makepyfile(code)
    run(project).assert_outcomes(passed=code.count("def test_"))


def test_all_processes_share_one_service_and_each_test_is_alone_in_it(project):
    project.makepyfile(
        f"""
        import os, pathlib, pytest

        @pytest.mark.parametrize("number", range(16))
        def test_alone(number, claim_service):
            assert claim_service.http.get("/v1/records").json()["records"] == []
            claim_service.claimed_sync("{BUTTON}")
            said = f"{{claim_service.url}} {{claim_service.namespace}} {{os.getpid()}}"
            pathlib.Path(f"said-{{number}}").write_text(said)
        """
    )
    run(project, "-n", "4").assert_outcomes(passed=16)
    said = [path.read_text().split() for path in project.path.glob("said-*")]
    urls, namespaces, processes = (set(column) for column in zip(*said, strict=True))
    assert len(urls) == 1
    assert len(namespaces) == 16
    assert len(processes) > 1
    wait_until_the_service_has_ended(project)


def test_a_test_process_that_is_killed_leaves_no_service_behind(project):
    project.makepyfile(
        f"""
        import os, signal

        def test_killed(claim_service):
            os.kill(os.getpid(), signal.{signal.SIGKILL.name})
        """
    )
    assert run(project).ret != 0
    wait_until_the_service_has_ended(project)


def test_a_service_that_cannot_start_says_why(project, monkeypatch):
    (project.path / "uvicorn.py").write_text("raise ImportError('uvicorn is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(project.path))
    project.makepyfile("def test_it(claim_service): pass")
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ServiceNotStartedError*", "*uvicorn is broken here*"])


def test_a_failed_assert_tells_the_story(project):
    project.makepyfile(
        f"""
        def test_outcome(claim_service, simulated_button, virtual_clock):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            virtual_clock.advance_sync(120_000)
            simulated_button.click_sync("DOUBLE")
            assert claim_service.outcome("{BUTTON}") == "CLAIMED"
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*TIMED_OUT is not CLAIMED",
            f"E*{BUTTON} is UNCLAIMED",
            "E*+0.000 s  initiated by account *, epoch 1, open for 120 s",
            "E*+120.000 s  TIMED_OUT*",
            "E*+120.000 s  DOUBLE click heard by sim: is LATE: *",
            "E*+120.000 s  now",
        ]
    )


def test_assert_claimed_tells_the_story_once(project):
    project.makepyfile(
        f"""
        def test_claimed(claim_service, simulated_button):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            claim_service.assert_claimed("{BUTTON}")
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"E*{BUTTON} is not claimed by account *", f"E*{BUTTON} is CLAIM_INITIATED by account *"]
    )
    result.stdout.no_fnmatch_line("*- clickclaim -*")
    result.stdout.no_fnmatch_line("*def assert_claimed*")
    result.stdout.fnmatch_lines([f"E       clickclaim.StoryError: {BUTTON} is not claimed by *"])


def test_a_test_that_fails_otherwise_gets_the_story_as_a_section(project):
    project.makepyfile(
        f"""
        def test_other(claim_service):
            claim_service.claimed_sync("{BUTTON}")
            assert 1 == 2
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- clickclaim -*",
            f"{BUTTON} is CLAIMED by account *",
            "*SINGLE click heard by sim: is MATCHED: *",
            "*finalized",
            "*CLAIMED",
        ]
    )


def test_plain_and_asyncio_tests_stand_side_by_side(project):
    project.makepyfile(
        f"""
        import asyncio

        def test_plain(claim_service, simulated_button, virtual_clock):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            began_ms = virtual_clock.now_ms
            assert virtual_clock.advance_sync(119_999) == began_ms + 119_999
            assert simulated_button.click_sync("LONG").disposition == "MATCHED"
            assert simulated_button.repeat_sync().disposition == "DUPLICATE"
            assert claim_service.disposition("{BUTTON}") == "MATCHED"

        async def test_asyncio(claim_service, simulated_button, virtual_clock):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            await virtual_clock.advance(119_999)
            assert (await simulated_button.click("LONG")).disposition == "MATCHED"
            assert (await simulated_button.repeat()).disposition == "DUPLICATE"
            claim_service.assert_outcome("{BUTTON}", "OPEN")

        async def test_many_buttons(claim_service):
            await asyncio.gather(*(claim_service.claimed(f"B{{n}}") for n in range(20)))
            listed = claim_service.http.get("/devices").json()["devices"]
            assert len(listed) == 20
        """
    )
    run(project).assert_outcomes(passed=3)


def test_faults_are_this_tests_alone_and_a_wrong_one_is_named(project):
    project.makepyfile(
        f"""
        import httpx, pytest

        def test_faulty(claim_service, claim_faults):
            claim_faults.error("InitiateDeviceClaim", 503, count=1)
            claim_faults.latency("GetDeviceMethods", ms=1)
            initiate = lambda: claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            assert [initiate().status_code for _ in range(2)] == [503, 200]
            assert claim_faults.struck == [1, 0]
            with pytest.raises(ValueError, match="did you mean FinalizeDeviceClaim?"):
                claim_faults.crash("FinalizeDeviceClam")
            with pytest.raises(ValueError, match="did you mean probability?"):
                claim_faults.drop("ListDevices", probabilty=0.5)
            with pytest.raises(ValueError, match="link knows latency, drop, duplicate"):
                claim_faults.error(None, 500, link="sim:")
            claim_faults.crash("*")
            with pytest.raises(httpx.TransportError):
                initiate()

        def test_healthy(claim_service, claim_faults):
            assert claim_faults.struck == []
            claim_service.claimed_sync("{BUTTON}")
        """
    )
    run(project).assert_outcomes(passed=2)


def test_what_cannot_be_is_refused_where_it_is_said(project):
    project.makepyfile(
        """
        import pytest

        def test_time(virtual_clock):
            for by_ms in (1.5, float("nan"), "7", True):
                with pytest.raises(TypeError, match="whole milliseconds"):
                    virtual_clock.advance_sync(by_ms)
            with pytest.raises(ValueError, match="does not go back"):
                virtual_clock.advance_sync(-1)
            with pytest.raises(ValueError, match="cannot pass: .*34560000000"):
                virtual_clock.advance_sync(10**15)

        def test_buttons(claim_service, simulated_button):
            with pytest.raises(ValueError, match="device id has the character ' '"):
                claim_service.button("a b")
            with pytest.raises(ValueError, match="must be SINGLE, DOUBLE or LONG"):
                simulated_button.click_sync("TRIPLE")

        def test_seeds(claim_faults):
            for number in (1.5, "7", True, None):
                with pytest.raises(TypeError, match="a seed is a whole number"):
                    claim_faults.seed(number)
            for number in (-1, 2**53):
                with pytest.raises(ValueError, match="a number from 0 to 9007199254740991"):
                    claim_faults.seed(number)
            claim_faults.seed(2**53 - 1)
            claim_faults.drop("*", probability=0.5)

        def test_outcomes(claim_service):
            with pytest.raises(ValueError, match="no attempt is 'CLAIMD'; outcomes are CLAIMED, "):
                claim_service.assert_outcome("A", "CLAIMD")
            claim_service.assert_outcome("A", "NONE")
        """
    )
    run(project).assert_outcomes(passed=4)


def test_an_aws_client_needs_no_file_in_anybodys_home(project):
    project.makepyfile(
        f"""
        import os, pathlib, subprocess, sys

        def test_client(claim_service, claim_client, simulated_button):
            claim_client.initiate_device_claim(DeviceId="{BUTTON}")
            simulated_button.click_sync()
            claim_client.finalize_device_claim(DeviceId="{BUTTON}")
            assert claim_client.can_paginate("list_devices")
            pages = claim_client.get_paginator("list_devices").paginate()
            assert [one["DeviceId"] for page in pages for one in page["Devices"]] == ["{BUTTON}"]

        def test_a_program_finds_it_by_its_environment(claim_service):
            claim_service.claimed_sync("{BUTTON}")
            program = (
                "import boto3; client = boto3.client('iot1click-devices');"
                "print(client.describe_device(DeviceId='{BUTTON}')['DeviceDescription']['Arn'])"
            )
            said = subprocess.run(
                [sys.executable, "-c", program],
                env={{**os.environ, **claim_service.environ}},
                capture_output=True, text=True, check=True,
            ).stdout
            assert claim_service.account in said
        """
    )
    run(project).assert_outcomes(passed=2)
    assert not (project.path / ".aws").exists()


def test_a_project_that_does_not_use_it_pays_nothing():
    """Beside pytest itself, the plugin loads two small modules."""
    code = """
import sys, time, pytest
before = set(sys.modules)
began = time.perf_counter()
import orchestrator.pytest_plugin
print((time.perf_counter() - began) * 1000)
print(*sorted(set(sys.modules) - before))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    took_ms, loaded = ran.stdout.splitlines()
    assert set(loaded.split()) == {"orchestrator", "orchestrator.pytest_plugin"}
    print(f"{float(took_ms):.1f} ms")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_example_passes_in_a_fresh_virtual_environment(tmp_path):
    environment, project = tmp_path / "venv", tmp_path / "project"
    project.mkdir()
    for path in EXAMPLE.iterdir():
        if path.is_file():
            (project / path.name).write_text(path.read_text())
    root = Path(__file__).parents[2]
    python = environment / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", environment],
        [python, "-m", "pip", "install", "-q", root, "pytest", "pytest-asyncio", "pytest-xdist"],
    ):
        subprocess.run(command, check=True, timeout=600)
    began_s = time.monotonic()
    ran = subprocess.run(
        [python, "-m", "pytest", "-n", "4", "-p", "no:cacheprovider"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "6 passed" in ran.stdout, ran.stdout + ran.stderr
    print(f"{time.monotonic() - began_s:.1f} s")
    assert not (tmp_path / ".aws").exists()
