"""The official clients, only their endpoint changed, through every operation and error."""

from __future__ import annotations

import asyncio
import json

import pytest

from orchestrator.api.server import ApiServer
from orchestrator.units import AttemptQuery
from tests.api.world import DEVICE, World
from tests.sdk.conftest import OLD, Client
from tests.sdk.cutting_proxy import CuttingProxy

ARN = f"arn:aws:iot1click:us-west-2:012345678901:devices/{DEVICE}"
WINDOW = {"FromTimeStamp": "2019-07-17T15:45:12.880000Z", "ToTimeStamp": "2100-01-01T00:00:00Z"}
FOUR_TRIES = {"total_max_attempts": 4, "mode": "standard"}


async def claim(client, device_id: str = DEVICE) -> None:
    await client.world.claim(device_id, client.caller)


async def test_which_client_this_is(client):
    about = client.sdk.do(do="about")
    if client.sdk.kind == OLD:
        assert about == {"botocore": "1.35.80", "boto3": "1.35.80"}
    else:
        assert about["botocore"] > "1.36"


async def test_a_claim_with_initiate_press_finalize_and_unclaim(client):
    answer = await client.call("initiate_device_claim", DeviceId=DEVICE)
    assert answer == {"State": "CLAIM_INITIATED"}
    headers = client.metadata["HTTPHeaders"]
    assert (headers["x-clickclaim-epoch"], client.metadata["HTTPStatusCode"]) == ("1", 200)
    await client.world.press()
    answer = await client.call("finalize_device_claim", DeviceId=DEVICE, Tags={"Fahrer": "Jörg"})
    assert answer == {"State": "CLAIMED"}
    answer = await client.call("describe_device", DeviceId=DEVICE)
    assert answer == {
        "DeviceDescription": {
            "Arn": ARN,
            "Attributes": {},
            "DeviceId": DEVICE,
            "Enabled": False,
            "RemainingLife": 99.95,
            "Type": "button",
            "Tags": {"Fahrer": "Jörg"},
        }
    }
    assert await client.call("unclaim_device", DeviceId=DEVICE) == {"State": "UNCLAIMED"}
    kind, status, _ = await client.refused("describe_device", DeviceId=DEVICE)
    assert (kind, status) == ("ResourceNotFoundException", 404)


async def test_a_claim_code_claims_its_box(client):
    names = [f"BOX{number}" for number in range(9)]
    await client.world.registry.add("default", names)
    code = await client.world.registry.create_claim_code("default", names)
    answer = await client.call("claim_devices_by_claim_code", ClaimCode=code)
    assert answer == {"ClaimCode": code, "Total": 9}


async def test_state_and_methods(client):
    await claim(client)
    assert await client.call("update_device_state", DeviceId=DEVICE, Enabled=True) == {}
    described = await client.call("describe_device", DeviceId=DEVICE)
    assert described["DeviceDescription"]["Enabled"] is True
    methods = await client.call("get_device_methods", DeviceId=DEVICE)
    assert [method["MethodName"] for method in methods["DeviceMethods"]] == [
        "getDeviceHealthParameters",
        "setDeviceHealthMonitorCallback",
        "getDeviceHealthMonitorCallback",
        "setOnClickCallback",
        "getOnClickCallback",
    ]
    health = {"DeviceType": "device", "MethodName": "getDeviceHealthParameters"}
    answer = await client.call("invoke_device_method", DeviceId=DEVICE, DeviceMethod=health)
    assert answer == {"DeviceMethodResponse": '{"remainingLife": 99.95}'}
    callback = json.dumps({"callback": {"awsLambdaArn": "arn:aws:lambda:us-west-2:1:function:f"}})
    setter = {"DeviceType": "button", "MethodName": "setOnClickCallback"}
    getter = {"DeviceType": "button", "MethodName": "getOnClickCallback"}
    await client.call(
        "invoke_device_method",
        DeviceId=DEVICE,
        DeviceMethod=setter,
        DeviceMethodParameters=callback,
    )
    answer = await client.call("invoke_device_method", DeviceId=DEVICE, DeviceMethod=getter)
    assert json.loads(answer["DeviceMethodResponse"]) == json.loads(callback)


async def test_tags(client):
    await claim(client)
    tags = {"Driver": "Jorge Souza", "Driver Phone": "123-555-0199", "ключ/=&": ""}
    assert await client.call("tag_resource", ResourceArn=ARN, Tags=tags) == {}
    assert client.metadata["HTTPStatusCode"] == 204
    assert await client.call("list_tags_for_resource", ResourceArn=ARN) == {"Tags": tags}
    keys = ["Driver Phone", "ключ/=&"]
    assert await client.call("untag_resource", ResourceArn=ARN, TagKeys=keys) == {}
    answer = await client.call("list_tags_for_resource", ResourceArn=ARN)
    assert answer == {"Tags": {"Driver": "Jorge Souza"}}


async def test_devices_and_events_in_pages(client):
    names = [f"D{number}" for number in range(5)]
    for name in names:
        await claim(client, name)
    answer = await client.call("list_devices", MaxResults=2)
    assert [device["DeviceId"] for device in answer["Devices"]] == names[:2]
    answer = await client.call("list_devices", MaxResults=2, NextToken=answer["NextToken"])
    assert [device["DeviceId"] for device in answer["Devices"]] == names[2:4]
    said = await client.said(
        "list_devices", paginate_=True, DeviceType="button", PaginationConfig={"PageSize": 2}
    )
    pages = [[device["DeviceId"] for device in page["Devices"]] for page in said["pages"]]
    assert pages == [names[:2], names[2:4], names[4:]]
    for _ in range(6):
        await client.world.clock.advance(1000)
        await client.world.press("D0")
    said = await client.said(
        "list_device_events",
        paginate_=True,
        DeviceId="D0",
        **WINDOW,
        PaginationConfig={"PageSize": 3},
    )
    assert [len(page["Events"]) for page in said["pages"]] == [3, 3, 1]
    event = said["pages"][0]["Events"][0]
    assert event["Device"] == {"Attributes": {}, "DeviceId": "D0", "Type": "button"}
    assert json.loads(event["StdEvent"])["clickType"] == "SINGLE"


async def test_400_invalid_request(client):
    await claim(client)
    arn = {"ResourceArn": ARN}
    backwards = {"FromTimeStamp": WINDOW["ToTimeStamp"], "ToTimeStamp": WINDOW["FromTimeStamp"]}
    nothing = {"DeviceType": "button", "MethodName": "fly"}
    health = {"DeviceType": "device", "MethodName": "getDeviceHealthParameters"}
    for call, asked in (
        ("initiate_device_claim", {"DeviceId": "a/b"}),
        ("finalize_device_claim", {"DeviceId": "x" * 33}),
        ("describe_device", {"DeviceId": "ü"}),
        ("unclaim_device", {"DeviceId": "a b"}),
        ("get_device_methods", {"DeviceId": "a.b"}),
        ("update_device_state", {"DeviceId": DEVICE}),
        ("claim_devices_by_claim_code", {"ClaimCode": "C-tooshort"}),
        ("invoke_device_method", {"DeviceId": DEVICE, "DeviceMethod": nothing}),
        ("invoke_device_method", {"DeviceId": DEVICE}),
        ("list_devices", {"MaxResults": 251}),
        ("list_device_events", {"DeviceId": DEVICE, **backwards}),
        ("tag_resource", {**arn, "Tags": {"aws:x": "1"}}),
        ("tag_resource", {**arn, "Tags": {f"k{number}": "" for number in range(51)}}),
        ("untag_resource", {**arn, "TagKeys": []}),
    ):
        kind, status, message = await client.refused(call, **asked)
        assert (kind, status) == ("InvalidRequestException", 400), (call, asked)
        assert message
    empty = {"DeviceId": DEVICE, "DeviceMethod": health, "DeviceMethodParameters": ""}
    _, _, message = await client.refused("invoke_device_method", **empty)
    assert message == "A request parameter was invalid."


async def test_403_forbidden(client):
    kind, status, _ = await client.refused("claim_devices_by_claim_code", ClaimCode="C-123EXAMPLE")
    assert (kind, status) == ("ForbiddenException", 403)


async def test_404_not_found(client):
    foreign = ARN.replace("012345678901", "123456789012")
    health = {"DeviceType": "device", "MethodName": "getDeviceHealthParameters"}
    await client.world.service.initiate(client.caller, "PENDING")
    for call, asked in (
        ("finalize_device_claim", {"DeviceId": "NOBODYS"}),
        ("unclaim_device", {"DeviceId": "NOBODYS"}),
        ("describe_device", {"DeviceId": "PENDING"}),
        ("get_device_methods", {"DeviceId": "PENDING"}),
        ("invoke_device_method", {"DeviceId": "PENDING", "DeviceMethod": health}),
        ("list_device_events", {"DeviceId": "PENDING", **WINDOW}),
        ("update_device_state", {"DeviceId": "PENDING", "Enabled": True}),
        ("tag_resource", {"ResourceArn": foreign, "Tags": {"a": "b"}}),
        ("untag_resource", {"ResourceArn": foreign, "TagKeys": ["a"]}),
        ("list_tags_for_resource", {"ResourceArn": foreign}),
        ("list_tags_for_resource", {"ResourceArn": "no arn at all"}),
    ):
        kind, status, _ = await client.refused(call, **asked)
        assert (kind, status) == ("ResourceNotFoundException", 404), (call, asked)


async def test_404_for_a_device_that_was_never_registered(sdk, endpoint_port):
    world = World("production")
    server = ApiServer(world.app, port=endpoint_port)
    host, port = await server.start()
    sdk.start(f"http://{host}:{port}")
    client = Client(world, await world.access.create(), sdk)
    kind, status, message = await client.refused("initiate_device_claim", DeviceId=DEVICE)
    assert (kind, status) == ("ResourceNotFoundException", 404)
    assert message == "The requested device could not be found."
    await server.stop()


async def test_409_conflict(client):
    await client.world.claim("TAKEN", client.world.access.trusted("SOMEBODY"))
    await claim(client)
    for call in ("initiate_device_claim", "finalize_device_claim"):
        for device_id in ("TAKEN", DEVICE):
            kind, status, _ = await client.refused(call, DeviceId=device_id)
            assert (kind, status) == ("ResourceConflictException", 409)
    for _ in range(20):
        await client.world.service.initiate(client.caller, "VAIN")
    kind, status, message = await client.refused("initiate_device_claim", DeviceId="VAIN")
    assert (kind, status) == ("ResourceConflictException", 409)
    assert "try again in" in message


async def test_412_precondition_failed(client):
    await client.call("initiate_device_claim", DeviceId=DEVICE)
    kind, status, message = await client.refused("finalize_device_claim", DeviceId=DEVICE)
    assert (kind, status) == ("PreconditionFailedException", 412)
    assert "Press the button" in message
    await client.world.press()
    for call in ("finalize_device_claim", "unclaim_device"):
        stale = {"x-clickclaim-if-epoch": "7"}
        kind, status, _ = await client.refused(call, headers_=stale, DeviceId=DEVICE)
        assert (kind, status) == ("PreconditionFailedException", 412)
    await client.world.clock.advance(120_000)
    kind, status, message = await client.refused("finalize_device_claim", DeviceId=DEVICE)
    assert (kind, status) == ("PreconditionFailedException", 412)
    assert "no claim in progress" in message


async def test_416_range_not_satisfiable(client):
    await claim(client)
    for call, asked in (
        ("list_devices", {}),
        ("list_device_events", {"DeviceId": DEVICE, **WINDOW}),
    ):
        kind, status, _ = await client.refused(call, NextToken="forged", **asked)
        assert (kind, status) == ("RangeNotSatisfiableException", 416)


@pytest.mark.slow
async def test_413_429_and_500(client, monkeypatch):
    large = {f"k{number}": "v" * 2000 for number in range(40)}
    _, status, _ = await client.refused("tag_resource", ResourceArn=ARN, Tags=large)
    assert (client.code, status) == ("RequestTooLargeException", 413)

    monkeypatch.setattr(client.world.app._limit, "_per_s", 1)
    await client.call("list_devices")
    _, status, _ = await client.refused("list_devices")
    assert (client.code, status) == ("TooManyRequestsException", 429)
    # Clients wait and try again by themselves; the clock that counts moves meanwhile.
    patient = client.configured(retries=FOUR_TRIES)
    waiting = asyncio.create_task(patient.call("list_devices"))
    while not waiting.done():
        await client.world.clock.advance(500)
        await asyncio.sleep(0.05)
    assert (await waiting) == {"Devices": []}

    async def broken(*_, **__):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(client.world.app._limit, "_per_s", None)
    monkeypatch.setattr(client.world.store, "devices", broken)
    kind, status, _ = await client.refused("list_devices")
    assert (kind, status) == ("InternalFailureException", 500)


async def test_403_for_whoever_cannot_prove_who_they_are(client):
    for how, code in (
        ({"unsigned": True}, "MissingAuthenticationTokenException"),
        ({"secret": "guessed"}, "InvalidSignatureException"),
        ({"access_key": "CCAKNOBODY"}, "UnrecognizedClientException"),
    ):
        stranger = client.configured(**how)
        _, status, _ = await stranger.refused("list_devices")
        assert (stranger.code, status) == (code, 403)
    client.world.clock.move(6 * 60_000)
    _, status, message = await client.refused("list_devices")
    assert (client.code, status) == ("InvalidSignatureException", 403)
    assert "clock" in message


@pytest.mark.slow
async def test_a_request_whose_reply_was_cut_off_is_sent_again_and_done_once(client, endpoint):
    async with CuttingProxy(endpoint) as proxy:
        patient = client.configured(endpoint_url=proxy.url, retries=FOUR_TRIES)
        for call, done in (
            ("initiate_device_claim", {"State": "CLAIM_INITIATED"}),
            ("finalize_device_claim", {"State": "CLAIMED"}),
            ("unclaim_device", {"State": "UNCLAIMED"}),
        ):
            proxy.cut_next = 2
            assert await patient.call(call, DeviceId=DEVICE) == done
            assert patient.metadata["RetryAttempts"] == 2
            if call == "initiate_device_claim":
                assert patient.metadata["HTTPHeaders"]["x-clickclaim-epoch"] == "1"
                await client.world.press()
    attempts = await client.world.service.attempts(client.caller, AttemptQuery())
    assert [attempt.outcome for attempt in attempts] == ["CLAIMED"]


async def test_a_reply_that_ends_inside_its_body(client, endpoint):
    async with CuttingProxy(endpoint, keep_part=True) as proxy:
        patient = client.configured(endpoint_url=proxy.url, retries=FOUR_TRIES)
        proxy.cut_next = 1
        answer = await patient.call("initiate_device_claim", DeviceId=DEVICE)
        if client.sdk.kind == OLD:
            assert answer == {"State": "CLAIM_INITIATED"}
            assert patient.metadata["RetryAttempts"] == 1
        else:
            # It takes half a body for an empty answer and does not send again: what the service
            # can do is to have put all that matters into the headers too.
            assert answer == {}
        assert patient.metadata["HTTPHeaders"]["x-clickclaim-epoch"] == "1"
