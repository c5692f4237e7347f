"""The official clients, each in a process of its own, and a real service on a real port."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.api.aws_model import install_model
from orchestrator.api.server import ApiServer
from orchestrator.domain.ids import Caller
from tests.api.world import World

ROOT = Path(__file__).parents[2]
OLDSDK = ROOT / ".venv-oldsdk"
DRIVER = Path(__file__).with_name("driver.py")

OLD, CURRENT = "botocore 1.35.80 with its own model", "current boto3 with our model"
ENDPOINT_VARIABLE = {
    OLD: "AWS_ENDPOINT_URL_IOT_1CLICK_DEVICES_SERVICE",
    CURRENT: "AWS_ENDPOINT_URL_IOT1CLICK_DEVICES",
}


def clean_environ(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own AWS settings, proxies included."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", **more}


def old_environment() -> Path:
    """The folder with the old clients; a missing one is a failure, never a skip."""
    if not (OLDSDK / ".installed").exists():
        pytest.fail("the environment of the old AWS clients is missing: run scripts/oldsdk")
    return OLDSDK


class Sdk:
    """One client process; ``do`` is one exchange of lines with it."""

    def __init__(self, kind: str, python: Path, home: Path) -> None:
        self.kind = kind
        self.python = python
        self.home = home
        self._process: subprocess.Popen[str] | None = None
        self._endpoint = ""

    def start(self, endpoint: str) -> None:
        """Run it with the endpoint where this kind of client finds it by itself."""
        if self._process is not None and self._endpoint == endpoint:
            return
        self.stop()
        self._endpoint = endpoint
        self._process = subprocess.Popen(
            [self.python, DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environ(self.home, **{ENDPOINT_VARIABLE[self.kind]: endpoint}),
            text=True,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait(10)
            self._process = None

    def do(self, **asked: Any) -> Any:
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(
    scope="session", params=[pytest.param(OLD, marks=pytest.mark.oldsdk, id="old"), CURRENT]
)
def sdk(request, tmp_path_factory) -> Iterator[Sdk]:
    home = tmp_path_factory.mktemp("home")
    if request.param == OLD:
        sdk = Sdk(OLD, old_environment() / "bin" / "python", home)
    else:
        install_model({"HOME": str(home)})
        sdk = Sdk(CURRENT, Path(sys.executable), home)
    yield sdk
    sdk.stop()


class Client:
    """One account's client. Answers come without their metadata, errors as they were raised."""

    def __init__(self, world: World, key: Any, sdk: Sdk, **how: Any) -> None:
        self.world = world
        self.sdk = sdk
        self.key = key
        self.caller = Caller(
            namespace=key.namespace, account=key.account, access_key=key.access_key
        )
        self.how = {"access_key": key.access_key, "secret": key.secret} | how

    def configured(self, **how: Any) -> Client:
        return Client(self.world, self.key, self.sdk, **(self.how | how))

    async def said(self, call: str, **asked: Any) -> dict[str, Any]:
        """Everything the driver says of one call; names ending in ``_`` are for the driver."""
        more = {name[:-1]: asked.pop(name) for name in list(asked) if name.endswith("_")}
        line = {"do": "call", "client": self.how, "call": call, "kwargs": asked, **more}
        return await asyncio.to_thread(lambda: self.sdk.do(**line))

    async def call(self, call: str, **asked: Any) -> dict[str, Any]:
        said = await self.said(call, **asked)
        assert "answer" in said, said
        answer = said["answer"]
        self.metadata = answer.pop("ResponseMetadata")
        return answer

    async def refused(self, call: str, **asked: Any) -> tuple[str, int, str]:
        """(type of the exception, status, message) of an error."""
        said = await self.said(call, **asked)
        assert "error" in said, said
        response = said["error"]["response"]
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        assert response["ResponseMetadata"]["RequestId"]
        kind = said["error"]["type"]
        assert kind in {response["Error"]["Code"], "ClientError"}
        self.code = response["Error"]["Code"]
        return kind, status, response["Error"]["Message"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World("production", register_on_initiate=True)
    yield world
    await world.store.close()


# One port for the session would be one endpoint for the session; a free one that stays the same
# lets the client processes, which take a second to start, live from test to test.
@pytest.fixture(scope="session")
def endpoint_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
async def endpoint(world, endpoint_port) -> AsyncIterator[str]:
    server = ApiServer(world.app, port=endpoint_port)
    host, port = await server.start()
    yield f"http://{host}:{port}"
    await server.stop()


@pytest.fixture
async def client(world, endpoint, sdk) -> Client:
    sdk.start(endpoint)
    key = await world.access.create(account="012345678901")
    return Client(world, key, sdk)
