"""The situation table as a client sees it: status, exception name, body."""

from __future__ import annotations

import json
import urllib.parse

import pytest

from tests.api.world import DEVICE, World

CLAIM = f"/devices/{DEVICE}"


def check_refused(answer, status: int, name: str) -> str:
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (status, name)
    body = answer.json()
    assert set(body) == {"code", "message"}
    assert body["code"] == str(status)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-RequestId"]
    return body["message"]


def tags_path(arn: str) -> str:
    return "/tags/" + urllib.parse.quote(arn, safe="")


async def test_a_claim_from_initiate_to_finalize(world, http):
    initiated = await http.put(f"{CLAIM}/initiate-claim")
    assert (initiated.status_code, initiated.json()) == (200, {"state": "CLAIM_INITIATED"})
    assert initiated.headers["x-clickclaim-epoch"] == "1"
    deadline_ms = world.clock.now_ms() + 120_000
    assert initiated.headers["x-clickclaim-deadline-ms"] == str(deadline_ms)
    assert initiated.headers["x-clickclaim-window-ms"] == "120000"
    await world.press()
    finalized = await http.put(f"{CLAIM}/finalize-claim", json={"tags": {"Driver": "Jorge"}})
    assert (finalized.status_code, finalized.json()) == (200, {"state": "CLAIMED"})
    described = await http.get(CLAIM)
    assert described.json() == {
        "deviceDescription": {
            "arn": world.arn(),
            "attributes": {},
            "deviceId": DEVICE,
            "enabled": False,
            "remainingLife": 99.95,
            "type": "button",
            "tags": {"Driver": "Jorge"},
        }
    }


async def test_finalize_takes_no_body_an_empty_one_and_an_empty_object(world, http):
    for device_id, asked in (("A1", {}), ("A2", {"content": b""}), ("A3", {"json": {}})):
        await http.put(f"/devices/{device_id}/initiate-claim")
        await world.press(device_id)
        answer = await http.put(f"/devices/{device_id}/finalize-claim", **asked)
        assert answer.json() == {"state": "CLAIMED"}


async def test_unknown_device_is_404_where_initiate_registers_nothing():
    world = World(register_on_initiate=False)
    async with world.client() as http:
        for method, path in (
            ("PUT", f"{CLAIM}/initiate-claim"),
            ("GET", CLAIM),
            ("GET", f"{CLAIM}/methods"),
            ("PUT", f"{CLAIM}/unclaim"),
        ):
            message = check_refused(
                await http.request(method, path), 404, "ResourceNotFoundException"
            )
            assert message == "The requested device could not be found."


async def test_finalize_without_initiate_and_before_the_press_is_412(world, http):
    check_refused(await http.put(f"{CLAIM}/finalize-claim"), 404, "ResourceNotFoundException")
    await world.registry.add("default", [DEVICE])
    message = check_refused(
        await http.put(f"{CLAIM}/finalize-claim"), 412, "PreconditionFailedException"
    )
    assert "Initiate the claim" in message
    await http.put(f"{CLAIM}/initiate-claim")
    message = check_refused(
        await http.put(f"{CLAIM}/finalize-claim"), 412, "PreconditionFailedException"
    )
    assert "Press the button" in message
    await world.clock.advance(120_000)
    message = check_refused(
        await http.put(f"{CLAIM}/finalize-claim"), 412, "PreconditionFailedException"
    )
    assert "no claim in progress" in message


async def test_whoever_holds_a_device_is_not_told(world, http):
    other = world.access.trusted("SOMEBODY")
    await world.claim("TAKEN", other)
    await world.service.initiate(other, "PENDING")
    await world.claim("MINE")
    messages = {
        check_refused(await http.put(path), 409, "ResourceConflictException").replace(name, "X")
        for name in ("TAKEN", "PENDING", "MINE")
        for path in (f"/devices/{name}/initiate-claim", f"/devices/{name}/finalize-claim")
    }
    assert len(messages) == 1


async def test_a_foreign_device_does_not_exist(world, http):
    other = world.access.trusted("SOMEBODY")
    await world.claim("TAKEN", other)
    events = (
        "/devices/TAKEN/events?fromTimeStamp=2019-07-17T15:45:12Z&toTimeStamp=2030-01-01T00:00:00Z"
    )
    for method, path, asked in (
        ("GET", "/devices/TAKEN", {}),
        ("GET", "/devices/TAKEN/methods", {}),
        ("GET", events, {}),
        ("PUT", "/devices/TAKEN/state", {"json": {"enabled": True}}),
        ("PUT", "/devices/TAKEN/unclaim", {}),
        ("GET", tags_path(world.arn("TAKEN", other)), {}),
        ("POST", tags_path(world.arn("TAKEN", other)), {"json": {"tags": {"a": "b"}}}),
        ("DELETE", tags_path(world.arn("TAKEN", other)) + "?tagKeys=a", {}),
        ("GET", tags_path(world.arn("TAKEN")), {}),
    ):
        answer = await http.request(method, path, **asked)
        check_refused(answer, 404, "ResourceNotFoundException")
    assert (await http.get("/devices")).json() == {"devices": []}


async def test_claim_codes_are_400_malformed_403_unknown_and_200_whenever_they_are_ones_own(
    world, http
):
    check_refused(await http.put("/claims/C-short"), 400, "InvalidRequestException")
    check_refused(await http.put("/claims/C-123EXAMPLE"), 403, "ForbiddenException")
    await world.registry.add("default", ["A", "B"])
    code = await world.registry.create_claim_code("default", ["A", "B"])
    for _ in range(2):
        answer = await http.put(f"/claims/{code}")
        assert answer.json() == {"claimCode": code, "total": 2}


async def test_tags_are_added_listed_and_taken_off(world, http):
    await world.claim()
    path = tags_path(world.arn())
    added = await http.post(path, json={"tags": {"Driver Phone": "123-555-0199", "Driver": ""}})
    assert (added.status_code, added.content) == (204, b"")
    assert (await http.get(path)).json() == {"tags": {"Driver Phone": "123-555-0199", "Driver": ""}}
    taken = await http.delete(path, params={"tagKeys": ["Driver", "never there"]})
    assert (taken.status_code, taken.content) == (204, b"")
    assert (await http.get(path)).json() == {"tags": {"Driver Phone": "123-555-0199"}}


@pytest.mark.parametrize(
    "tags",
    [
        {"aws:x": "1"},
        {"x": "aws:1"},
        {"k" * 128: "1"},
        {"k": "v" * 256},
        {f"key {n}": "" for n in range(51)},
    ],
    ids=["aws key", "aws value", "long key", "long value", "51 tags"],
)
async def test_tags_that_may_not_be_are_400_and_nothing_is_stored(world, http, tags):
    await world.claim()
    answer = await http.post(tags_path(world.arn()), json={"tags": tags})
    check_refused(answer, 400, "InvalidRequestException")
    assert (await http.get(tags_path(world.arn()))).json() == {"tags": {}}


async def test_a_name_that_is_no_arn_is_404_where_nothing_else_is_modelled(world, http):
    check_refused(await http.get("/tags/nonsense"), 404, "ResourceNotFoundException")
    check_refused(
        await http.post("/tags/nonsense", json={"tags": {}}), 400, "InvalidRequestException"
    )


async def test_methods_and_health(world, http):
    await world.claim()
    methods = await http.get(f"{CLAIM}/methods")
    assert methods.json() == {
        "deviceMethods": [
            {"methodName": "getDeviceHealthParameters"},
            {"methodName": "setDeviceHealthMonitorCallback"},
            {"methodName": "getDeviceHealthMonitorCallback"},
            {"methodName": "setOnClickCallback"},
            {"methodName": "getOnClickCallback"},
        ]
    }
    asked = {"deviceMethod": {"deviceType": "device", "methodName": "getDeviceHealthParameters"}}
    health = await http.post(f"{CLAIM}/methods", json=asked)
    assert health.json() == {"deviceMethodResponse": '{"remainingLife": 99.95}'}
    with_empty = await http.post(f"{CLAIM}/methods", json=asked | {"deviceMethodParameters": ""})
    message = check_refused(with_empty, 400, "InvalidRequestException")
    assert message == "A request parameter was invalid."


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"deviceMethod": {}},
        {"deviceMethod": {"deviceType": "button", "methodName": "getDeviceHealthParameters"}},
        {"deviceMethod": {"deviceType": "button", "methodName": "fly"}},
        {"deviceMethod": "fly"},
    ],
)
async def test_an_unknown_method_is_400(world, http, asked):
    await world.claim()
    answer = await http.post(f"{CLAIM}/methods", json=asked)
    check_refused(answer, 400, "InvalidRequestException")


async def test_enabled_is_set_and_has_to_be_said(world, http):
    await world.claim()
    answer = await http.put(f"{CLAIM}/state", json={"enabled": True})
    assert (answer.status_code, answer.json()) == (200, {})
    assert (await http.get(CLAIM)).json()["deviceDescription"]["enabled"] is True
    check_refused(await http.put(f"{CLAIM}/state", json={}), 400, "InvalidRequestException")


async def test_events_are_listed_oldest_first_in_the_published_form(world, http):
    await world.claim()
    await world.clock.advance(1000)
    await world.press(click_type="DOUBLE")
    window = {"fromTimeStamp": "2019-07-17T15:45:12.880000Z", "toTimeStamp": "2100-01-01T00:00:00Z"}
    events = (await http.get(f"{CLAIM}/events", params=window)).json()["events"]
    assert [event["device"] for event in events] == [
        {"attributes": {}, "deviceId": DEVICE, "type": "button"}
    ] * 2
    stories = [json.loads(event["stdEvent"]) for event in events]
    assert [story["clickType"] for story in stories] == ["SINGLE", "DOUBLE"]
    assert list(stories[0]) == [
        "clickType",
        "reportedTime",
        "certificateId",
        "remainingLife",
        "testMode",
    ]
    assert ", " in events[0]["stdEvent"]
    assert '": ' in events[0]["stdEvent"]


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"fromTimeStamp": "2019-07-17T15:45:12Z"},
        {"fromTimeStamp": "now", "toTimeStamp": "2100-01-01T00:00:00Z"},
        {"fromTimeStamp": "2100-01-01T00:00:00Z", "toTimeStamp": "2019-07-17T15:45:12Z"},
    ],
)
async def test_a_window_that_is_none_is_400(world, http, window):
    await world.claim()
    answer = await http.get(f"{CLAIM}/events", params=window)
    check_refused(answer, 400, "InvalidRequestException")


async def test_pages_go_on_where_the_last_one_ended_and_take_no_other_token(world, http):
    for name in ("A1", "A2", "A3"):
        await world.claim(name)
    first = (await http.get("/devices?maxResults=2")).json()
    assert [device["deviceId"] for device in first["devices"]] == ["A1", "A2"]
    token = {"nextToken": first["nextToken"]}
    rest = (await http.get("/devices", params={"maxResults": 2} | token)).json()
    assert [device["deviceId"] for device in rest["devices"]] == ["A3"]
    assert "nextToken" not in rest
    other = {"authorization": _as("SOMEBODY")}
    for answer in (
        await http.get("/devices?nextToken=forged"),
        await http.get("/devices?nextToken="),
        await http.get("/devices", params=token, headers=other),
        await http.get("/v1/records", params=token),
    ):
        check_refused(answer, 416, "RangeNotSatisfiableException")
    await world.clock.advance(25 * 3600 * 1000)
    check_refused(await http.get("/devices", params=token), 416, "RangeNotSatisfiableException")


async def test_conditions_of_our_own_are_412_when_they_do_not_hold(world, http):
    await http.put(f"{CLAIM}/initiate-claim")
    await world.clock.advance(1)
    await http.put(f"{CLAIM}/initiate-claim")
    stale = {"x-clickclaim-if-epoch": "1"}
    await world.press()
    for path in ("finalize-claim", "unclaim"):
        answer = await http.put(f"{CLAIM}/{path}", headers=stale)
        check_refused(answer, 412, "PreconditionFailedException")
    wrong_state = {"x-clickclaim-if-epoch": "2", "x-clickclaim-if-state": "CLAIMED"}
    answer = await http.put(f"{CLAIM}/unclaim", headers=wrong_state)
    check_refused(answer, 412, "PreconditionFailedException")
    held = {
        "x-clickclaim-if-epoch": "2",
        "x-clickclaim-if-state": "CLAIM_INITIATED",
        "x-clickclaim-reason": "station%20closed%20%C3%BCber%20night",
    }
    answer = await http.put(f"{CLAIM}/unclaim", headers=held)
    assert answer.json() == {"state": "UNCLAIMED"}
    records = (await http.get("/v1/records", params={"device": DEVICE})).json()["records"]
    assert records[0]["outcome"] == "CANCELLED"
    assert records[0]["reason"] == "station closed über night"


async def test_the_same_invocation_gets_the_same_answer(world, http):
    same = {"amz-sdk-invocation-id": "3b1f"}
    first = await http.put(f"{CLAIM}/initiate-claim", headers=same)
    await world.press()
    again = await http.put(f"{CLAIM}/initiate-claim", headers=same)
    assert again.headers["x-clickclaim-attempt"] == first.headers["x-clickclaim-attempt"]
    finalized = [await http.put(f"{CLAIM}/finalize-claim", headers=same) for _ in range(2)]
    assert [answer.json() for answer in finalized] == [{"state": "CLAIMED"}] * 2
    check_refused(await http.put(f"{CLAIM}/finalize-claim"), 409, "ResourceConflictException")


async def test_a_reply_that_was_lost_is_had_though_the_device_was_given_up_since(world, http):
    await world.claim()
    method = {"deviceType": "button", "methodName": "setOnClickCallback"}
    lambda_arn = "arn:aws:lambda:us-west-2:123456789012:function:f"
    setting = json.dumps({"callback": {"awsLambdaArn": lambda_arn}})
    asked = {"deviceMethod": method, "deviceMethodParameters": setting}
    same = {"amz-sdk-invocation-id": "7c0a"}
    first = await http.post(f"{CLAIM}/methods", json=asked, headers=same)
    assert first.json() == {"deviceMethodResponse": "{}"}
    await http.put(f"{CLAIM}/unclaim")
    again = await http.post(f"{CLAIM}/methods", json=asked, headers=same)
    assert (again.status_code, again.json()) == (200, first.json())
    anew = await http.post(f"{CLAIM}/methods", json=asked)
    check_refused(anew, 404, "ResourceNotFoundException")


async def test_twenty_initiates_in_vain_are_a_409_for_a_while(world, http):
    for _ in range(20):
        assert (await http.put(f"{CLAIM}/initiate-claim")).status_code == 200
    message = check_refused(
        await http.put(f"{CLAIM}/initiate-claim"), 409, "ResourceConflictException"
    )
    assert "try again in 600 s" in message


def _as(access_key: str) -> str:
    """A header of this key; profile dev looks at no more than the key of a stranger."""
    return (
        f"AWS4-HMAC-SHA256 Credential={access_key}/20240101/us-west-2/iot1click/aws4_request,"
        f" SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
