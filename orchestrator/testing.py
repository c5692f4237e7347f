"""What a test of yours needs: a claim service in this process, a button to press, time to own.

No port, no thread, no folder. A test with pytest-asyncio::

    from orchestrator.testing import VirtualClock, claim_service

    async def test_a_press_claims_the_button():
        async with claim_service() as service:
            button = service.button("G030PM0123456789")
            answer = await service.http.put("/devices/G030PM0123456789/initiate-claim")
            assert answer.json() == {"state": "CLAIM_INITIATED"}
            assert (await button.click("DOUBLE")).disposition == "MATCHED"
            answer = await service.http.put("/devices/G030PM0123456789/finalize-claim")
            assert answer.json() == {"state": "CLAIMED"}

    async def test_nobody_presses():
        clock = VirtualClock()
        async with claim_service(clock=clock) as service:
            claim = service.claim("G030PM0123456789")
            await clock.advance(120_000)
            assert (await claim).outcome == "TIMED_OUT"

``service.http`` is an httpx client that reaches the whole HTTP API; hand ``service.transport`` to
a client of your own. Everything is simulated, so the profile is ``dev`` unless you say otherwise.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from orchestrator.clocks import VirtualClock
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.ids import DEFAULT_NAMESPACE
from orchestrator.flow import WindowOpened, claim_device
from orchestrator.ports import ClaimApi, Clock, FrameReceipt
from orchestrator.settings import Settings, for_profile

if TYPE_CHECKING:
    import httpx

    from orchestrator.runtime.service import Service

__all__ = ["ClickMissedError", "InProcessService", "TestButton", "VirtualClock", "claim_service"]

URL: Final = "http://clickclaim.test"
"""Where ``InProcessService.http`` believes the service to be."""


class ClickMissedError(Exception):
    """A click that was to claim a device did not; the message says what became of it."""

    def __init__(self, device_id: str, click: FrameReceipt) -> None:
        what = "was" if click.disposition is None else f"is {click.disposition}:"
        super().__init__(f"{device_id} is not claimed: its click {what} {click.reason}")
        self.click = click


class TestButton:
    """A simulated button whose clicks go straight to the service, counted as a real one counts."""

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(self, device_id: str, service: Service, *, key: bytes, namespace: str) -> None:
        from firmware_sim.core.counter import ClickCounter  # noqa: PLC0415
        from firmware_sim.core.device import ButtonDevice, MqttEncoder  # noqa: PLC0415
        from firmware_sim.core.wire.click import check_device_id  # noqa: PLC0415
        from firmware_sim.world.slots import MemorySlot  # noqa: PLC0415

        self.device_id = check_device_id(device_id)
        if not isinstance(key, bytes):
            raise TypeError(f"the key of a button is bytes, not {key!r}")
        self.key = key
        self._service = service
        self._caller = service.access.anonymous()
        self._device = ButtonDevice(
            device_id, ClickCounter(MemorySlot()), (MqttEncoder(namespace),), key=key
        )
        self._last: list[tuple[str, bytes]] = []

    async def click(self, click_type: str = "SINGLE") -> FrameReceipt:
        """Click once. What became of it is durable when this returns."""
        now_ms = self._service.clock.now_ms()
        self._last = [
            (frame.channel, frame.payload) for frame in self._device.say(click_type, now_ms)
        ]
        return await self.repeat()

    async def repeat(self) -> FrameReceipt:
        """Say the last click again, byte for byte, as brokers and radios do."""
        from hardware.click import RawFrame  # noqa: PLC0415

        if not self._last:
            raise ValueError(f"{self.device_id} was never clicked, so there is nothing to repeat")
        frames = [
            RawFrame(
                transport="mqtt",
                source="sim:",
                heard_ms=self._service.clock.now_ms(),
                payload=payload,
                channel=channel,
                simulated=True,
            )
            for channel, payload in self._last
        ]
        (receipt,) = await self._service.ingest.receive_frames(self._caller, frames)
        return receipt


@dataclass(frozen=True, slots=True)
class InProcessService:
    """A claim service in this process. Made by ``claim_service``."""

    service: Service
    """The wired parts: ``registry``, ``access``, ``claims``, ``store`` and more."""
    http: httpx.AsyncClient
    """The HTTP API, base URL set; requests go out without a key."""
    transport: httpx.AsyncBaseTransport
    """For an httpx client of your own."""
    _buttons: dict[tuple[str, str], TestButton] = field(default_factory=dict, repr=False)
    _claims: set[asyncio.Task[Attempt]] = field(default_factory=set, repr=False)

    @property
    def api(self) -> ClaimApi:
        """The claim API in process, with the rights of somebody without a key."""
        return self.service.api()

    def button(
        self, device_id: str, *, key: bytes = b"", namespace: str = DEFAULT_NAMESPACE
    ) -> TestButton:
        """The button of this id, the same one each time; with a key it signs what it says."""
        button = self._buttons.get((namespace, device_id))
        if button is None:
            button = TestButton(device_id, self.service, key=key, namespace=namespace)
            self._buttons[namespace, device_id] = button
        if key and key != button.key:
            has = "another key" if button.key else "no key"
            raise ValueError(
                f"{device_id} has {has} here; name its key where it is first asked for"
            )
        return button

    def claim(
        self, device_id: str, *, tags: Mapping[str, str] | None = None
    ) -> asyncio.Task[Attempt]:
        """Begin to claim a device; await the task for its ended attempt. Nobody presses yet.

        A claim that is still open when the service ends is cancelled.
        """
        claim = asyncio.create_task(
            claim_device(
                self.api,
                device_id,
                claim_id=secrets.token_hex(8),
                clock=self.service.clock,
                tags=tags,
            ),
            name=f"claim {device_id}",
        )
        self._claims.add(claim)
        claim.add_done_callback(self._claims.discard)
        return claim

    async def claimed(self, device_id: str, click_type: str = "SINGLE") -> Attempt:
        """Claim a device with a press of its simulated button; the attempt, CLAIMED.

        What the service refuses is raised as it is: ``pytest.raises(TakenError)``. A click that
        does not match is a ClickMissedError at once: on a clock that stands still nobody would
        ever hear that the window is over.
        """
        opened = asyncio.Event()

        def told(progress: object) -> None:
            if isinstance(progress, WindowOpened):
                opened.set()

        async def press() -> None:
            await opened.wait()
            click = await self.button(device_id).click(click_type)
            if click.disposition != "MATCHED":
                raise ClickMissedError(device_id, click)

        try:
            async with asyncio.TaskGroup() as group:
                pressing = group.create_task(press(), name=f"press {device_id}")
                attempt = await claim_device(
                    self.api,
                    device_id,
                    claim_id=secrets.token_hex(8),
                    clock=self.service.clock,
                    on_progress=told,
                )
                pressing.cancel()
        except ExceptionGroup as failed:  # whichever of the two it was, the other was cancelled
            raise failed.exceptions[0] from None
        return attempt

    async def _end_claims(self) -> None:
        claims = list(self._claims)
        for claim in claims:
            claim.cancel()
        await asyncio.gather(*claims, return_exceptions=True)


@asynccontextmanager
async def claim_service(
    settings: Settings | None = None, *, clock: Clock | None = None
) -> AsyncIterator[InProcessService]:
    """A claim service in memory, as long as the body runs. Time is real unless a clock is given."""
    import httpx  # noqa: PLC0415 - only tests that use it pay for it

    from orchestrator.api.app import ApiApp  # noqa: PLC0415
    from orchestrator.runtime.service import open_service  # noqa: PLC0415

    settings = settings or for_profile("dev")
    async with open_service(settings, None, clock=clock) as service, service.listening(()):
        app = ApiApp(
            service.claims,
            service.access,
            service.hub,
            settings,
            frames=service.ingest.receive_frames,
            faults=service.faults,
        )
        transport = _transport_to(app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
            made = InProcessService(service=service, http=http, transport=transport)
            try:
                yield made
            finally:
                await made._end_claims()  # noqa: SLF001 - of this module
        app.close()


def _transport_to(app: Any) -> httpx.AsyncBaseTransport:
    """As a connection: a request that is never answered ends in an error, or when time is up."""
    import httpx  # noqa: PLC0415

    async def exchange(scope: Any, receive: Any, send: Any) -> None:
        answered = False

        async def sending(message: Any) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await app(scope, receive, sending)
        if not answered:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")

    class Connection(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            try:
                async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                    return await super().handle_async_request(request)
            except TimeoutError:
                raise httpx.ReadTimeout("timed out", request=request) from None

    return Connection(app=exchange)
