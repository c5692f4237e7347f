"""One socket to a broker: what is under way on it, and why it ended."""

from __future__ import annotations

import asyncio

from firmware_sim.links.errors import LinkError
from firmware_sim.links.mqtt_codec import MAX_PACKET_ID, Answers, disconnect_packet


class Connection(asyncio.Protocol):
    """A connection of its whole life: once it has failed, everything on it raises that failure."""

    def __init__(self, link: str) -> None:
        self._link = link
        self._answers = Answers(link)
        self._transport: asyncio.Transport | None = None
        # Unacknowledged packet ids; with a future where somebody waits for this very one.
        self._expected: dict[int, asyncio.Future[None] | None] = {}
        self._last_packet_id = 0
        self._failure: LinkError | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def unacknowledged(self) -> int:
        """How many publications lack their PUBACK."""
        return len(self._expected)

    async def enter(self, connect: bytes) -> None:
        """Send CONNECT; return when the broker let us in."""
        self.write(connect)
        while not self._answers.connected:
            await self._something()

    def free_packet_id(self) -> int:
        """A packet id that is not under way."""
        while True:
            self._last_packet_id = self._last_packet_id % MAX_PACKET_ID + 1
            if self._last_packet_id not in self._expected:
                return self._last_packet_id

    def expect(self, packet_id: int) -> asyncio.Future[None]:
        """A future that is done when this packet is acknowledged, or fails with the connection."""
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected[packet_id] = acknowledged
        return acknowledged

    def expect_among_many(self, packet_id: int) -> None:
        """This packet will be acknowledged; ``wait_for_room`` waits for it."""
        self._expected[packet_id] = None

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.check()
        if data and self._transport is not None:
            self._transport.write(data)

    async def wait_for_room(self, at_most: int) -> None:
        """Wait until no more than so many publications lack their PUBACK."""
        while len(self._expected) > at_most:
            await self._something()

    def check(self) -> None:
        """Raise the failure of the connection, if it has failed."""
        if self._failure is not None:
            raise self._failure

    async def leave(self) -> None:
        """Say goodbye and wait until the socket is closed."""
        if self._transport is not None:
            if not self._transport.is_closing():
                self._transport.write(disconnect_packet())
                self._transport.close()
            await self._closed

    def drop(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """The broker says something (asyncio calls this)."""
        try:
            for packet_id in self._answers.feed(data):
                waiting = self._expected.pop(packet_id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
        except LinkError as failure:
            self._fail(failure)
            self.drop()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by whomever (asyncio calls this)."""
        reason = f" ({exc})" if exc else ""
        self._fail(
            LinkError(
                self._link,
                f"closed the connection{reason}",
                "clicks not yet acknowledged may be lost; look at the broker's log",
            )
        )
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    async def _something(self) -> None:
        """Wait for bytes or for the end. Raises what ended it."""
        self.check()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter
        self.check()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, failure: LinkError) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        for waiting in self._expected.values():
            if waiting is not None and not waiting.done():
                waiting.set_exception(failure)
