"""The operations on claimed devices, row by row of the situation table."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from orchestrator.claims.facts import FactHub, Reset
from orchestrator.claims.methods import METHODS
from orchestrator.domain.errors import (
    ClaimCodeRefusedError,
    InvalidRequestError,
    PageTokenError,
    TakenError,
    UnknownDeviceError,
)
from orchestrator.domain.ids import Caller, format_arn
from orchestrator.ports import Fact
from orchestrator.settings import Settings
from orchestrator.units import AttemptQuery
from tests.claims.bench import ELSEWHERE, MINE, THEIRS, Bench

FAR_MS = 2**41


async def events_of(bench: Bench, caller: Caller = MINE, **query):
    page = await bench.service.list_events(
        caller, "B1", **({"from_ms": 0, "to_ms": FAR_MS} | query)
    )
    return [json.loads(event.std_event) for event in page.items]


async def test_a_device_that_is_not_mine_does_not_exist_for_me(bench):
    await bench.registry.add("default", ["B1"])
    await bench.service.initiate(THEIRS, "B1")
    for state in ("pending", "claimed"):
        if state == "claimed":
            await bench.click("B1")
            await bench.service.finalize(THEIRS, "B1")
        for caller in (MINE, ELSEWHERE):
            arn = format_arn("us-west-2", caller.account, "B1")
            for ask in (
                bench.service.describe(caller, "B1"),
                bench.service.methods(caller, "B1"),
                bench.service.list_events(caller, "B1", from_ms=0, to_ms=1),
                bench.service.update_state(caller, "B1", enabled=True),
                bench.service.invoke(
                    caller,
                    "B1",
                    device_type="device",
                    method_name="getDeviceHealthParameters",
                    parameters=None,
                ),
                bench.service.tag(caller, arn, {"a": "b"}),
                bench.service.untag(caller, arn, ["a"]),
                bench.service.list_tags(caller, arn),
            ):
                with pytest.raises(UnknownDeviceError, match="could not be found"):
                    await ask


async def test_a_foreign_arn_is_not_found(bench):
    await bench.claim(MINE, "B1")
    for region, account in (("eu-west-1", MINE.account), ("us-west-2", THEIRS.account)):
        with pytest.raises(UnknownDeviceError):
            await bench.service.list_tags(MINE, format_arn(region, account, "B1"))


async def test_a_claimed_device_starts_disabled_with_its_tags_and_life(bench):
    await bench.service.initiate(MINE, "B1")
    await bench.click("B1")
    await bench.service.finalize(MINE, "B1", tags={"Room": "Kitchen 1"})
    view = await bench.service.describe(MINE, "B1")
    assert (view.enabled, view.remaining_life, dict(view.tags)) == (
        False,
        99.95,
        {"Room": "Kitchen 1"},
    )
    assert view.arn == f"arn:aws:iot1click:us-west-2:{MINE.account}:devices/B1"


async def test_events_begin_with_the_claiming_click_and_leave_out_what_did_not_count(bench):
    await bench.registry.add("default", ["B1"])
    await bench.click("B1")
    await bench.service.initiate(MINE, "B1")
    bench.clock.move(1_000)
    await bench.click("B1", press_id="claiming")
    await bench.click("B1", press_id="claiming")
    await bench.service.finalize(MINE, "B1")
    bench.clock.move(1_000)
    await bench.click("B1", click_type="DOUBLE")
    await bench.click("B1", click_type="TRIPLE")
    assert [event["clickType"] for event in await events_of(bench)] == ["SINGLE", "DOUBLE"]


async def test_a_new_owner_sees_nothing_of_the_old_one(bench):
    await bench.claim(MINE, "B1")
    await bench.click("B1", click_type="LONG")
    await bench.service.unclaim(MINE, "B1")
    await bench.claim(THEIRS, "B1")
    assert [event["clickType"] for event in await events_of(bench, THEIRS)] == ["SINGLE"]
    view = await bench.service.describe(THEIRS, "B1")
    assert (view.tags, view.enabled) == ({}, False)


async def test_the_published_form_of_an_event(bench):
    await bench.claim(MINE, "B1")
    page = await bench.service.list_events(MINE, "B1", from_ms=0, to_ms=FAR_MS)
    text = page.items[0].std_event
    assert text.startswith('{"clickType": "SINGLE", "reportedTime": "2023-11-14T22:13:20.000Z", ')
    event = json.loads(text)
    assert list(event) == [
        "clickType",
        "reportedTime",
        "certificateId",
        "remainingLife",
        "testMode",
    ]
    assert len(event["certificateId"]) == 64
    assert text == json.dumps(event)


async def test_bounds_from_is_inclusive_and_to_is_exclusive(bench):
    await bench.claim(MINE, "B1")
    at_ms = bench.clock.now_ms()
    assert len(await events_of(bench, from_ms=at_ms, to_ms=at_ms + 1)) == 1
    assert await events_of(bench, from_ms=at_ms + 1, to_ms=at_ms + 2) == []
    assert await events_of(bench, from_ms=at_ms - 1, to_ms=at_ms) == []
    with pytest.raises(InvalidRequestError, match="later than"):
        await events_of(bench, from_ms=2, to_ms=1)


async def test_pages_give_everything_once_and_in_order(bench):
    for number in range(7):
        await bench.claim(MINE, f"B{number}")
    seen, token = [], None
    while True:
        page = await bench.service.list_devices(MINE, max_results=3, next_token=token)
        seen += [view.device_id for view in page.items]
        if (token := page.next_token) is None:
            break
    assert seen == [f"B{number}" for number in range(7)]


async def test_a_token_is_for_one_caller_one_list_one_filter_and_one_day(bench):
    for number in range(3):
        await bench.claim(MINE, f"B{number}")
    token = (await bench.service.list_devices(MINE, max_results=1)).next_token
    for caller, device_type, bad in (
        (THEIRS, None, token),
        (ELSEWHERE, None, token),
        (MINE, "button", token),
        (MINE, None, token[:-4] + "AAAA"),
        (MINE, None, "x"),
        (MINE, None, "é"),
        (MINE, None, ""),
    ):
        with pytest.raises(PageTokenError):
            await bench.service.list_devices(caller, device_type=device_type, next_token=bad)
    bench.clock.move(25 * 3600 * 1000)
    with pytest.raises(PageTokenError):
        await bench.service.list_devices(MINE, next_token=token)


@pytest.mark.parametrize("size", [0, 251, -1])
async def test_a_page_has_1_to_250_items(bench, size):
    with pytest.raises(InvalidRequestError, match="choose 1 to 250"):
        await bench.service.list_devices(MINE, max_results=size)


async def test_tags_overwrite_and_fifty_is_the_limit(bench):
    await bench.claim(MINE, "B1")
    arn = format_arn("us-west-2", MINE.account, "B1")
    await bench.service.tag(MINE, arn, {f"k{n}": "" for n in range(50)})
    await bench.service.tag(MINE, arn, {"k0": "again"})
    with pytest.raises(InvalidRequestError, match="at most 50"):
        await bench.service.tag(MINE, arn, {"one more": "x"})
    await bench.service.untag(MINE, arn, ["k1", "never there"])
    tags = await bench.service.list_tags(MINE, arn)
    assert (len(tags), tags["k0"]) == (49, "again")


@pytest.mark.parametrize(
    "tags",
    [{"aws:x": "1"}, {"x": "aws:1"}, {"": "1"}, {"k" * 128: "1"}, {"k": "v" * 256}],
)
async def test_bad_tags_are_refused_at_finalize_too_and_nothing_is_claimed(bench, tags):
    await bench.service.initiate(MINE, "B1")
    await bench.click("B1")
    with pytest.raises(InvalidRequestError):
        await bench.service.finalize(MINE, "B1", tags=tags)
    assert await bench.service.finalize(MINE, "B1", tags={"k" * 127: "v" * 255}) == "CLAIMED"


async def test_methods_stand_in_the_published_order(bench):
    await bench.claim(MINE, "B1")
    assert await bench.service.methods(MINE, "B1") == METHODS
    answer = await bench.service.invoke(
        MINE,
        "B1",
        device_type="device",
        method_name="getDeviceHealthParameters",
        parameters=None,
    )
    assert answer == '{"remainingLife": 99.95}'


@pytest.mark.parametrize(
    ("device_type", "method_name", "parameters"),
    [
        ("button", "getDeviceHealthParameters", None),
        ("device", "selfDestruct", None),
        ("device", "getDeviceHealthParameters", ""),
        ("button", "getOnClickCallback", ""),
        ("button", "setOnClickCallback", None),
        ("button", "setOnClickCallback", "[]"),
        ("button", "setOnClickCallback", "[" * 5000),
        # Half a character, which neither a store nor an answer can hold.
        ("button", "setOnClickCallback", '{"callback": {"awsLambdaArn": "\\ud800"}}'),
        ("button", "setOnClickCallback", '{"callback": {"url": "https://evil.example"}}'),
        ("button", "setOnClickCallback", '{"callback": {"url": "file:///etc/passwd"}}'),
        (
            "device",
            "setDeviceHealthMonitorCallback",
            '{"callback": {"awsLambdaArn": "a"}, "condition": {"remainingLifeLowerThan": true}}',
        ),
    ],
)
async def test_a_method_that_cannot_be_invoked_so(bench, device_type, method_name, parameters):
    await bench.claim(MINE, "B1")
    with pytest.raises(InvalidRequestError):
        await bench.service.invoke(
            MINE, "B1", device_type=device_type, method_name=method_name, parameters=parameters
        )


async def test_callbacks_are_kept_returned_and_fire_only_while_enabled():
    bench = Bench(Settings(callback_hosts=("hooks.example",)))
    await bench.claim(MINE, "B1")
    setting = '{"callback": {"url": "https://hooks.example/click"}}'

    async def invoke(method_name, parameters=None):
        return await bench.service.invoke(
            MINE, "B1", device_type="button", method_name=method_name, parameters=parameters
        )

    assert await invoke("getOnClickCallback") == "{}"
    await invoke("setOnClickCallback", setting)
    assert await invoke("getOnClickCallback") == setting
    await bench.click("B1")
    assert await bench.store.deliveries(FAR_MS) == []
    await bench.service.update_state(MINE, "B1", enabled=True)
    await bench.click("B1", press_id="enabled")
    await bench.click("B1", press_id="enabled")
    (delivery,) = await bench.store.deliveries(FAR_MS)
    assert delivery.url == "https://hooks.example/click"
    assert json.loads(delivery.payload)["deviceEvent"]["buttonClicked"]["clickType"] == "SINGLE"
    await bench.service.unclaim(MINE, "B1")
    await bench.claim(THEIRS, "B1")
    assert (
        await bench.service.invoke(
            THEIRS,
            "B1",
            device_type="button",
            method_name="getOnClickCallback",
            parameters=None,
        )
        == "{}"
    )


async def test_the_health_callback_fires_once_when_life_falls_below_its_threshold():
    bench = Bench(Settings(callback_hosts=("hooks.example",)))
    await bench.claim(MINE, "B1")
    await bench.service.update_state(MINE, "B1", enabled=True)
    await bench.service.invoke(
        MINE,
        "B1",
        device_type="device",
        method_name="setDeviceHealthMonitorCallback",
        parameters='{"callback": {"url": "https://hooks.example/health"}}',
    )
    for life in (50.0, 9.5, 9.0):
        await bench.click("B1", remaining_life=life)
    (delivery,) = await bench.store.deliveries(FAR_MS)
    condition = json.loads(delivery.payload)["deviceEvent"]["deviceHealthMonitor"]["condition"]
    assert condition == {"remainingLifeLowerThan": 10}


async def test_a_lambda_is_stored_and_returned(bench):
    await bench.claim(MINE, "B1")
    setting = '{"callback": {"awsLambdaArn": "arn:aws:lambda:us-west-2:1:function:f"}}'
    for parameters in (setting, None):
        answer = await bench.service.invoke(
            MINE,
            "B1",
            device_type="button",
            method_name="setOnClickCallback" if parameters else "getOnClickCallback",
            parameters=parameters,
        )
    assert answer == setting


async def test_a_claim_code_claims_its_box_once(bench):
    await bench.registry.add("default", ["B1", "B2", "B3"])
    code = await bench.registry.create_claim_code("default", ["B1", "B2", "B3"])
    await bench.service.initiate(THEIRS, "B2")
    assert (await bench.service.claim_by_code(MINE, code)).total == 3
    cancelled = await bench.service.attempts(THEIRS, AttemptQuery())
    assert [(one.outcome, one.reason) for one in cancelled] == [("CANCELLED", "claim code")]
    await bench.service.unclaim(MINE, "B1")
    assert (await bench.service.claim_by_code(MINE, code)).total == 3
    assert [one.device_id for one in (await bench.service.list_devices(MINE)).items] == [
        "B2",
        "B3",
    ]
    with pytest.raises(ClaimCodeRefusedError):
        await bench.service.claim_by_code(THEIRS, code)
    with pytest.raises(ClaimCodeRefusedError):
        await bench.service.claim_by_code(ELSEWHERE, code)


async def test_a_box_with_a_device_of_somebody_elses_changes_nothing(bench):
    await bench.registry.add("default", ["B1", "B2"])
    code = await bench.registry.create_claim_code("default", ["B1", "B2"])
    await bench.claim(THEIRS, "B2")
    with pytest.raises(ClaimCodeRefusedError):
        await bench.service.claim_by_code(MINE, code)
    assert (await bench.service.list_devices(MINE)).items == ()


async def test_failed_tries_of_claim_codes_are_limited(bench):
    await bench.registry.add("default", ["B1"])
    code = await bench.registry.create_claim_code("default", ["B1"])
    for _ in range(10):
        with pytest.raises(ClaimCodeRefusedError):
            await bench.service.claim_by_code(MINE, "C-NOTTHISONE1")
    with pytest.raises(ClaimCodeRefusedError):
        await bench.service.claim_by_code(MINE, code)
    bench.clock.move(10 * 60_000)
    assert (await bench.service.claim_by_code(MINE, code)).total == 1


async def test_an_unknown_device_is_registered_only_where_the_profile_says_so():
    bench = Bench(Settings(register_on_initiate=False))
    with pytest.raises(UnknownDeviceError):
        await bench.service.initiate(MINE, "B1")
    await bench.registry.add("default", ["B1"])
    assert (await bench.service.initiate(MINE, "B1")).state == "CLAIM_INITIATED"


async def test_a_click_of_an_unknown_device_is_remembered_and_counted(bench):
    for _ in range(3):
        event = await bench.click("NOBODY")
        assert event.disposition == "UNKNOWN_DEVICE"
    (unknown,) = await bench.store.unknown_devices("default")
    assert (unknown.address, unknown.count) == ("NOBODY", 3)


async def test_attempts_end_at_their_deadline_by_the_service_itself(bench):
    await bench.service.initiate(MINE, "B1")
    await bench.service.initiate(MINE, "B2")
    bench.clock.move(119_999)
    assert await bench.service.expire_due() == 0
    bench.clock.move(1)
    assert await bench.service.expire_due() == 2
    assert {one.outcome for one in await bench.service.attempts(MINE, AttemptQuery())} == {
        "TIMED_OUT"
    }


@pytest.mark.parametrize("press_id", [None, "the first"])
async def test_a_click_after_the_window_ends_the_claim_itself(bench, press_id):
    await bench.registry.add("default", ["B1"])
    await bench.click("B1", press_id="the first")
    opened = await bench.service.initiate(MINE, "B1")
    bench.clock.move(120_000)
    event = await bench.click("B1", press_id=press_id)  # and no timer runs
    assert event.disposition == ("DUPLICATE" if press_id else "LATE")
    attempt = await bench.service.attempt(MINE, opened.attempt_id)
    assert (attempt.outcome, attempt.ended_ms) == ("TIMED_OUT", bench.clock.now_ms())
    assert await bench.service.expire_due() == 0
    assert (await bench.click("B1")).disposition == "LATE"  # the window's end is remembered


async def test_the_timer_wakes_at_the_earliest_deadline(bench):
    import asyncio

    timer = asyncio.ensure_future(bench.service.run_deadlines())
    await asyncio.sleep(0)
    first = await bench.service.initiate(MINE, "B1")
    await bench.clock.advance(60_000)
    second = await bench.service.initiate(MINE, "B2")
    await bench.clock.advance(60_000)
    assert (await bench.service.attempt(MINE, first.attempt_id)).outcome == "TIMED_OUT"
    assert (await bench.service.attempt(MINE, second.attempt_id)).outcome is None
    await bench.clock.advance(60_000)
    ended = await bench.service.attempt(MINE, second.attempt_id)
    assert (ended.outcome, ended.ended_ms) == ("TIMED_OUT", second.deadline_ms)
    timer.cancel()
    await asyncio.gather(timer, return_exceptions=True)


async def test_a_refused_initiate_is_on_record(bench):
    await bench.claim(THEIRS, "B1")
    with pytest.raises(TakenError):
        await bench.service.initiate(MINE, "B1")
    (refused,) = await bench.service.attempts(MINE, AttemptQuery())
    assert (refused.outcome, refused.reason) == ("REFUSED", "claimed or being claimed")


async def test_the_operator_can_release_what_somebody_holds(bench):
    await bench.claim(MINE, "B1")
    assert await bench.registry.release("default", "B1") == "CLAIMED"
    assert await bench.registry.release("default", "B1") == "UNCLAIMED"
    await bench.claim(THEIRS, "B1")


async def test_facts_come_in_order_and_a_gap_is_said():
    hub = FactHub()

    def fact(number: int) -> Fact:
        return Fact(kind="click", at_ms=number, namespace="default", device_id="B1", account="1")

    hub.tell(fact(1))
    with hub.listen(namespace="default", account="1", after=0) as listener:
        hub.tell(fact(2))
        hub.close()
        heard = [one async for one in listener]
    assert [one.fact.at_ms for one in heard] == [1, 2]
    assert all(a.number < b.number for a, b in pairwise(heard))
    with hub.listen(after=99) as listener:
        hub.close()
        assert [type(one) for one in [one async for one in listener]] == [Reset]


async def test_a_listener_hears_its_own_account_only():
    hub = FactHub()
    with hub.listen(namespace="default", account="1") as listener:
        for namespace, account in (("default", "2"), ("elsewhere", "1"), ("default", None)):
            hub.tell(
                Fact(kind="click", at_ms=0, namespace=namespace, device_id="B", account=account)
            )
        hub.close()
        assert [one async for one in listener] == []
