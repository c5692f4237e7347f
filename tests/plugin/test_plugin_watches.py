"""What a test asks the service about itself is struck by no fault, and what it is told is all."""

from __future__ import annotations

import pytest

pytest_plugins = "pytester"

BUTTON = "G030PM0123456789"
# Each test starts a pytest process of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_faults_of_every_operation_strike_no_question_of_the_test_itself(project, run_tests):
    project.makepyfile(
        f"""
        import pytest

        def test_asked(claim_service, claim_faults):
            claim_service.claimed_sync("{BUTTON}")
            claim_faults.crash("*", count=1)
            assert claim_service.outcome("{BUTTON}") == "CLAIMED"
            assert claim_service.record("{BUTTON}")["epoch"] == 1
            assert claim_service.disposition("{BUTTON}") == "MATCHED"
            claim_service.assert_claimed("{BUTTON}")
            assert claim_faults.struck == [0]

        def test_told(claim_service, claim_faults):
            claim_service.claimed_sync("{BUTTON}")
            claim_faults.drop("*")
            raise RuntimeError("the label printer is out of paper")
        """
    )
    result = run_tests("--durations=0", "-vv")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*- clickclaim -*", f"{BUTTON} is CLAIMED by account *"])
    result.stdout.no_re_match_line(r"\d\d\.\d+s ")  # a lost question is given up after 10 s


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ('drop(link="sim:")', "is not claimed by account *: its click was lost on the way: *"),
        (
            'error("FinalizeDeviceClaim", 503)',
            "is not claimed by account *: A fault of /v1/faults.",
        ),
        ('error("InitiateDeviceClaim", 503)', "cannot be claimed: A fault of /v1/faults."),
        ('crash("InitiateDeviceClaim")', "cannot be claimed: no answer came to initiate: *"),
        ('error("SendFrames", 503)', "is not claimed by account *: its click: A fault of *"),
    ],
)
def test_a_device_that_faults_leave_unclaimed_says_which_step_failed(
    project, run_tests, plan, says
):
    project.makepyfile(
        f"""
        def test_plain(claim_service, claim_faults):
            claim_faults.{plan}
            claim_service.claimed_sync("{BUTTON}")

        async def test_asyncio(claim_service, claim_faults):
            claim_faults.{plan}
            await claim_service.claimed("{BUTTON}")
        """
    )
    result = run_tests()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([f"E*StoryError: {BUTTON} {says}"] * 2)
    for inside in ("httpcore", "threads.py", "thread.py", "*pytest_plugin/*"):
        result.stdout.no_fnmatch_line(f"*{inside}*")


def test_a_device_is_claimed_where_retries_would_do(project, run_tests):
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("plan", [
            lambda faults: faults.duplicate("*"),
            lambda faults: faults.duplicate(link="*"),
            lambda faults: faults.crash("FinalizeDeviceClaim"),
            lambda faults: faults.crash("SendFrames"),
        ])
        def test_claimed(claim_service, claim_faults, plan):
            plan(claim_faults)
            claim_service.claimed_sync("{BUTTON}")
        """
    )
    run_tests().assert_outcomes(passed=4)


def test_a_click_that_is_on_no_record_is_told(project, run_tests):
    project.makepyfile(
        f"""
        def test_unknown(claim_service, simulated_button):
            simulated_button.click_sync()
            assert claim_service.disposition("{BUTTON}") == "MATCHED"

        def test_lost(claim_service, simulated_button, claim_faults):
            claim_service.http.put("/devices/{BUTTON}/initiate-claim")
            claim_faults.drop(link="sim:")
            simulated_button.click_sync("LONG")
            simulated_button.click_sync("LONG")
            assert claim_service.disposition("{BUTTON}") == "MATCHED"
        """
    )
    result = run_tests("-vv")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E*UNKNOWN_DEVICE is not MATCHED",
            f"E*{BUTTON}: nobody has initiated a claim of it",
            "E*besides:  SINGLE click is UNKNOWN_DEVICE: *",
            "E*NONE is not MATCHED",
            "E*besides:  LONG click was lost on the way: a fault of /v1/faults",
            "E*besides:  LONG click was lost on the way: a fault of /v1/faults",
        ]
    )


def test_a_mistake_is_told_at_the_line_that_made_it(project, run_tests):
    project.makepyfile(
        f"""
        def test_click(simulated_button): simulated_button.click_sync("TRIPLE")

        async def test_awaited_click(simulated_button): await simulated_button.click("TRIPLE")

        def test_repeat(simulated_button): simulated_button.repeat_sync()

        def test_time(virtual_clock): virtual_clock.advance_sync(1.5)

        async def test_awaited_time(virtual_clock): await virtual_clock.advance(-1)

        def test_fault(claim_faults): claim_faults.drop("InitiateDeviceClam")

        def test_dice(claim_faults): claim_faults.drop("*", probability=float("nan"))

        def test_id(claim_service): claim_service.outcome("a/b")

        def test_no_id(claim_service): claim_service.story("")

        def test_none(claim_service): claim_service.outcome(None)

        def test_other_key(claim_service, simulated_button):
            claim_service.button("{BUTTON}", key=b"k" * 16)

        def test_key(claim_service): claim_service.button("{BUTTON}", key="k" * 16)
        """
    )
    result = run_tests()
    result.assert_outcomes(failed=12)
    result.stdout.no_fnmatch_line("*pytest_plugin/*")
    result.stdout.no_fnmatch_line("*site-packages*")
    result.stdout.fnmatch_lines(
        [
            "E *clickType is 'TRIPLE'*",
            "E *clickType is 'TRIPLE'*",
            "E *was never clicked*",
            "E *whole milliseconds, not by 1.5",
            "E *does not go back*",
            "E *did you mean InitiateDeviceClaim?",
            "E *is no fault: *",
            "E *Device id 'a/b' is not 1 to 32 letters*",
            "E *Device id '' is not 1 to 32 letters*",
            "E *a device id is a text, and None is not",
            f"E *{BUTTON} has no key here; *",
            "E *the key of a button is bytes*",
        ]
    )


def test_a_button_keeps_its_key(project, run_tests):
    project.makepyfile(
        f"""
        def test_it(claim_service):
            button = claim_service.button("{BUTTON}", key=b"k" * 16)
            assert claim_service.button("{BUTTON}") is button
            assert claim_service.button("{BUTTON}", key=b"k" * 16) is button
        """
    )
    run_tests().assert_outcomes(passed=1)


def test_a_box_is_claimed_by_its_code(project, run_tests):
    project.makepyfile(
        """
        import pytest

        def test_box(claim_service, claim_client):
            code = claim_service.claim_code("LEFT", "RIGHT")
            claim_client.claim_devices_by_claim_code(ClaimCode=code)
            claim_service.assert_claimed("LEFT")
            with pytest.raises(ValueError, match="belongs to a claim code already"):
                claim_service.claim_code("RIGHT", "MORE")
            with pytest.raises(ValueError, match="at least one"):
                claim_service.claim_code()
            with pytest.raises(ValueError, match="Device id"):
                claim_service.claim_code("a/b")

        def test_told(claim_service):
            claim_service.claim_code("LEFT", "RIGHT")
            claim_service.assert_claimed("RIGHT")
        """
    )
    failed = run_tests()
    failed.assert_outcomes(passed=1, failed=1)
    assert "RIGHT is UNCLAIMED" in failed.stdout.str()
