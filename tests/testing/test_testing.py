"""The tools for other people's tests, used as other people would."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace

import httpx
import pytest

import orchestrator.testing
from firmware_sim.core.wire import WireError
from orchestrator.domain.errors import InvalidRequestError, TakenError
from orchestrator.settings import for_profile
from orchestrator.testing import ClickMissedError, VirtualClock, claim_service

BUTTON = "G030PM0123456789"


@pytest.mark.slow
def test_the_example_in_the_documentation_runs(tmp_path):
    _, _, rest = orchestrator.testing.__doc__.partition("::\n")
    code = textwrap.dedent(rest.partition("\n``service.http``")[0])
    assert code.count("async def test_") == 2
    (tmp_path / "test_example.py").write_text(code)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


async def test_one_line_gives_a_claimed_device():
    async with claim_service() as service:
        attempt = await service.claimed(BUTTON, "LONG")
        assert attempt.outcome == "CLAIMED"
        assert attempt.simulated
        described = await service.http.get(f"/devices/{BUTTON}")
        assert described.json()["deviceDescription"]["deviceId"] == BUTTON


async def test_a_repeat_is_told_from_a_click():
    async with claim_service() as service:
        button = service.button(BUTTON)
        claim = service.claim(BUTTON)
        while not await service.service.store.device("default", BUTTON):
            await service.service.clock.sleep_until(service.service.clock.now_ms() + 1)
        assert (await button.click()).disposition == "MATCHED"
        assert (await button.repeat()).disposition == "DUPLICATE"
        assert (await claim).outcome == "CLAIMED"
        assert (await button.click()).disposition == "DELIVERED"


async def test_a_client_of_ones_own_reaches_the_same_service():
    async with (
        claim_service() as service,
        httpx.AsyncClient(transport=service.transport, base_url="http://any") as client,
    ):
        await service.claimed(BUTTON)
        listed = await client.get("/devices")
        assert [one["deviceId"] for one in listed.json()["devices"]] == [BUTTON]


async def test_two_services_know_nothing_of_each_other():
    async with claim_service() as one, claim_service() as other:
        await one.claimed(BUTTON)
        assert (await other.http.get("/devices")).json() == {"devices": []}


async def test_production_takes_no_simulated_click_here_either():
    async with claim_service(for_profile("production")) as service:
        await service.service.registry.add("default", [BUTTON])
        key = await service.service.access.create()
        caller = service.service.access.trusted(key.access_key)
        await service.service.claims.initiate(caller, BUTTON)
        assert (await service.button(BUTTON).click()).disposition == "SIMULATED_REFUSED"


@pytest.mark.parametrize("seconds", [1, 119])
async def test_virtual_time_passes_only_when_told(seconds):
    clock = VirtualClock()
    async with claim_service(clock=clock) as service:
        claim = service.claim(BUTTON)
        await clock.advance(0)
        await clock.advance(seconds * 1000)
        assert not claim.done()
        await service.button(BUTTON).click()
        await clock.advance(0)
        attempt = await claim
        assert attempt.latencies_ms["click_ms"] == seconds * 1000


async def test_a_claim_that_is_refused_raises_the_refusal_itself():
    async with claim_service() as service:
        await service.claimed(BUTTON)
        with pytest.raises(TakenError, match=BUTTON):
            await service.claimed(BUTTON)
        with pytest.raises(InvalidRequestError, match="Device id 'a b'"):
            await service.claimed("a b")


async def test_a_click_that_cannot_be_ends_the_claim_with_its_own_error():
    async with claim_service() as service:
        with pytest.raises(WireError, match="must be SINGLE, DOUBLE or LONG"):
            await service.claimed(BUTTON, "single")


async def test_a_button_that_was_never_clicked_has_nothing_to_repeat():
    async with claim_service() as service:
        with pytest.raises(ValueError, match=f"{BUTTON} was never clicked"):
            await service.button(BUTTON).repeat()


async def test_a_button_goes_on_counting_whoever_asks_for_it():
    async with claim_service() as service:
        await service.claimed(BUTTON)
        assert (await service.button(BUTTON).click("LONG")).disposition == "DELIVERED"
        assert service.button(BUTTON) is service.button(BUTTON)
        assert service.button(BUTTON, namespace="elsewhere") is not service.button(BUTTON)
        with pytest.raises(ValueError, match=f"{BUTTON} has no key here"):
            service.button(BUTTON, key=b"k" * 16)


@pytest.mark.parametrize(
    ("kind", "error"), [("crash", httpx.RemoteProtocolError), ("drop", httpx.ReadTimeout)]
)
async def test_a_request_without_an_answer_ends_as_over_a_network(kind, error):
    async with claim_service() as service:
        fault = {"kind": kind, "operation": "InitiateDeviceClaim", "count": 1}
        await service.http.put("/v1/faults", json={"faults": [fault]})
        with pytest.raises(error):
            await service.http.put(f"/devices/{BUTTON}/initiate-claim", timeout=0.05)
        done = (await service.http.get("/v1/records")).json()["records"]
        assert len(done) == (kind == "crash")


async def test_a_click_that_claims_nothing_is_told_at_once_and_not_waited_for():
    clock = VirtualClock()
    async with claim_service(clock=clock) as service:
        lost = {"kind": "drop", "link": "sim:", "count": 1}
        await service.http.put("/v1/faults", json={"faults": [lost]})
        with pytest.raises(ClickMissedError, match=f"{BUTTON} is not claimed: its click was lost"):
            await service.claimed(BUTTON)
        records = (await service.http.get("/v1/records")).json()["records"]
        assert [one["outcome"] for one in records] == ["CANCELLED"]
        await service.claimed(BUTTON)


async def test_a_click_of_the_wrong_kind_is_told_at_once():
    settings = for_profile("dev")
    settings = replace(settings, clicks=replace(settings.clicks, claim_click_type="LONG"))
    async with claim_service(settings, clock=VirtualClock()) as service:
        with pytest.raises(ClickMissedError, match="its click is WRONG_CLICK_TYPE: "):
            await service.claimed(BUTTON, "DOUBLE")


async def test_a_claim_that_nobody_awaits_ends_with_its_service():
    async with claim_service(clock=VirtualClock()) as service:
        claim = service.claim(BUTTON)
        await service.service.clock.advance(0)
    assert claim.cancelled()


async def test_a_button_that_cannot_be_is_refused_where_it_is_made():
    async with claim_service() as service:
        for device_id in ("", "a b", None):
            with pytest.raises(WireError, match="device id"):
                service.button(device_id)
        with pytest.raises(TypeError, match="the key of a button is bytes"):
            service.button(BUTTON, key="k" * 16)
