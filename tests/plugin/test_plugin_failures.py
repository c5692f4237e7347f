"""What a user's failed test is told: once, whole, and in the service's own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = "pytester"

BUTTON = "G030PM0123456789"
# Each test starts a pytest process of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_story_that_an_assert_tells_whole_is_no_section_too(project, run_tests):
    project.makepyfile(
        f"""
        def test_outcome(claim_service):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            assert claim_service.outcome("{BUTTON}") == "CLAIMED"
        """
    )
    result = run_tests("-vv")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*OPEN is not CLAIMED", f"E*{BUTTON} is CLAIM_INITIATED by *"])
    result.stdout.no_fnmatch_line("*- clickclaim -*")


def test_a_story_that_an_assert_cuts_short_is_told_whole_below(project, run_tests, monkeypatch):
    for name in ("CI", "BUILD_NUMBER"):  # there pytest cuts nothing
        monkeypatch.delenv(name, raising=False)
    project.makepyfile(
        f"""
        def test_outcome(claim_service, virtual_clock):
            for _ in range(5):
                claim_service.http.put("/devices/{BUTTON}/initiate-claim")
                virtual_clock.advance_sync(120_000)
            assert claim_service.outcome("{BUTTON}") == "CLAIMED"
        """
    )
    result = run_tests()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*truncated*", "*- clickclaim -*", "*epoch 5, open for*", "*now"])


@pytest.mark.parametrize(
    ("comparison", "says"),
    [("!= 'OPEN'", "assert OPEN != OPEN"), ("in ('TIMED_OUT',)", "assert OPEN in ('TIMED_OUT',)")],
)
def test_a_comparison_is_told_as_it_was_asked(project, run_tests, comparison, says):
    project.makepyfile(
        f"""
        def test_outcome(claim_service):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            assert claim_service.outcome("{BUTTON}") {comparison}
        """
    )
    run_tests().stdout.fnmatch_lines([f"E*{says}"])


def test_a_fixture_that_fails_tells_the_story_too(project, run_tests):
    project.makepyfile(
        f"""
        import pytest, unittest

        @pytest.fixture
        def provisioned(request):
            service = request.getfixturevalue("claim_service")
            service.claimed_sync("{BUTTON}")
            raise RuntimeError("the label printer is out of paper")

        def test_it(provisioned): pass

        class OldStyle(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def service(self, claim_service):
                claim_service.claimed_sync("{BUTTON}")

            def test_it(self):
                assert 1 == 2
        """
    )
    result = run_tests()
    result.assert_outcomes(errors=1, failed=1)
    result.stdout.fnmatch_lines(["*- clickclaim -*", f"{BUTTON} is CLAIMED by account *"] * 2)


def test_what_the_service_refuses_is_said_in_its_words(project, run_tests):
    project.makepyfile(
        f"""
        import pytest

        def test_ids(claim_service):
            for ask in (
                claim_service.outcome, claim_service.record, claim_service.disposition,
                claim_service.assert_claimed, claim_service.story,
            ):
                with pytest.raises(ValueError, match="Device id 'a b' is not 1 to 32 letters"):
                    ask("a b")

        def test_refused(claim_service, claim_faults):
            claim_faults.error("InitiateDeviceClaim", "ResourceConflictException")
            with pytest.raises(AssertionError, match="^{BUTTON} cannot be claimed: This is a"):
                claim_service.claimed_sync("{BUTTON}")

        def test_gateway(claim_service, claim_faults):
            claim_faults.error("InitiateDeviceClaim", 502)
            with pytest.raises(AssertionError, match="^{BUTTON} cannot be claimed: A fault of"):
                claim_service.claimed_sync("{BUTTON}")
        """
    )
    run_tests().assert_outcomes(passed=3)


def test_a_service_that_was_killed_is_missed_in_one_sentence(project, run_tests):
    project.makepyfile(
        """
        import fcntl, os, pathlib, signal, pytest

        def test_it_is_killed(claim_service, tmp_path_factory):
            mine = str(tmp_path_factory.getbasetemp() / "clickclaim").encode()
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    of_it = (process / "cmdline").read_bytes().split(b"\\0")
                except OSError:  # ended meanwhile
                    continue
                if mine in of_it:
                    os.kill(int(process.name), signal.SIGKILL)
            with open(os.path.join(os.fsdecode(mine), "alive.lock")) as alive:
                fcntl.flock(alive, fcntl.LOCK_SH)  # the kernel lets go of it when it has ended

        def test_next(claim_service): pass
        """
    )
    result = run_tests("-p", "no:randomly")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*ServiceGoneError: The claim service at * ended while tests*"])
    result.stdout.no_fnmatch_line("*httpcore*")


def test_whatever_the_environment_says_the_fixtures_work(project, run_tests, monkeypatch):
    (project.path / "aws.ini").write_text("[default]\nrequest_min_compression_size_bytes = many\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", "aws.ini")
    monkeypatch.setenv("AWS_PROFILE", "of-somebody-else")
    monkeypatch.setenv("SSL_CERT_FILE", "not-there.pem")
    project.makepyfile(
        f"""
        def test_client(claim_client, simulated_button):
            claim_client.initiate_device_claim(DeviceId="{BUTTON}")
            assert simulated_button.click_sync().disposition == "MATCHED"
        """
    )
    run_tests().assert_outcomes(passed=1)


def test_a_program_under_test_needs_no_proxy_to_reach_it(project, run_tests, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "intranet.example")
    project.makepyfile(
        f"""
        import boto3

        def test_environ(claim_service, monkeypatch):
            for name, value in claim_service.environ.items():
                monkeypatch.setenv(name, value)
            assert claim_service.environ["NO_PROXY"] == "intranet.example,127.0.0.1"
            boto3.client("iot1click-devices").initiate_device_claim(DeviceId="{BUTTON}")
        """
    )
    run_tests().assert_outcomes(passed=1)


def test_a_program_under_test_calls_nobody_else(project, run_tests, monkeypatch):
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-job")
    project.makepyfile(
        """
        import boto3

        def test_environ(claim_service, monkeypatch):
            for name, value in claim_service.environ.items():
                monkeypatch.setenv(name, value)
            client = boto3.client("iot1click-devices")
            assert client.meta.endpoint_url == claim_service.url
            client.list_devices()
        """
    )
    run_tests().assert_outcomes(passed=1)


@pytest.mark.parametrize("name", ["hardware", "queue"])
def test_a_module_beside_the_tests_is_not_taken_by_the_service(project, name):
    (project.path / f"{name}.py").write_text("raise ImportError('somebody else is imported')")
    project.makepyfile(f"def test_it(claim_service): claim_service.claimed_sync('{BUTTON}')")
    # Unlike ``python -m pytest``, and pytester, it looks for no modules where it is started.
    command = [Path(sys.executable).with_name("pytest"), "-p", "clickclaim", "-p", "asyncio"]
    ran = subprocess.run(
        [*command, "--import-mode=importlib"],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "1 passed" in ran.stdout, ran.stdout


def test_a_package_of_a_project_that_hides_ours_is_named(project, run_tests):
    project.mkpydir("hardware")
    project.makepyfile("def test_it(claim_service): pass")  # its folder comes first in sys.path
    result = run_tests()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"E*PackageHiddenError: *package hardware comes from {project.path / 'hardware'}*"]
    )
    result.stdout.no_fnmatch_line("*ModuleNotFoundError*")
