"""One connection to an MQTT broker: in what order it is acknowledged, and what it heard before
its own marker came back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, cast

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hardware.source import SourceAwayError, SourceError, SourceRefusedError
from hardware.sources.mqtt_client import acknowledge_at_once, build_client, enter, tls_context
from hardware.sources.mqtt_errors import explain_connect
from hardware.sources.mqtt_marker import Marker
from hardware.sources.mqtt_spec import MqttSpec

# A click is some hundred bytes; what hubs and gateways add stays far below this.
MAX_PAYLOAD_BYTES: Final = 64 * 1024

# What may wait for a slow consumer. Beyond it the connection is given up, and the broker sends
# again whatever was not acknowledged.
MAX_WAITING: Final = 10_000

# It takes milliseconds, on a busy machine more. Nobody who stops a service waits longer than this
# for a nicety.
_LAST_MARKER_S: Final = 2.0


@dataclass(slots=True)
class Arrival:
    """One message, as it came in."""

    message: aiomqtt.Message
    heard_ms: int
    queued: bool
    """It came before this connection's marker: the broker may have held it while we were away."""
    acknowledged: bool = False


class Connection:
    """One connection, from CONNECT to its end. Not used again after that.

    ``client_id`` None: a clean session under a name of the moment, nothing kept by the broker
    and no marker. ``on_alive`` is told, when a marker came back, up to when all is done.
    """

    def __init__(
        self,
        spec: MqttSpec,
        *,
        client_id: str | None,
        now_ms: Callable[[], int],
        on_alive: Callable[[int], None],
        on_notice: Callable[[str], None],
        timeout_s: float,
        marker_every_s: float,
    ) -> None:
        self._spec = spec
        self._now_ms = now_ms
        self._on_alive = on_alive
        self._on_notice = on_notice
        self._timeout_s = timeout_s
        self._marker_every_s = marker_every_s
        self._client_id = client_id or f"clickclaim{secrets.token_hex(6)}"
        self._persistent = client_id is not None
        self._marker = Marker(f"clickclaim/v1/service/{self._client_id}/marker")
        self._behind_marker = not self._persistent
        self._marker_back = asyncio.Event()
        self._arrived: deque[Arrival] = deque()
        self._unacknowledged: deque[Arrival] = deque()
        self._news = asyncio.Event()
        self._failure: SourceError | None = None
        self._count = 0
        self._dropped = 0
        self._closed = False
        self._client: aiomqtt.Client | None = None
        self._watching: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Connect, subscribe, publish the marker. Raises SourceAwayError or SourceRefusedError.

        One that failed on the way and has messages to hand out counts as open until they are.
        """
        client = self._client = self._build(await tls_context(self._spec))
        try:
            await enter(client)
        except aiomqtt.MqttError as error:
            raise explain_connect(self._spec, error, self._timeout_s) from error
        self._watching = self._start(self._watch(client), "connection of")
        try:
            await self._subscribe(client)
            if self._persistent:
                # The broker has taken the marker in before it takes in anything published from
                # now on, so what a caller publishes after `open` is never told to be queued.
                await self._publish_marker(client)
        except aiomqtt.MqttError as error:
            if self._failure is not None and self._arrived:
                # More came of our session than we hold, and the broker's answer is behind it. What
                # we hold is handled before the failure is told: were it thrown away, the next
                # connection would come no further than this one, nor any after it.
                return
            raise SourceAwayError(self._spec.shown, f"lost while subscribing: {error}") from error
        if self._persistent:
            self._tasks = [
                self._start(self._mark(client), "markers of"),
                self._start(self._miss_marker(), "first marker of"),
            ]

    async def next(self) -> Arrival:
        """The next message. Raises SourceError when no more will come."""
        while not self._arrived:
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            await self._news.wait()
        return self._arrived.popleft()

    def acknowledge(self, arrival: Arrival) -> None:
        """PUBACK for this message, once all that came before it have theirs.

        MQTT 3.1.1 asks a client to acknowledge in the order of arrival ([MQTT-4.6.0-2]).
        """
        arrival.acknowledged = True
        while self._unacknowledged and self._unacknowledged[0].acknowledged:
            done = self._unacknowledged.popleft()
            if self._client is not None and not self._closed:
                # aiomqtt has no word for it; the client below it has.
                self._client._client.ack(done.message.mid, 1)  # noqa: SLF001

    async def close(self) -> None:
        """Leave. Never raises. A last marker tells how far everything has been heard."""
        for task in self._tasks:
            task.cancel()
        client, watch = self._client, self._watching
        if client is not None and watch is not None:
            if self._persistent and self._failure is None:
                await self._last_marker(client)
            with contextlib.suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
            await asyncio.wait({watch}, timeout=self._timeout_s)
            watch.cancel()
        self._closed = True
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -----------------------------------------------------------------------------------------

    def _build(self, context: ssl.SSLContext | None) -> aiomqtt.Client:
        return build_client(
            self._spec,
            self._client_id,
            deliver=self._deliver,
            persistent=self._persistent,
            timeout_s=self._timeout_s,
            context=context,
        )

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        topics = list(self._spec.topics)
        if self._persistent:
            topics.append(self._marker.topic)
        if self._spec.version == "5":
            wanted: Any = [(topic, SubscribeOptions(qos=1)) for topic in topics]
        else:
            wanted = [(topic, 1) for topic in topics]
        answers = await client.subscribe(wanted)
        for topic, answer in zip(topics, answers, strict=False):
            granted = cast("ReasonCode", answer).value
            if granted >= 0x80:
                raise SourceRefusedError(
                    self._spec.shown,
                    f"the broker lets nobody of this name subscribe to {topic}",
                    "allow it in the broker's access list",
                )
            if granted == 0:
                self._on_notice(
                    f"{self._spec.shown}: the broker gives {topic} at QoS 0 only:"
                    " clicks made while we are away are lost"
                )

    async def _watch(self, client: aiomqtt.Client) -> None:
        """Wait for the end of the connection. Reading its reason keeps asyncio from logging it."""
        reason = "the broker ended the connection"
        try:
            await anext(client.messages)
        except aiomqtt.MqttError as error:
            if error.__cause__ is not None:
                reason = f"{reason} ({error.__cause__})"
        self._lose(SourceAwayError(self._spec.shown, reason))

    async def _mark(self, client: aiomqtt.Client) -> None:
        """Publish a marker now and then. Each that is not taken within the timeout is a loss."""
        while True:
            await asyncio.sleep(self._marker_every_s)
            heard = self._count
            try:
                await self._publish_marker(client)
            except aiomqtt.MqttError as error:
                if self._count > heard:
                    continue  # it has much to say; it will come to us
                reason = f"the broker stopped answering ({error})"
                self._lose(SourceAwayError(self._spec.shown, reason))
                return

    async def _last_marker(self, client: aiomqtt.Client) -> None:
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(min(_LAST_MARKER_S, self._timeout_s)):
                await self._publish_marker(client)
                # An earlier one may still be on its way, and it says less.
                while self._marker.sent_ms:
                    self._marker_back.clear()
                    await self._marker_back.wait()

    async def _miss_marker(self) -> None:
        """Say so when no marker comes back: every click would look as if it had been queued."""
        while not self._behind_marker:
            heard = len(self._arrived) + len(self._unacknowledged)
            try:
                # It takes milliseconds. So long with nothing else on the way, it never comes.
                async with asyncio.timeout(2 * self._timeout_s):
                    await self._marker_back.wait()
            except TimeoutError:
                if heard or self._arrived or self._unacknowledged:
                    continue  # there is a backlog, and the marker is behind it
                self._lose(
                    SourceRefusedError(
                        self._spec.shown,
                        f"what we publish to {self._marker.topic} does not come back",
                        "allow this user to read and to write clickclaim/v1/service/#",
                    )
                )
                return

    async def _publish_marker(self, client: aiomqtt.Client) -> None:
        payload = self._marker.next(self._now_ms())
        # QoS 1, because a QoS 0 message may overtake what is queued.
        await client.publish(self._marker.topic, payload, qos=1)
        # The broker's PUBACK is the one packet that we answer with none of ours.
        acknowledge_at_once(client)

    def _deliver(self, message: aiomqtt.Message) -> None:
        """A message came in. Called by the client's reader, so it must be quick."""
        if self._failure is not None:
            return  # given up: the broker sends it again
        self._count += 1
        arrival = Arrival(message, self._now_ms(), queued=not self._behind_marker)
        if message.qos:
            self._unacknowledged.append(arrival)
        topic, size = str(message.topic), len(message.payload)
        if self._persistent and topic == self._marker.topic:
            self._came_back(message.payload)
        elif size > MAX_PAYLOAD_BYTES:
            self._on_notice(
                f"{self._spec.shown}: dropped a message of {size} bytes on {topic[:200]}:"
                f" no button sends more than {MAX_PAYLOAD_BYTES}"
            )
        elif len(self._arrived) < MAX_WAITING:
            self._arrived.append(arrival)
            self._news.set()
            return
        else:
            self._overflow(arrival)
            return
        self.acknowledge(arrival)

    def _came_back(self, payload: bytes) -> None:
        sent_ms = self._marker.heard(payload)
        if sent_ms is not None:
            self._behind_marker = True
            self._marker_back.set()
            if (until_ms := self._handled_until_ms(sent_ms)) is not None:
                self._on_alive(until_ms)

    def _handled_until_ms(self, sent_ms: int) -> int | None:
        """Up to when all is done; None while that which the broker held, of any age, is not."""
        # What is not done comes again after a kill, and must not seem to be newer then.
        for one in self._unacknowledged:
            if not one.acknowledged and str(one.message.topic) != self._marker.topic:
                return None if one.queued else min(sent_ms, one.heard_ms)
        return sent_ms

    def _overflow(self, arrival: Arrival) -> None:
        """More than we hold. What has a QoS is sent again on the next connection."""
        problem = f"more than {MAX_WAITING} messages wait to be handled"
        if arrival.message.qos:
            self._lose(SourceAwayError(self._spec.shown, problem))
        elif not self._dropped:
            self._on_notice(f"{self._spec.shown}: {problem}; dropping those of QoS 0")
        self._dropped += 1

    def _lose(self, failure: SourceError) -> None:
        if self._failure is None:
            self._failure = failure
        self._news.set()

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        return asyncio.create_task(work, name=f"{what} {self._spec.shown}")
