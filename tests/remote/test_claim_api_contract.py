"""What ports.ClaimApi promises, over every way there is to a claim service."""

from __future__ import annotations

import asyncio

import pytest

from hardware.click import RawFrame
from orchestrator.domain import errors
from orchestrator.units import AttemptQuery

DEVICE = "G030PM0123456789"


async def test_a_claim_goes_through_and_its_attempt_says_so(account):
    api, world = account.api, account.world
    initiated = await api.initiate(DEVICE, invocation="claim-1")
    assert initiated.state == "CLAIM_INITIATED"
    assert initiated.epoch == 1
    assert initiated.window_ms == 120_000
    assert initiated.deadline_ms == world.clock.now_ms() + 120_000
    opened = await api.attempt(initiated.attempt_id)
    assert (opened.outcome, opened.invocation) == (None, "claim-1")
    await world.clock.advance(1500)
    await account.press(DEVICE)
    state = await api.finalize(
        DEVICE, tags={"Fahrer": "Jörg"}, if_epoch=initiated.epoch, invocation="claim-1"
    )
    assert state == "CLAIMED"
    ended = await api.attempt(initiated.attempt_id)
    assert ended == await world.service.attempt(account.caller, initiated.attempt_id)
    assert ended.outcome == "CLAIMED"
    assert [mark.what for mark in ended.timeline] == ["initiated", "click", "finalized"]
    device = await world.service.describe(account.caller, DEVICE)
    assert device.tags == {"Fahrer": "Jörg"}


async def test_the_same_invocation_is_answered_the_same(account):
    first = await account.api.initiate(DEVICE, invocation="claim-1")
    again = await account.api.initiate(DEVICE, invocation="claim-1")
    assert (again.epoch, again.attempt_id) == (first.epoch, first.attempt_id)
    await account.press(DEVICE)
    asked = {"tags": None, "if_epoch": first.epoch, "invocation": "claim-1"}
    assert await account.api.finalize(DEVICE, **asked) == "CLAIMED"
    assert await account.api.finalize(DEVICE, **asked) == "CLAIMED"


async def test_unclaim_holds_its_conditions_and_keeps_its_reason(account):
    api = account.api
    initiated = await api.initiate(DEVICE, invocation="claim-1")
    asked = {"if_state": "CLAIM_INITIATED", "invocation": "clean-up"}
    with pytest.raises(errors.StaleEpochError):
        await api.unclaim(DEVICE, if_epoch=initiated.epoch + 1, **asked)
    reason = "Ctrl-C am Prüfstand, " * 20
    assert await api.unclaim(DEVICE, if_epoch=1, reason=reason[:100], **asked) == "UNCLAIMED"
    attempt = await api.attempt(initiated.attempt_id)
    assert (attempt.outcome, attempt.reason) == ("CANCELLED", reason[:100])
    with pytest.raises(errors.UnknownDeviceError):
        await api.unclaim(DEVICE, if_epoch=None, if_state=None, invocation="again")


async def refused(awaitable) -> errors.RefusedError:
    with pytest.raises(errors.RefusedError) as caught:
        await awaitable
    return caught.value


async def test_each_refusal_is_its_own_error_with_its_own_words(account):
    api, world = account.api, account.world

    def finalize(device_id, epoch=1):
        return api.finalize(device_id, tags=None, if_epoch=epoch, invocation="f")

    async def same(awaitable, expected: errors.RefusedError):
        error = await refused(awaitable)
        assert (type(error), str(error)) == (type(expected), str(expected))

    stranger = await world.access.create()
    await world.claim("TAKEN", world.access.trusted(stranger.access_key))
    await same(api.initiate("TAKEN", invocation="i"), errors.TakenError("TAKEN"))
    await same(finalize("NOWHERE"), errors.UnknownDeviceError())
    await api.initiate("A", invocation="i")
    await same(finalize("A"), errors.PressNotSeenError("A"))
    await account.press("A")
    await same(finalize("A", 5), errors.StaleEpochError("A", "epoch 5", "epoch 1"))
    await world.clock.advance(200_000)
    await same(finalize("A"), errors.NoClaimOpenError("A"))
    for number in range(20):
        await api.initiate("B", invocation=f"i{number}")
    error = await refused(api.initiate("B", invocation="one too many"))
    assert type(error) is errors.TooManyInitiatesError
    for device_id in ("a/b", "", "x" * 33, "..", "ü"):
        error = await refused(api.initiate(device_id, invocation="i"))
        assert type(error) is errors.InvalidRequestError
    error = await refused(api.finalize("A", tags={"aws:x": "1"}, if_epoch=1, invocation="f"))
    assert type(error) is errors.InvalidRequestError


async def test_attempts_are_those_of_the_account_newest_first(account):
    api, world = account.api, account.world
    await world.claim("OTHER", world.access.trusted("SOMEBODY"))
    for number in range(5):
        await api.initiate(f"D{number}", invocation=f"claim-{number}")
        await world.clock.advance(1)

    async def ids(**asked):
        return [one.device_id for one in await api.attempts(AttemptQuery(**asked))]

    assert await ids() == ["D4", "D3", "D2", "D1", "D0"]
    assert await ids(limit=2) == ["D4", "D3"]
    assert await ids(limit=0) == []
    assert await ids(device_id="D1") == ["D1"]
    assert await ids(invocation="claim-3") == ["D3"]
    assert await ids(outcome="CLAIMED") == []
    assert await ids(open_only=True, device_id="D2") == ["D2"]
    assert await ids(namespace="elsewhere", account="999999999999", limit=1) == ["D4"]
    newest = (await api.attempts(AttemptQuery(limit=2)))[-1]
    before = (newest.opened_ms, newest.attempt_id)
    assert await ids(before=before) == ["D2", "D1", "D0"]


async def test_another_accounts_attempt_does_not_exist(account):
    await account.world.claim("OTHER", account.world.access.trusted("SOMEBODY"))
    (foreign,) = await account.world.store.attempts(AttemptQuery())
    assert await account.api.attempt(foreign.attempt_id) is None
    assert await account.api.attempt("never-was") is None


async def test_facts_tell_the_accounts_claims_from_now_on(account):
    world = account.world
    await world.claim("EARLIER", account.caller)
    facts = account.api.facts()
    first = asyncio.create_task(anext(facts))
    while not world.hub._listeners:
        await asyncio.sleep(0)
    await world.claim("OTHER", world.access.trusted("SOMEBODY"))
    initiated = await account.api.initiate(DEVICE, invocation="claim-1")
    await account.press(DEVICE)
    async with asyncio.timeout(30):
        told = [await first, await anext(facts)]
        world.app.close()
        world.hub.close()
        assert [fact async for fact in facts] == []
    assert [fact.kind for fact in told] == ["claim-initiated", "click"]
    for fact in told:
        assert fact.device_id == DEVICE
        assert fact.account == account.caller.account
        assert fact.attempt_id == initiated.attempt_id
    assert told[0].data["epoch"] == initiated.epoch
    assert told[1].data["disposition"] == "MATCHED"


async def test_frames_arrive_whole_and_in_order_whatever_their_number(account):
    frames = [
        RawFrame(
            transport="ble-advertisement",
            source="ble:",
            heard_ms=1_700_000_000_000 + number,
            payload=b"%d" % number + b" " * 900,
            address="A4:C1:38:8D:18:B2",
            channel="0000fcd2-0000-1000-8000-00805f9b34fb",
            name="Knopf",
            rssi_dbm=-70,
            service_uuids=("u1", "u2"),
            manufacturer_data=((0x0BA9, b"\x00\xff"), (1, b"")),
            direct=True,
            queued=number % 2 == 0,
            last_heard_before_ms=5 if number % 2 == 0 else None,
        )
        for number in range(300)
    ]
    receipts = await account.api.send_frames(frames, invocation="i1")
    assert [receipt.reason.strip() for receipt in receipts] == [str(n) for n in range(300)]
    assert [frame for _, frame in account.world.frames] == frames
    assert {caller for caller, _ in account.world.frames} == {account.caller}
    asked = account.world.invocations.copy()
    assert all(str(one).startswith("i1") for one in asked)
    await account.api.send_frames(frames, invocation="i1")
    assert account.world.invocations == asked + asked  # the same frames, under the same ids
    assert len(set(asked)) == len(asked)
    assert await account.api.send_frames([], invocation="i2") == []
