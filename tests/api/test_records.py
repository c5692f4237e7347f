"""``/v1/records`` and ``/v1/frames``: the account's attempts in pages, and what a station heard."""

from __future__ import annotations

import base64

import pytest

from hardware.click import RawFrame
from tests.api.test_situations import check_refused
from tests.api.world import DEVICE, World


async def records(http, **asked):
    answer = await http.get("/v1/records", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


async def test_a_record_tells_the_whole_attempt(world, http):
    await http.put(f"/devices/{DEVICE}/initiate-claim", headers={"amz-sdk-invocation-id": "inv-1"})
    await world.clock.advance(2500)
    await world.press()
    await http.put(f"/devices/{DEVICE}/finalize-claim")
    (record,) = await records(http)
    assert record["deviceId"] == DEVICE
    assert (record["outcome"], record["via"], record["epoch"]) == ("CLAIMED", "click", 1)
    assert record["invocation"] == "inv-1"
    assert [mark["what"] for mark in record["timeline"]] == ["initiated", "click", "finalized"]
    assert record["latenciesMs"]["click_ms"] == 2500
    one = await http.get(f"/v1/records/{record['attemptId']}")
    assert one.json() == record


async def test_records_are_filtered_by_device_outcome_invocation_and_open(world, http):
    await world.claim("A")
    await world.clock.advance(1)
    await world.service.initiate(world.anonymous, "B", invocation="inv-b")
    await world.clock.advance(1)
    await world.service.initiate(world.anonymous, "C")

    async def devices(**asked):
        return [record["deviceId"] for record in await records(http, **asked)]

    assert await devices() == ["C", "B", "A"]
    assert await devices(device="A") == ["A"]
    assert await devices(outcome="CLAIMED") == ["A"]
    assert await devices(invocation="inv-b") == ["B"]
    assert await devices(open="true") == ["C", "B"]
    assert await devices(open="true", device="A") == []
    assert await devices(open="false") == ["C", "B", "A"]


async def test_records_come_in_pages_and_go_on_from_any_of_them(world, http):
    for number in range(5):
        await world.service.initiate(world.anonymous, f"D{number}")
        await world.clock.advance(1)
    seen, token = [], {}
    while True:
        page = (await http.get("/v1/records", params={"maxResults": 2} | token)).json()
        seen += page["records"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert [record["deviceId"] for record in seen] == ["D4", "D3", "D2", "D1", "D0"]
    before = f"{seen[2]['openedMs']},{seen[2]['attemptId']}"
    older = await records(http, before=before)
    assert [record["deviceId"] for record in older] == ["D1", "D0"]


async def test_bad_filters_are_400_and_a_token_of_another_filter_416(world, http):
    for name in ("A", "B"):
        await world.claim(name)
    for asked in (
        {"device": "a/b"},
        {"outcome": "WON"},
        {"open": "yes"},
        {"maxResults": 0},
        {"invocation": ""},
        {"before": "yesterday"},
        {"before": "99999999999999999999,x"},
        {"before": "1,"},
    ):
        answer = await http.get("/v1/records", params=asked)
        check_refused(answer, 400, "InvalidRequestException")
    page = (await http.get("/v1/records?maxResults=1")).json()
    answer = await http.get("/v1/records", params={"device": "A", "nextToken": page["nextToken"]})
    check_refused(answer, 416, "RangeNotSatisfiableException")


async def test_nobody_sees_anothers_records(world, http):
    other = world.access.trusted("SOMEBODY")
    await world.claim("A", other)
    (attempt,) = await world.store.attempts(_all())
    assert await records(http) == []
    answer = await http.get(f"/v1/records/{attempt.attempt_id}")
    check_refused(answer, 404, "ResourceNotFoundException")


def _all():
    from orchestrator.units import AttemptQuery

    return AttemptQuery()


async def test_frames_arrive_as_they_were_heard_under_their_stations_account(world, http):
    heard = {
        "transport": "ble-advertisement",
        "source": "ble:",
        "heardMs": 1_700_000_000_123,
        "payload": base64.b64encode(b"\x44\x00\x01").decode(),
        "address": "A4:C1:38:8D:18:B2",
        "channel": "0000fcd2-0000-1000-8000-00805f9b34fb",
        "rssiDbm": -71,
        "serviceUuids": ["0000180f-0000-1000-8000-00805f9b34fb"],
        "manufacturerData": [{"companyId": 0x0BA9, "data": "AQI="}],
        "direct": True,
        "colour": "ignored",
    }
    plain = {"transport": "serial", "source": "serial:/dev/ttyACM0", "heardMs": 1, "payload": ""}
    answer = await http.post("/v1/frames", json={"frames": [heard, plain]})
    assert answer.json() == {
        "receipts": [
            {"disposition": None, "deviceId": None, "reason": "D\x00\x01"},
            {"disposition": None, "deviceId": None, "reason": ""},
        ]
    }
    (caller, first), (_, second) = world.frames
    assert caller == world.anonymous
    assert first == RawFrame(
        transport="ble-advertisement",
        source="ble:",
        heard_ms=1_700_000_000_123,
        payload=b"\x44\x00\x01",
        address="A4:C1:38:8D:18:B2",
        channel="0000fcd2-0000-1000-8000-00805f9b34fb",
        rssi_dbm=-71,
        service_uuids=("0000180f-0000-1000-8000-00805f9b34fb",),
        manufacturer_data=((0x0BA9, b"\x01\x02"),),
        direct=True,
    )
    assert second.payload == b""


@pytest.mark.parametrize("ahead_ms", [-2_000_000_000_000, -7_200_000, 0, 5_000, 3_600_000])
async def test_a_stations_clock_may_be_anything_as_long_as_it_says_so(world, http, ahead_ms):
    """Heard 30 s before it was sent, by a clock that is off: 30 s ago by ours."""
    sent_ms = max(40_000, world.clock.now_ms() + ahead_ms)
    frame = {
        "transport": "serial",
        "source": "serial:/dev/ttyACM0",
        "heardMs": sent_ms - 30_000,
        "payload": "",
        "queued": True,
        "lastHeardBeforeMs": sent_ms - 40_000,
    }
    await http.post("/v1/frames", json={"frames": [frame], "sentMs": sent_ms})
    ((_, heard),) = world.frames
    assert heard.heard_ms == world.clock.now_ms() - 30_000
    assert heard.last_heard_before_ms == world.clock.now_ms() - 40_000


async def test_frames_that_are_none_are_400_and_none_of_them_is_taken(world, http):
    good = {"transport": "serial", "source": "s", "heardMs": 1, "payload": ""}
    for frames in (
        None,
        {},
        [good, {}],
        [good, good | {"transport": "pigeon"}],
        [good, good | {"payload": "not base64!"}],
        [good, good | {"heardMs": 1e300}],
        [good, good | {"manufacturerData": [{"companyId": 65536, "data": ""}]}],
        [good] * 257,
    ):
        answer = await http.post("/v1/frames", json={"frames": frames})
        check_refused(answer, 400, "InvalidRequestException")
    assert world.frames == []


async def test_a_service_without_ingest_says_that_it_takes_no_frames():
    world = World()
    world.app._frames = None
    async with world.client() as http:
        answer = await http.post("/v1/frames", json={"frames": []})
    assert "no ingest" in check_refused(answer, 400, "InvalidRequestException")
