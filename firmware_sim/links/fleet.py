"""Thousands of simulated buttons in one process, each on a connection of its own to a broker."""

from __future__ import annotations

import asyncio
import errno
import selectors
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from firmware_sim.links.errors import LinkBusyError, LinkError
from firmware_sim.links.fleet_button import FleetButton
from firmware_sim.links.fleet_door import Door
from firmware_sim.links.latencies import Latencies
from firmware_sim.links.limits import allow_files, too_few_files, too_few_ports
from firmware_sim.links.mqtt_codec import disconnect_packet, ping_packet
from firmware_sim.world.fleet import FleetPlan

# Often enough that 1,000 clicks/s come one by one, and a small part of a core.
_TICK_S: Final = 0.004
# Each button is looked at this often: is it to ping, is the broker silent?
_ROUND_S: Final = 10.0
# A broker that is busy with thousands answers within this, or the connection is dead.
PATIENCE_S: Final = 10.0
# Brokers drop a client after one and a half times this without a word of it.
KEEP_ALIVE_S: Final = 300
_READ_BYTES: Final = 4096
# Flat out, each button has so many clicks under way: one call of the system carries several.
_FLAT_OUT: Final = 4

_READ: Final = selectors.EVENT_READ
_BOTH: Final = selectors.EVENT_READ | selectors.EVENT_WRITE

# What send and recv say when there is nothing to do now.
_NOT_NOW: Final = (BlockingIOError, InterruptedError)


class Fleet:
    """The buttons of a plan, connected to one broker. Every failure is a LinkError.

    asyncio watches one file, a selector of the fleet's own; sockets are used without transports,
    which would take several KiB each. Buttons come to the door a few at a time, reconnect when
    they are dropped, and say again what was not acknowledged.
    """

    def __init__(
        self,
        plan: FleetPlan,
        url: str,
        *,
        keep_alive_s: int = KEEP_ALIVE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.plan = plan
        self.latencies = Latencies()
        """From a click to its PUBACK."""
        self.pressed = 0
        self.acknowledged = 0
        self.reconnects = 0
        """Connections that were lost after the broker had let the button in."""
        self._buttons = [FleetButton(index) for index in range(plan.devices)]
        self._turns = plan.turns()
        self._keep_alive_s = keep_alive_s
        self._patience_s = patience_s
        # A button that was passed by just before it was due must be pinged in time next round.
        self._round_s = min(_ROUND_S, keep_alive_s / 4) if keep_alive_s else _ROUND_S
        self._selector = selectors.DefaultSelector()
        self._door = Door(url, plan.devices, patience_s)
        self._looked_at = 0
        self._flat_out_until_s = 0.0
        self._failure: LinkError | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._now_s = time.monotonic()

    @property
    def connected(self) -> int:
        """How many buttons the broker has let in and not lost since."""
        return self._door.inside

    @property
    def last_loss(self) -> str:
        """Why the last connection that ended did; empty when none has."""
        return self._door.last_reason

    @property
    def unacknowledged(self) -> int:
        """Clicks that were made and have no PUBACK."""
        return self.pressed - self.acknowledged

    def button(self, index: int) -> FleetButton:
        """One button, to look at."""
        return self._buttons[index]

    async def __aenter__(self) -> Self:
        """Make sure that the machine allows so many, and find the broker; connect nobody."""
        allow_files(self.plan.devices)
        await self._door.find_broker()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._selector.fileno(), self._take_events)
        self._ticker = asyncio.create_task(self._tick(), name="fleet")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say goodbye and close every connection."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(self._selector.fileno())
        for button in self._buttons:
            if button.connected and not button.outbox:
                self._send(button, disconnect_packet())
            self._drop(button)
        self._selector.close()

    async def connect(self, on_progress: Callable[[int], None] | None = None) -> None:
        """Bring every button in. Raises LinkError when the broker takes no more of them."""
        self._door.admit(self._buttons)
        while self._door.inside < self.plan.devices:
            await self._pause()
            self._door.check_progress(self._now_s)
            if on_progress is not None:
                on_progress(self._door.inside)

    def press(self, index: int) -> None:
        """Press a button once. It says so now, or as soon as it is connected."""
        button = self._buttons[index]
        button.pressed += 1
        self.pressed += 1
        if button.connected:
            self._speak(button)

    async def click(
        self, rate: float, duration_s: float, on_progress: Callable[[int], None] | None = None
    ) -> None:
        """Make ``rate`` clicks a second, evenly, each button in turn, whatever the broker does."""
        started_s = time.monotonic()
        wanted, made = round(rate * duration_s), 0
        while made < wanted:
            due = min(wanted, int((time.monotonic() - started_s) * rate) + 1)
            for _ in range(due - made):
                self.press(next(self._turns))
            made = max(made, due)
            await self._pause()
            if on_progress is not None:
                on_progress(made)

    async def click_flat_out(
        self, duration_s: float, on_progress: Callable[[int], None] | None = None
    ) -> None:
        """Let every button click again as soon as a click of its is acknowledged."""
        before, started_s = self.pressed, time.monotonic()
        self._flat_out_until_s = started_s + duration_s
        for button in self._buttons:
            button.pressed += _FLAT_OUT - 1
            self.pressed += _FLAT_OUT - 1
            self.press(button.index)
        while time.monotonic() < self._flat_out_until_s:
            await self._pause()
            if on_progress is not None:
                on_progress(self.pressed - before)
        self._flat_out_until_s = 0.0

    async def settle(self, within_s: float) -> bool:
        """Wait until every click is acknowledged; False when some are not by then."""
        until_s = time.monotonic() + within_s
        while self.unacknowledged and time.monotonic() < until_s:
            await self._pause()
        return not self.unacknowledged

    # -- time ----------------------------------------------------------------------------------

    async def _pause(self) -> None:
        await asyncio.sleep(_TICK_S)
        if self._failure is not None:
            raise self._failure

    async def _tick(self) -> None:
        while self._failure is None:
            before_s, self._now_s = self._now_s, time.monotonic()
            try:
                self._knock()
            except LinkError as failure:
                self._failure = failure
            self._look_after(self._now_s - before_s)
            await asyncio.sleep(_TICK_S)

    def _knock(self) -> None:
        """Let those who wait at the door begin to connect, and turn away who waited too long."""
        for late in self._door.overdue(self._now_s):
            self._lose(late, "no answer")
        while (button := self._door.next(self._now_s)) is not None:
            try:
                connection = self._door.open_socket()
            except OSError as error:
                raise self._machine_limit(error) from error
            button.connect(connection, self._door.shown, self._now_s)
            # Writable means connected; what connect says by itself comes out then, too.
            self._selector.register(connection, _BOTH, button)

    def _look_after(self, elapsed_s: float) -> None:
        """Ping for the silent, and leave connections that are dead: a few buttons at a time."""
        count = min(self.plan.devices, int(self.plan.devices * elapsed_s / self._round_s) + 1)
        for _ in range(count):
            self._looked_at = (self._looked_at + 1) % self.plan.devices
            button = self._buttons[self._looked_at]
            if not button.connected:
                continue
            if button.lacks_answer(self._now_s, self._patience_s):
                self._lose(button, "no answer")
            elif self._keep_alive_s and self._now_s - button.said_s > self._keep_alive_s / 2:
                button.said_s = self._now_s
                self._send(button, ping_packet())

    # -- sockets -------------------------------------------------------------------------------

    def _take_events(self) -> None:
        """The selector has news of some sockets."""
        self._now_s = time.monotonic()
        for key, events in self._selector.select(0):
            button: FleetButton = key.data
            if events & selectors.EVENT_WRITE:
                self._write(button)
            if events & _READ and button.socket is not None:
                self._read(button)

    def _write(self, button: FleetButton) -> None:
        """The socket has room: it has just connected, or the broker has read on."""
        connection = button.socket
        assert connection is not None
        outbox, button.outbox = button.outbox, b""
        if not button.connected and not outbox:
            problem = self._door.connect_error(connection)
            if problem:
                self._lose(button, problem)
                return
            device_id = self.plan.device_id(button.index)
            outbox = self._door.connect_packet(device_id, self._keep_alive_s)
        self._selector.modify(connection, _READ, button)
        self._send(button, outbox)

    def _read(self, button: FleetButton) -> None:
        assert button.socket is not None
        try:
            data = button.socket.recv(_READ_BYTES)
        except _NOT_NOW:
            return
        except OSError as error:
            self._lose(button, str(error.strerror))
            return
        if not data:
            self._lose(button, "the broker closed it")
            return
        was_inside, said_s = button.connected, button.said_s
        button.heard_s = self._now_s
        try:
            acknowledged = button.hear(data)
        except LinkBusyError as busy:
            self._lose(button, f"the broker {busy.problem}")
            return
        except LinkError as failure:
            self._failure = failure
            return
        if acknowledged:
            self.acknowledged += acknowledged
            button.failures = 0
            self.latencies.add(self._now_s - said_s)
            if self._now_s < self._flat_out_until_s:
                button.pressed += acknowledged
                self.pressed += acknowledged
        elif not was_inside and button.connected:
            self._door.let_in(button, self._now_s)
        if button.pressed > button.said:
            self._speak(button)

    def _speak(self, button: FleetButton) -> None:
        data = button.speak(self.plan)
        if data:
            button.said_s = time.monotonic()
            self._send(button, data)

    def _send(self, button: FleetButton, data: bytes) -> None:
        if button.outbox:
            button.outbox += data
            return
        assert button.socket is not None
        try:
            sent = button.socket.send(data)
        except _NOT_NOW:
            sent = 0
        except OSError as error:
            self._lose(button, str(error.strerror))
            return
        if sent < len(data):
            button.outbox = data[sent:]
            self._selector.modify(button.socket, _BOTH, button)

    def _lose(self, button: FleetButton, reason: str) -> None:
        """The connection is over: the button comes to the door again after a while."""
        if button.connected:
            self.reconnects += 1
            if button.said == button.acknowledged:
                button.failures = 0  # it served until now; else its words may be what ended it
        self._drop(button)
        self._door.come_back(button, reason, self._now_s)

    def _drop(self, button: FleetButton) -> None:
        self._door.leave(button)
        connection = button.disconnect()
        if connection is not None:
            self._selector.unregister(connection)
            connection.close()

    def _machine_limit(self, error: OSError) -> LinkError:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            return too_few_files(self.plan.devices, len(self._selector.get_map()))
        if error.errno in {errno.EADDRNOTAVAIL, errno.EADDRINUSE}:
            return too_few_ports(self.plan.devices)
        return self._door.unreachable(error)
