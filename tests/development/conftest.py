"""A service in virtual time, reached over its HTTP API by tests that each own a namespace."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.world.slots import MemorySlot
from hardware.click import RawFrame
from orchestrator.api.app import ApiApp
from orchestrator.api.server import ApiServer
from orchestrator.remote.frames import frame_json
from orchestrator.remote.signing import Credentials, SigV4Signer
from orchestrator.runtime.service import Service, open_service
from orchestrator.settings import for_profile

DEVICE = "G030PM0123456789"
# It speaks plain HTTP here, and every context that trusts somebody takes 30 ms to make.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Tester:
    """A caller with a namespace of its own, and a button in it."""

    http: httpx.AsyncClient
    namespace: str
    button: ButtonDevice

    async def do(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.http.request(method, path, json=body, headers=headers or None)

    async def initiate(self, **headers: str) -> httpx.Response:
        return await self.do("PUT", f"/devices/{DEVICE}/initiate-claim", **headers)

    async def finalize(self, **headers: str) -> httpx.Response:
        return await self.do("PUT", f"/devices/{DEVICE}/finalize-claim", **headers)

    async def press(self, source: str = "sim:", click_type: str = "SINGLE") -> dict[str, Any]:
        (said,) = self.button.say(click_type, 0)
        frame = RawFrame(
            transport="mqtt", source=source, heard_ms=1, payload=said.payload, channel=said.channel
        )
        answer = await self.do("POST", "/v1/frames", {"frames": [frame_json(frame)]})
        (receipt,) = answer.json()["receipts"]
        return receipt

    async def advance(self, ms: int) -> dict[str, Any]:
        answer = await self.do("POST", "/v1/clock/advance", {"ms": ms})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def plan(self, *faults: dict[str, Any], seed: int = 0) -> None:
        answer = await self.do("PUT", "/v1/faults", {"faults": list(faults), "seed": seed})
        assert answer.status_code == 200, answer.text

    async def struck(self) -> list[int]:
        return [one["struck"] for one in (await self.do("GET", "/v1/faults")).json()["faults"]]

    async def latest(self) -> dict[str, Any]:
        return (await self.do("GET", f"/v1/records?device={DEVICE}")).json()["records"][0]

    async def why(self) -> dict[str, Any]:
        return (await self.do("GET", f"/v1/why/{DEVICE}")).json()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    opened = open_service(for_profile("dev"), None, virtual_time=True)
    async with opened as service, service.listening(()):
        yield service


@pytest.fixture
async def url(service) -> AsyncIterator[str]:
    app = ApiApp(
        service.claims,
        service.access,
        service.hub,
        service.settings,
        frames=service.ingest.receive_frames,
        faults=service.faults,
    )
    server = ApiServer(app)
    host, port = await server.start()
    yield f"http://{host}:{port}"
    await server.stop()


@pytest.fixture
async def new_tester(url) -> AsyncIterator[Callable[[], Awaitable[Tester]]]:
    clients: list[httpx.AsyncClient] = []

    async def make() -> Tester:
        async with httpx.AsyncClient(base_url=url, verify=NO_TLS) as nobody:
            key = (await nobody.post("/v1/keys", json={"label": "a test"})).json()
        signer = SigV4Signer(
            Credentials(access_key=key["accessKeyId"], secret=key["secretAccessKey"])
        )
        clients.append(httpx.AsyncClient(base_url=url, auth=signer, verify=NO_TLS, timeout=30))
        button = ButtonDevice(
            DEVICE, ClickCounter(MemorySlot()), (MqttEncoder(key["namespace"]),), key=b""
        )
        return Tester(clients[-1], key["namespace"], button)

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def tester(new_tester) -> Tester:
    return await new_tester()
