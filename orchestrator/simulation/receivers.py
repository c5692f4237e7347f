"""Those who are told of clicks: owners' URLs that fail now and then, and what they must be told."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import httpx

from orchestrator.callbacks import EVENT_ID_HEADER, CallbackPoster
from orchestrator.domain.devices import Device
from orchestrator.domain.errors import ClickclaimError
from orchestrator.ports import Store
from orchestrator.settings import Settings
from orchestrator.simulation.gate import Gate
from orchestrator.simulation.nodes import ServiceNode, Station, Told
from orchestrator.simulation.truth import Place, hold
from orchestrator.units import AddEvent, Op, PutDelivery, SwapDevice

HOST: Final = "owners.example"
_CLICK: Final = "-click"
_DELAY_S: Final = (0.001, 0.4)
# What a client waits for an answer that never comes.
_TIMEOUT_S: Final = 10.0

Press = Callable[[Place, Station | None], Awaitable[None]]


class Receivers:
    """The web servers of all owners. ``fails``: how likely one does not take what is posted, or
    its answer gets lost."""

    def __init__(self, dice: random.Random, fails: float, count: Callable[[str], None]) -> None:
        self._dice = dice
        self.fails = fails
        self._count = count
        self._due: dict[str, str] = {}
        """Committed clicks that their owner is to be told of, and where."""
        self._known: set[str] = set()
        """Every click whose commit was acknowledged."""
        self._posted: dict[str, set[str]] = {}
        """The clicks that a service has told somebody of, by service."""
        self.taken: Counter[str] = Counter()

    def committed(self, ops: Sequence[Op]) -> None:
        """A unit was acknowledged: is somebody to be told of its click?

        InvariantError when the callback is not in the outbox with it, or is another owner's.
        """
        devices = {op.after.device_id: op.after for op in ops if isinstance(op, SwapDevice)}
        for device in devices.values():
            owner, url = device.claim.owner, _url_in(device)
            theirs = url is None or url.startswith(f"http://{HOST}/{owner}/")
            hold(2, theirs, "{} of {} has the callback {}", device.device_id, owner, url)
        outbox = {op.delivery.delivery_id for op in ops if isinstance(op, PutDelivery)}
        for op in ops:
            if isinstance(op, AddEvent):
                event = op.event
                self._known.add(event.event_id)
                pressed = devices.get(event.device_id)
                url = None if pressed is None else _url_of(pressed)
                if event.disposition == "DELIVERED" and url is not None:
                    self._due[event.event_id] = url
                    with_it = f"{event.event_id}{_CLICK}" in outbox
                    hold(3, with_it, "{} is committed, its callback is not yet", event.event_id)

    async def take(self, node: ServiceNode, request: httpx.Request) -> int:
        """A request has arrived; the status of the answer. InvariantError when it never should."""
        event_id = request.headers[EVENT_ID_HEADER].removesuffix(_CLICK)
        self._posted.setdefault(node.name, set()).add(event_id)
        assert node.store is not None
        event = await node.store.event(event_id)
        hold(3, event is not None, "an owner is told of {}, which is not on record", event_id)
        assert event is not None
        place = (event.namespace, event.device_id)
        attempt = await node.store.attempt(event.attempt_id or "")
        owner = None if attempt is None else attempt.account
        right = request.url.path == path_of(str(owner), place)
        hold(2, right, "a click of {} for {} is told to {}", place, owner, request.url)
        told = json.loads(request.content)["deviceInfo"]["deviceId"]
        hold(2, told == event.device_id, "{} is told of {}", place, told)
        if event_id in self._known:
            due = self._due.get(event_id) == str(request.url)
            hold(6, due, "{} of {} is told to {}, who asked for none", event_id, place, owner)
        if self._dice.random() < self.fails:
            self._count("callback refused")
            return self._dice.choice([500, 503, 302, 404])
        self.taken[event_id] += 1
        self._count("callback taken again" if self.taken[event_id] > 1 else "callback taken")
        return self._dice.choice([200, 202, 204])

    async def check_restarted(self, node: ServiceNode) -> None:
        """After a restart: what somebody was told of is on record."""
        assert node.store is not None
        for event_id in sorted(self._posted.get(node.name, ())):
            found = await node.store.event(event_id)
            hold(3, found is not None, "an owner was told of {}, which is gone", event_id)

    def check_all_told(self) -> None:
        """At the end: every owner was told of each click at least once."""
        for event_id, url in sorted(self._due.items()):
            hold(3, self.taken[event_id] > 0, "{} was never told of {}", url, event_id)

    async def post(self, node: ServiceNode, store: Store, settings: Settings) -> None:
        """Production's poster, in the service's process."""
        transport = _Wire(self, self._dice, node, node.gate)
        client = httpx.AsyncClient(transport=transport, trust_env=False)
        await CallbackPoster(store, node.clock, settings, client).run()


class _Wire(httpx.AsyncBaseTransport):
    """From a service to whoever is told; gone with the process."""

    def __init__(
        self,
        receivers: Receivers,
        dice: random.Random,
        node: ServiceNode,
        gate: Gate,
    ) -> None:
        self._receivers = receivers
        self._dice = dice
        self._node = node
        self._gate = gate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._travel()
        status = await self._take(request)
        await self._travel()
        if self._dice.random() < self._receivers.fails / 2:
            await asyncio.sleep(_TIMEOUT_S)
            await self._gate.check()
            raise httpx.ReadTimeout("no answer came", request=request)
        return httpx.Response(status, request=request)

    async def _take(self, request: httpx.Request) -> int:
        try:
            return await self._receivers.take(self._node, request)
        except AssertionError as error:  # the poster would only try again
            self._node.found(error)
            raise

    async def _travel(self) -> None:
        await asyncio.sleep(self._dice.uniform(*_DELAY_S))
        await self._gate.check()


class Owners:
    """What an owner does with a button of theirs: has it call a URL, presses it, changes their
    mind."""

    def __init__(self, dice: random.Random, press: Press) -> None:
        self._dice = dice
        self._press = press
        self._asked = 0

    async def use(self, station: Station, told: Told) -> None:
        """Set its callback and its state, and press it; until somebody else has it."""
        dice, caller = self._dice, station.caller
        place = (caller.namespace, told.device_id)
        target = {"callback": {"url": f"http://{HOST}{path_of(caller.account, place)}"}}
        if dice.random() < 0.3:  # wants to be told of nothing
            await self._press_some(place, station)
            return
        try:
            await self._set(station, told.device_id, target)
            for enabled in dice.choice([(True,), (True,), (True, False), (False, True), ()]):
                await self._enable(station, told.device_id, enabled)
                await self._press_some(place, station)
            if dice.random() < 0.2:
                await self._set(station, told.device_id, {"callback": {}})
                await self._press_some(place, station)
        except ClickclaimError:
            return

    async def _press_some(self, place: Place, station: Station) -> None:
        for _ in range(self._dice.randint(1, 3)):
            await asyncio.sleep(self._dice.uniform(0.0, 4.0))
            await self._press(place, station)

    async def _set(self, station: Station, device_id: str, target: Any) -> None:
        home = station.service
        if home.up and home.service is not None:
            invoked = home.service.invoke(
                station.caller,
                device_id,
                device_type="button",
                method_name="setOnClickCallback",
                parameters=json.dumps(target),
                invocation=self._new_invocation(),
            )
            await home.unless_killed(invoked)

    async def _enable(self, station: Station, device_id: str, enabled: bool) -> None:
        home = station.service
        if home.up and home.service is not None:
            updated = home.service.update_state(
                station.caller, device_id, enabled=enabled, invocation=self._new_invocation()
            )
            await home.unless_killed(updated)

    def _new_invocation(self) -> str:
        self._asked += 1
        return f"owner-{self._asked}"


def path_of(account: str, place: Place) -> str:
    """Where the server of this owner is told of this button."""
    return f"/{account}/{place[0]}/{place[1]}"


def _url_of(device: Device) -> str | None:
    """Where clicks of a device are to be told, if anywhere."""
    return _url_in(device) if device.enabled else None


def _url_in(device: Device) -> str | None:
    setting: Any = device.callbacks.get("onClick")
    return None if setting is None else str(setting["callback"]["url"])
