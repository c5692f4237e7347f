"""What goes wrong on purpose goes wrong there, so often, for its namespace, and is told apart."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from hardware.sources import SCHEMES
from orchestrator.api.openapi import openapi_document
from orchestrator.faults import ANY, LINKS, Fault, FaultTable
from tests.development.conftest import DEVICE


async def test_an_error_is_answered_and_nothing_is_done(tester):
    await tester.plan(
        {"kind": "error", "operation": "InitiateDeviceClaim", "error": "InternalFailureException",
         "count": 1},
    )  # fmt: skip
    failed = await tester.initiate()
    assert failed.status_code == 500
    assert failed.headers["x-amzn-errortype"] == "InternalFailureException"
    assert (await tester.do("GET", "/v1/records")).json()["records"] == []
    assert (await tester.initiate()).status_code == 200
    assert await tester.struck() == [1]


async def test_a_gateway_in_front_knows_no_exception(tester):
    await tester.plan({"kind": "error", "operation": "*", "status": 503})
    failed = await tester.initiate()
    assert failed.status_code == 503
    assert "x-amzn-errortype" not in failed.headers


async def test_a_crash_cuts_the_connection_after_the_commit(tester):
    await tester.plan({"kind": "crash", "operation": "InitiateDeviceClaim", "count": 1})
    with pytest.raises(httpx.TransportError):
        await tester.initiate(**{"amz-sdk-invocation-id": "once"})
    assert (await tester.why())["state"] == "CLAIM_INITIATED"
    again = await tester.initiate(**{"amz-sdk-invocation-id": "once"})
    assert again.headers["x-clickclaim-epoch"] == "1"


async def test_a_dropped_request_is_neither_done_nor_answered(tester):
    await tester.plan({"kind": "drop", "operation": "InitiateDeviceClaim", "count": 1})
    with pytest.raises(httpx.ReadTimeout):
        await tester.http.put(f"/devices/{DEVICE}/initiate-claim", timeout=0.2)
    assert (await tester.do("GET", "/v1/records")).json()["records"] == []
    assert (await tester.initiate()).status_code == 200


async def test_the_service_ends_while_a_client_waits_for_a_dropped_request(new_tester, url):
    tester = await new_tester()
    await tester.plan({"kind": "drop", "operation": "*"})
    waiting = asyncio.create_task(tester.initiate())
    while await tester.struck() != [1]:
        await asyncio.sleep(0)
    waiting.cancel()
    # What ends the service is the fixture; the test's own time limit is the verdict.


async def test_a_request_that_arrives_twice_is_done_once_when_it_says_who_it_is(tester):
    await tester.plan({"kind": "duplicate", "operation": "InitiateDeviceClaim"})
    named = await tester.initiate(**{"amz-sdk-invocation-id": "once"})
    assert named.headers["x-clickclaim-epoch"] == "1"
    nameless = await tester.initiate()
    assert nameless.headers["x-clickclaim-epoch"] == "3"


async def test_latency_is_real_time(tester):
    await tester.plan({"kind": "latency", "operation": "GetDeviceMethods", "latencyMs": 150})
    began = time.monotonic()
    await tester.do("GET", f"/devices/{DEVICE}/methods")
    assert time.monotonic() - began >= 0.15


async def test_a_click_that_is_lost_on_its_link_never_was(tester):
    await tester.initiate()
    await tester.plan({"kind": "drop", "link": "sim:", "count": 1})
    lost = await tester.press()
    assert lost["disposition"] is None
    assert "lost on the way" in lost["reason"]
    assert (await tester.why())["clicks"] == []
    assert (await tester.press("serial:/dev/ttyACM0"))["disposition"] == "MATCHED"


async def test_a_click_heard_twice_counts_once(tester):
    await tester.initiate()
    await tester.plan({"kind": "duplicate", "link": "*"})
    assert (await tester.press())["disposition"] == "MATCHED"
    (click,) = (await tester.why())["clicks"]
    assert (click["disposition"], click["repeats"]) == ("MATCHED", 1)


async def test_faults_of_one_namespace_strike_no_other(new_tester):
    one, other = await new_tester(), await new_tester()
    await one.plan({"kind": "error", "operation": "*", "status": 500})
    assert (await other.initiate()).status_code == 200
    assert (await other.do("GET", "/v1/faults")).json() == {"faults": []}
    assert (await one.initiate()).status_code == 500
    assert (await one.do("DELETE", "/v1/faults")).status_code == 204
    assert (await one.initiate()).status_code == 200


async def test_the_same_seed_strikes_the_same_requests(tester):
    async def run(seed: int) -> list[int]:
        flaky = {"kind": "error", "operation": "*", "status": 500, "probability": 0.5}
        await tester.plan(flaky, seed=seed)
        return [
            (await tester.do("GET", f"/devices/{DEVICE}/methods")).status_code for _ in range(24)
        ]

    first = await run(7)
    assert set(first) == {404, 500}
    assert await run(7) == first
    assert await run(8) != first


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "crash"}, "operation or link"),
        ({"kind": "drop", "operation": "*", "link": "*"}, "not both"),
        ({"kind": "crash", "link": "mqtt:"}, "strikes an operation"),
        ({"kind": "latency", "operation": "*"}, "latencyMs"),
        ({"kind": "drop", "operation": "*", "latencyMs": 5}, "latencyMs"),
        ({"kind": "error", "operation": "*"}, "either error or status"),
        ({"kind": "error", "operation": "*", "error": "Oops"}, "'Oops'"),
        (
            {"kind": "error", "operation": "*", "error": "InternalFailureExcption"},
            "`$.faults[0].error`; did you mean InternalFailureException?",
        ),
        (
            {"kind": "dropp", "operation": "*"},
            "'dropp' - at `$.faults[0].kind`; did you mean drop?",
        ),
        (
            {"kind": "explode", "operation": "*"},
            "there are crash, drop, duplicate, error, latency.",
        ),
        ({"kind": "drop", "operation": "*", "probability": 2}, "probability"),
        ({"kind": "drop", "operation": "*", "probabilty": 1}, "did you mean probability?"),
        ({"kind": "crash", "operation": "FinalizeDeviceClam"}, "did you mean FinalizeDeviceClaim?"),
        ({"kind": "drop", "operation": "AdvanceClock"}, "no fault strikes an operation Adv"),
        ({"kind": "drop", "operation": "/healthz"}, "there are *, "),
        ({"kind": "drop", "link": "simm:"}, "did you mean sim:?"),
        ({"kind": "drop", "link": "zigbee"}, "there are ble:, "),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused_and_changes_nothing(tester, fault, says):
    await tester.plan({"kind": "drop", "link": "sim:"})
    answer = await tester.do("PUT", "/v1/faults", {"faults": [fault]})
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert not answer.json()["message"].endswith("?.")
    assert len((await tester.do("GET", "/v1/faults")).json()["faults"]) == 1


@pytest.mark.parametrize("link", ["*", "mqtt", "mqtts://broker.example/", "serial:/dev/ttyACM0"])
async def test_a_link_is_the_beginning_of_a_spec(tester, link):
    await tester.plan({"kind": "drop", "link": link})
    assert await tester.struck() == [0]


def test_every_source_is_a_link():
    assert set(LINKS) == {f"{scheme}:" for scheme in (*SCHEMES, "sim")}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/clock/advance", {"ms": 1, "s": 2}, "unknown field `s`"),
        ("/v1/keys", {"namespce": "a"}, "did you mean namespace?"),
    ],
)
async def test_what_only_tests_send_is_read_to_the_letter(tester, path, body, says):
    answer = await tester.do("POST", path, body)
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_the_description_says_so_too():
    described = openapi_document()
    body = described["paths"]["/v1/clock/advance"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"]["additionalProperties"] is False
    assert described["components"]["schemas"]["FaultAsked"]["additionalProperties"] is False


def test_one_more_fault_in_a_plan_shifts_no_others_dice():
    flaky = Fault(kind="drop", operation=ANY, probability=0.5)
    alone, together = FaultTable(), FaultTable()
    alone.add("n", [flaky], seed=3)
    together.add("n", [flaky, Fault(kind="drop", link=ANY, probability=0.5)], seed=3)
    for _ in range(50):
        together.on_link("n", "sim:")
        assert alone.on_operation("n", "X") == together.on_operation("n", "X")


def test_an_empty_plan_is_no_plan():
    table = FaultTable()
    table.add("n", [], seed=0)
    assert not table
    table.add("n", [Fault(kind="drop", operation=ANY)], seed=0)
    assert table
    table.clear("n")
    assert not table


async def test_what_is_added_leaves_what_is_planned_where_it_is(tester):
    await tester.plan({"kind": "error", "operation": "*", "status": 500, "count": 1})
    assert (await tester.initiate()).status_code == 500
    more = {"kind": "error", "operation": "GetDeviceMethods", "status": 502}
    assert (await tester.do("POST", "/v1/faults", {"faults": [more]})).status_code == 200
    assert (await tester.initiate()).status_code == 200
    assert (await tester.do("GET", f"/devices/{DEVICE}/methods")).status_code == 502
    assert await tester.struck() == [1, 1]
    many = await tester.do("POST", "/v1/faults", {"faults": [more] * 99})
    assert many.status_code == 400


def test_a_fault_that_is_added_has_dice_of_its_own():
    """Added one by one, a plan throws what it throws when it is put at once."""
    faults = [Fault(kind="drop", operation=ANY, probability=0.5) for _ in range(3)]
    at_once, one_by_one = FaultTable(), FaultTable()
    at_once.add("N", faults, seed=7)
    for fault in faults:
        one_by_one.add("N", [fault], seed=7)
    for _ in range(50):
        at_once.on_operation("N", "GetTags")
        one_by_one.on_operation("N", "GetTags")
    struck = [times for _, times in at_once.planned("N")]
    assert [times for _, times in one_by_one.planned("N")] == struck
    assert len(set(struck)) > 1, "each throws by itself"
