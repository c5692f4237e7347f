"""Fixtures of a user's own that outlive a test, services beside each other, and other accounts."""

from __future__ import annotations

import pytest

pytest_plugins = "pytester"

BUTTON = "G030PM0123456789"
# Each test starts a pytest process of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_fixture_of_a_module_has_a_service_of_its_own(project, run_tests):
    project.makepyfile(
        f"""
        import pytest

        @pytest.fixture(scope="module")
        def provisioned(claim_service_factory):
            service = claim_service_factory()
            service.claimed_sync("{BUTTON}")
            return service

        def test_it_is_claimed(provisioned, claim_service):
            provisioned.assert_claimed("{BUTTON}")
            assert claim_service.outcome("{BUTTON}") == "NONE"
            assert provisioned.namespace != claim_service.namespace

        def test_it_still_is(provisioned, virtual_clock):
            began_ms = provisioned.clock.now_ms
            virtual_clock.advance_sync(1_000)
            assert provisioned.clock.now_ms == began_ms
            provisioned.client().describe_device(DeviceId="{BUTTON}")

        @pytest.fixture(scope="class")
        def served(request, claim_service_factory):
            request.cls.service = claim_service_factory()

        @pytest.mark.usefixtures("served")
        class TestOnce:
            def test_it(self): self.service.claimed_sync("{BUTTON}")

            def test_again(self): self.service.assert_claimed("{BUTTON}")

        async def test_two(claim_service_factory):
            first, second = claim_service_factory(), claim_service_factory()
            await first.claimed("{BUTTON}")
            await second.claimed("{BUTTON}")
        """
    )
    run_tests().assert_outcomes(passed=5)


def test_a_test_that_fails_is_told_what_its_modules_service_knows(project, run_tests):
    project.makepyfile(
        f"""
        import pytest

        @pytest.fixture(scope="module")
        def station(claim_service_factory):
            service = claim_service_factory()
            service.http.put("/devices/{BUTTON}/initiate-claim")
            return service

        def test_it(station): raise RuntimeError("something else")

        def test_next(station): raise RuntimeError("and once more")

        def test_not_concerned(): raise RuntimeError("another thing")
        """
    )
    failed = run_tests()
    failed.assert_outcomes(failed=3)
    assert failed.stdout.str().count(f"{BUTTON} is CLAIM_INITIATED") == 2


def test_two_accounts_in_one_namespace(project, run_tests):
    project.makepyfile(
        f"""
        import pytest

        def test_rivals(claim_service, claim_client, simulated_button, virtual_clock):
            rival = claim_service.another_account()
            assert rival.namespace == claim_service.namespace
            assert rival.account != claim_service.account
            claim_client.initiate_device_claim(DeviceId="{BUTTON}")
            client = rival.client()
            with pytest.raises(client.exceptions.ResourceConflictException):
                client.initiate_device_claim(DeviceId="{BUTTON}")
            virtual_clock.advance_sync(120_000)
            assert rival.clock.now_ms == virtual_clock.now_ms
            assert rival.button("{BUTTON}") is simulated_button
            rival.claimed_sync("{BUTTON}")
            rival.assert_claimed("{BUTTON}")
            with pytest.raises(AssertionError, match="is not claimed by account"):
                claim_service.assert_claimed("{BUTTON}")

        def test_told_once(claim_service):
            claim_service.another_account().claimed_sync("{BUTTON}")
            raise RuntimeError("something else")
        """
    )
    failed = run_tests()
    failed.assert_outcomes(passed=1, failed=1)
    assert failed.stdout.str().count(f"{BUTTON} is CLAIMED") == 1
