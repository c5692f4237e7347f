"""A simulated button on a broker: publishes at QoS 1 and waits until the broker has it."""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from firmware_sim.core.battery import RATED_CLICKS
from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, Frame, MqttEncoder
from firmware_sim.core.wire import CLICK_TYPES, ButtonClick
from firmware_sim.links.errors import LinkError
from firmware_sim.links.mqtt_codec import connect_packet, publish_packet
from firmware_sim.links.mqtt_connection import Connection
from firmware_sim.links.mqtt_url import parse_mqtt_url
from firmware_sim.links.state import device_slot

# Long enough for TLS over a slow line, short enough for a person who waits.
TIMEOUT_S = 10.0

# Published and not yet acknowledged: Mosquitto, as many brokers, keeps 1000 of a client queued.
_IN_FLIGHT = 500
_BATCH = 100


class MqttLink:
    """One connection to a broker. Every failure is a LinkError that names the broker.

    ``client_id`` is a random one when not given; a fixed one takes over an older connection.
    """

    def __init__(
        self, url: str, *, client_id: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._address = parse_mqtt_url(url)
        self._client_id = client_id or f"clickclaim-button-{secrets.token_hex(6)}"
        self._timeout_s = timeout_s
        self._connection: Connection | None = None

    async def open(self) -> None:
        """Connect; return when the broker let us in."""
        address = self._address
        context = address.ssl_context()
        loop = asyncio.get_running_loop()
        connection = Connection(address.shown)
        try:
            async with asyncio.timeout(self._timeout_s):
                await loop.create_connection(
                    lambda: connection, address.host, address.port, ssl=context
                )
                packet = connect_packet(self._client_id, address.username, address.password)
                await connection.enter(packet)
        except TimeoutError:
            connection.drop()
            raise LinkError(
                address.shown,
                f"does not answer within {self._timeout_s:g} s",
                "check host and port, and that a broker listens there",
            ) from None
        except ssl.SSLError as error:
            raise LinkError(
                address.shown,
                f"cannot be trusted or does not speak TLS ({error.reason or error})",
                "give its certificate authority with ?ca=FILE, or use mqtt:// without TLS",
            ) from error
        except OSError as error:
            raise LinkError(
                address.shown,
                f"cannot be reached ({_reason(error)})",
                "check host and port, and that the broker runs",
            ) from error
        except BaseException:
            connection.drop()
            raise
        self._connection = connection

    async def close(self) -> None:
        """Say goodbye and let go. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.leave()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(self, frame: Frame) -> None:
        """Publish a frame of an ``MqttEncoder``; return when the broker has acknowledged it."""
        await self.publish(frame.channel, frame.payload)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish anything at QoS 1; return when the broker has acknowledged it.

        Several tasks may publish on one link.
        """
        connection = self._opened()
        packet_id = connection.free_packet_id()
        acknowledged = connection.expect(packet_id)
        connection.write(publish_packet(topic, payload, packet_id, retain=retain))
        try:
            async with asyncio.timeout(self._timeout_s):
                await acknowledged
        except TimeoutError:
            raise self._not_acknowledged(1) from None

    async def send_many(self, frames: Iterable[Frame]) -> int:
        """Publish many frames over this connection, many of them under way at once.

        Returns how many, all acknowledged; frames are taken from the iterable as there is room.
        """
        connection = self._opened()
        sent = 0
        batch: list[bytes] = []
        for frame in frames:
            packet_id = connection.free_packet_id()
            connection.expect_among_many(packet_id)
            batch.append(publish_packet(frame.channel, frame.payload, packet_id))
            sent += 1
            if len(batch) == _BATCH:
                connection.write(b"".join(batch))
                batch.clear()
                await self._wait_for_room(connection, _IN_FLIGHT)
        connection.write(b"".join(batch))
        await self._wait_for_room(connection, 0)
        return sent

    async def _wait_for_room(self, connection: Connection, at_most: int) -> None:
        """Wait until no more than so many publications lack their PUBACK."""
        while (before := connection.unacknowledged) > at_most:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await connection.wait_for_room(at_most)
            except TimeoutError:
                if connection.unacknowledged == before:  # else slow, but it moves
                    raise self._not_acknowledged(before) from None

    def _not_acknowledged(self, count: int) -> LinkError:
        return LinkError(
            self._address.shown,
            f"has not acknowledged {count} click{'s' if count > 1 else ''} within"
            f" {self._timeout_s:g} s",
            "it may or may not have them; look at the broker's log",
        )

    def _opened(self) -> Connection:
        if self._connection is None:
            raise LinkError(self._address.shown, "is not connected", "open the link first")
        self._connection.check()
        return self._connection


async def press(
    url: str,
    device_id: str,
    click_type: str = "SINGLE",
    *,
    namespace: str = "default",
    key: bytes = b"",
    test_mode: bool = False,
    now_ms: int | None = None,
    rated_clicks: int = RATED_CLICKS,
    state_folder: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> ButtonClick:
    """One click of a simulated button, from its start to the broker's acknowledgement.

    Its numbers go on from where the last press of this user left them. Raises LinkError,
    ValueError for an unknown click type, WireError for an impossible device id or namespace, and
    CounterError when the kept numbers are damaged.
    """
    if click_type not in CLICK_TYPES:
        raise ValueError(f"{click_type!r} is no click; use one of {', '.join(CLICK_TYPES)}")
    async with MqttLink(url, timeout_s=timeout_s) as link:

        def say() -> Frame:
            with device_slot(device_id, state_folder) as slot:
                device = ButtonDevice(
                    device_id,
                    ClickCounter(slot),
                    (MqttEncoder(namespace),),
                    key=key,
                    test_mode=test_mode,
                    rated_clicks=rated_clicks,
                )
                return device.say(click_type, now_ms)[0]

        frame = await asyncio.to_thread(say)
        await link.send(frame)
    return frame.click


def _reason(error: OSError) -> str:
    """The system's own words; asyncio puts its own in their place, name look-ups have no number."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
