"""The whole life of a button, in milliseconds, with no button, no account and no sleeping."""

from __future__ import annotations

import pytest
from provisioning import NotTakenOverError, begin, finish

DEVICE = "G030PM0123456789"


def test_a_pressed_button_is_the_customers(claim_service, claim_client, simulated_button):
    begin(claim_client, DEVICE)
    simulated_button.click_sync("DOUBLE")
    arn = finish(claim_client, DEVICE, "Ada")
    claim_service.assert_claimed(DEVICE)
    assert claim_client.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"customer": "Ada"}


def test_it_waits_for_the_press(claim_service, claim_client, simulated_button):
    begin(claim_client, DEVICE)
    finish(claim_client, DEVICE, "Ada", pause=simulated_button.click_sync)
    assert claim_service.outcome(DEVICE) == "CLAIMED"


def test_two_minutes_without_a_press(claim_service, claim_client, virtual_clock):
    begin(claim_client, DEVICE)
    with pytest.raises(NotTakenOverError):
        finish(claim_client, DEVICE, "Ada", pause=lambda: virtual_clock.advance_sync(120_000))
    assert claim_service.outcome(DEVICE) == "TIMED_OUT"


def test_an_answer_that_is_lost_after_the_commit(
    claim_service, claim_client, simulated_button, claim_faults
):
    """The client sends the request again, and the service knows it again."""
    begin(claim_client, DEVICE)
    simulated_button.click_sync()
    claim_faults.crash("FinalizeDeviceClaim", count=1)
    finish(claim_client, DEVICE, "Ada")
    assert claim_faults.struck == [1]
    claim_service.assert_claimed(DEVICE)


def test_a_press_that_the_radio_lost(claim_service, claim_client, simulated_button, claim_faults):
    begin(claim_client, DEVICE)
    claim_faults.drop(link="sim:", count=1)
    assert simulated_button.click_sync().disposition is None
    assert simulated_button.click_sync().disposition == "MATCHED"
    finish(claim_client, DEVICE, "Ada")
    claim_service.assert_claimed(DEVICE)


async def test_in_asyncio_too(claim_service, simulated_button, virtual_clock):
    await claim_service.claimed(DEVICE)
    await virtual_clock.advance(60_000)
    assert (await simulated_button.click("LONG")).disposition == "DELIVERED"
