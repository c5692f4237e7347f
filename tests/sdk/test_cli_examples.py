"""The examples that the AWS CLI's manual publishes, run by that CLI: same command, same output.

Facts from the examples of awscli 1.36.21 for ``iot1click-devices``: device G030PM0123456789, its
clicks of July 2019, account numbers, tags, and the JSON that each command printed.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import datetime
from typing import Self

import pytest

from orchestrator.api.server import ApiServer
from orchestrator.clocks import VirtualClock
from orchestrator.domain.ids import Caller
from orchestrator.units import AddClaimCode, ClaimCode, SwapDevice
from tests.api.world import World
from tests.sdk.conftest import ENDPOINT_VARIABLE, OLD, clean_environ, old_environment

pytestmark = [pytest.mark.oldsdk, pytest.mark.slow]

DEVICE = "G030PM0123456789"
CERTIFICATE = "fe8798a6c97c62ef8756b80eeefdcf2280f3352f82faa8080c74cc4f4a4d1811"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Cli:
    """The old AWS CLI with one account's key. The service's past may lie in 2019."""

    def __init__(self, home, account: str) -> None:
        self.home = home
        self.account = account
        self.world = World(
            "production", clock=VirtualClock(ms("2019-07-17T08:00:00Z")), register_on_initiate=True
        )

    async def __aenter__(self) -> Self:
        key = await self.world.access.create(account=self.account)
        self.caller = Caller(
            namespace=key.namespace, account=key.account, access_key=key.access_key
        )
        self.server = ApiServer(self.world.app)
        host, port = await self.server.start()
        self.environ = clean_environ(
            self.home,
            AWS_ACCESS_KEY_ID=key.access_key,
            AWS_SECRET_ACCESS_KEY=key.secret,
            AWS_DEFAULT_REGION="us-west-2",
            **{ENDPOINT_VARIABLE[OLD]: f"http://{host}:{port}"},
        )
        return self

    async def __aexit__(self, *_) -> None:
        await self.server.stop()
        await self.world.store.close()

    def at(self, text: str) -> None:
        self.world.clock.move(ms(text) - self.world.clock.now_ms())

    async def click(self, at: str, click_type: str = "SINGLE") -> None:
        self.at(at)
        await self.world.press(DEVICE, click_type, certificate_id=CERTIFICATE)

    async def claim(self, at: str = "2019-07-17T09:00:00Z") -> None:
        """Claimed with the first click of a button that had none."""
        self.at(at)
        await self.world.claim(DEVICE, self.caller)

    async def run(self, *words: str) -> str:
        """``aws iot1click-devices …`` today; what it printed."""
        self.world.clock.move(time.time_ns() // 1_000_000 - self.world.clock.now_ms())
        process = await asyncio.create_subprocess_exec(
            old_environment() / "bin" / "aws",
            "iot1click-devices",
            *words,
            env=self.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return printed.decode()

    async def shows(self, *words: str) -> object:
        return json.loads(await self.run(*words))


@pytest.fixture
async def cli(tmp_path):
    async with Cli(tmp_path, "012345678901") as cli:
        yield cli


async def test_initiate_press_finalize_unclaim(cli):
    of_device = ("--device-id", DEVICE)
    assert await cli.shows("initiate-device-claim", *of_device) == {"State": "CLAIM_INITIATED"}
    await cli.world.press(DEVICE)
    assert await cli.shows("finalize-device-claim", *of_device) == {"State": "CLAIMED"}
    assert await cli.run("update-device-state", *of_device, "--enabled") == ""
    view = await cli.world.service.describe(cli.caller, DEVICE)
    assert view.enabled
    assert await cli.shows("unclaim-device", *of_device) == {"State": "UNCLAIMED"}


async def test_claim_devices_by_claim_code(cli):
    names = [f"P5SJVQ2007V8{number:04d}" for number in range(9)]
    await cli.world.registry.add("default", names)
    code = ClaimCode(
        namespace="default", code="C-123EXAMPLE", created_ms=0, device_ids=tuple(names)
    )
    await cli.world.store.unit([AddClaimCode(code)])
    shown = await cli.shows("claim-devices-by-claim-code", "--claim-code", "C-123EXAMPLE")
    assert shown == {"Total": 9, "ClaimCode": "C-123EXAMPLE"}


async def test_describe_device_and_list_devices(cli):
    await cli.claim()
    await cli.click("2019-07-17T10:00:00Z")
    device = await cli.world.store.device("default", DEVICE)
    placed = {
        "projectRegion": "us-west-2",
        "projectName": "AnytownDumpsters",
        "placementName": "customer217",
        "deviceTemplateName": "empty-dumpster-request",
    }
    await cli.world.store.unit([SwapDevice(device, replace(device, attributes=placed))])
    description = {
        "Arn": f"arn:aws:iot1click:us-west-2:012345678901:devices/{DEVICE}",
        "Attributes": placed,
        "DeviceId": DEVICE,
        "Enabled": False,
        "RemainingLife": 99.9,
        "Type": "button",
        "Tags": {},
    }
    shown = await cli.shows("describe-device", "--device-id", DEVICE)
    assert shown == {"DeviceDescription": description}
    # The manual shows this list with the members in a muddle; the model says what it holds.
    assert await cli.shows("list-devices", "--device-type", "button") == {"Devices": [description]}
    assert await cli.shows("list-devices", "--device-type", "lamp") == {"Devices": []}


async def test_list_device_events_and_the_health_that_follows(cli, tmp_path):
    await cli.claim()
    await cli.click("2019-07-17T10:00:00Z")
    await cli.click("2019-07-18T23:47:55.015Z")
    await cli.click("2019-07-19T00:14:41.353Z", "DOUBLE")
    window = (
        "--from-time-stamp",
        "2019-07-17T15:45:12.880Z",
        "--to-time-stamp",
        "2019-07-19T15:45:12.880Z",
    )
    shown = await cli.shows("list-device-events", "--device-id", DEVICE, *window)
    button = {"Attributes": {}, "DeviceId": DEVICE, "Type": "button"}
    assert shown == {
        "Events": [
            {
                "Device": button,
                "StdEvent": '{"clickType": "SINGLE", "reportedTime": "2019-07-18T23:47:55.015Z",'
                f' "certificateId": "{CERTIFICATE}", "remainingLife": 99.85, "testMode": false}}',
            },
            {
                "Device": button,
                "StdEvent": '{"clickType": "DOUBLE", "reportedTime": "2019-07-19T00:14:41.353Z",'
                f' "certificateId": "{CERTIFICATE}", "remainingLife": 99.8, "testMode": false}}',
            },
        ]
    }
    asked = {
        "DeviceId": DEVICE,
        "DeviceMethod": {"DeviceType": "device", "MethodName": "getDeviceHealthParameters"},
    }
    asked_file = tmp_path / "invoke-device-method.json"
    asked_file.write_text(json.dumps(asked))
    shown = await cli.shows("invoke-device-method", "--cli-input-json", f"file://{asked_file}")
    assert shown == {"DeviceMethodResponse": '{"remainingLife": 99.8}'}


async def test_get_device_methods(cli):
    await cli.claim()
    assert await cli.shows("get-device-methods", "--device-id", DEVICE) == {
        "DeviceMethods": [
            {"MethodName": "getDeviceHealthParameters"},
            {"MethodName": "setDeviceHealthMonitorCallback"},
            {"MethodName": "getDeviceHealthMonitorCallback"},
            {"MethodName": "setOnClickCallback"},
            {"MethodName": "getOnClickCallback"},
        ]
    }


async def test_tags(tmp_path):
    async with Cli(tmp_path, "123456789012") as cli:
        await cli.claim()
        arn = f"arn:aws:iot1click:us-west-2:123456789012:devices/{DEVICE}"
        tags = {"Driver": "Jorge Souza", "Driver Phone": "123-555-0199"}
        asked_file = tmp_path / "devices-tag-resource.json"
        asked_file.write_text(json.dumps({"ResourceArn": arn, "Tags": tags}))
        printed = await cli.run("tag-resource", "--cli-input-json", f"file://{asked_file}")
        assert printed == ""
        assert await cli.shows("list-tags-for-resource", "--resource-arn", arn) == {"Tags": tags}
        keys = ("--tag-keys", "Driver Phone", "Driver")
        assert await cli.run("untag-resource", "--resource-arn", arn, *keys) == ""
        assert await cli.shows("list-tags-for-resource", "--resource-arn", arn) == {"Tags": {}}
