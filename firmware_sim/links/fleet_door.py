"""How a fleet comes to its broker: a few buttons at a time, again after a while, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import heapq
import os
import secrets
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from firmware_sim.links.errors import LinkError
from firmware_sim.links.fleet_button import FleetButton
from firmware_sim.links.limits import local_addresses
from firmware_sim.links.mqtt_codec import connect_packet
from firmware_sim.links.mqtt_url import parse_mqtt_url

# Connecting at once: Mosquitto's queue at its port holds 100, and beyond it a connection waits for
# a second and more.
_AT_THE_DOOR: Final = 64

_Choice = tuple[socket.AddressFamily, tuple[str, int]]

_RETRY_FIRST_S: Final = 0.25
_RETRY_CAP_S: Final = 10.0

# Linux, from 4.2 on: choose the port when connecting, so that one port serves several brokers.
_BIND_NO_PORT: Final = 24


class Door:
    """Who is inside, who is knocking, and who comes back when. The fleet does the reading."""

    def __init__(self, url: str, devices: int, patience_s: float) -> None:
        self._address = parse_mqtt_url(url)
        if self._address.tls:
            raise LinkError(
                self._address.shown,
                "wants TLS, which takes some 50 KiB a connection and is not for fleets",
                "give a fleet the broker's plain port, as mqtt://HOST:1883/",
            )
        self.shown = self._address.shown
        self.inside = 0
        self._devices = devices
        self._patience_s = patience_s
        self._run = secrets.token_hex(3)
        self._family = socket.AF_INET
        self._broker: tuple[str, int] = ("", 0)
        self._sources: list[str] = []
        self._opened = 0
        self._waiting: deque[FleetButton] = deque()
        self._knocking: dict[FleetButton, float] = {}
        self._returning: list[tuple[float, int, FleetButton]] = []
        self._progress_s: float | None = None
        self._last_reason = ""

    @property
    def last_reason(self) -> str:
        """Why the last connection that ended did; empty when none has."""
        return self._last_reason

    async def find_broker(self) -> None:
        """Look the host up, once for all. Raises LinkError."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                self._address.host, self._address.port, type=socket.SOCK_STREAM
            )
        except OSError as error:
            raise self.unreachable(error) from error
        choices = [(family, (str(at[0]), int(at[1]))) for family, _, _, _, at in found]
        self._family, self._broker = await self._first_open(choices)
        self._sources = local_addresses(self._broker[0], self._devices)

    async def _first_open(self, choices: Sequence[_Choice]) -> _Choice:
        """The first at which somebody listens; the first of all when nobody does anywhere.

        ``localhost`` is ::1 before it is 127.0.0.1, and most brokers listen at the latter alone.
        """
        for family, where in choices if len(choices) > 1 else []:
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.setblocking(False)
                with contextlib.suppress(OSError):  # a TimeoutError is one
                    async with asyncio.timeout(self._patience_s):
                        await asyncio.get_running_loop().sock_connect(trial, where)
                    return family, where
        return choices[0]

    def admit(self, buttons: Iterable[FleetButton]) -> None:
        """These want to come in."""
        self._waiting.extend(buttons)

    def next(self, now_s: float) -> FleetButton | None:
        """Who may knock now; None when the door is crowded or nobody wants to."""
        if self._progress_s is None:
            self._progress_s = now_s
        if len(self._knocking) >= _AT_THE_DOOR:
            return None
        if self._returning and self._returning[0][0] <= now_s:
            button = heapq.heappop(self._returning)[2]
        elif self._waiting:
            button = self._waiting.popleft()
        else:
            return None
        self._knocking[button] = now_s
        return button

    def open_socket(self) -> socket.socket:
        """A socket that is connecting. Raises OSError at a limit of this machine."""
        opened = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._sources:
                opened.setsockopt(socket.IPPROTO_IP, _BIND_NO_PORT, 1)
                opened.bind((self._sources[self._opened % len(self._sources)], 0))
            self._opened += 1
            code = opened.connect_ex(self._broker)
            if code in {errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE}:
                raise OSError(code, os.strerror(code))
        except BaseException:
            opened.close()
            raise
        return opened

    def connect_error(self, connection: socket.socket) -> str:
        """Why a connection did not come about; empty when it did."""
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return os.strerror(code) if code else ""

    def connect_packet(self, device_id: str, keep_alive_s: int) -> bytes:
        """CONNECT of a button. Its client id is its own, and no other run's."""
        return connect_packet(
            f"{device_id}-{self._run}",
            self._address.username,
            self._address.password,
            keep_alive_s=keep_alive_s,
        )

    def let_in(self, button: FleetButton, now_s: float) -> None:
        """The broker has taken this button."""
        self._knocking.pop(button, None)
        self._progress_s = now_s
        self.inside += 1

    def leave(self, button: FleetButton) -> None:
        """The connection of this button is about to be closed."""
        self._knocking.pop(button, None)
        self.inside -= button.connected

    def come_back(self, button: FleetButton, reason: str, now_s: float) -> None:
        """This button wants in again, the later the oftener it failed."""
        self._last_reason = reason
        pause_s = min(_RETRY_CAP_S, _RETRY_FIRST_S * 2 ** min(button.failures, 10))
        button.failures += 1
        heapq.heappush(self._returning, (now_s + pause_s, button.index, button))

    def overdue(self, now_s: float) -> list[FleetButton]:
        """Who has knocked for too long."""
        found = []
        for button, since_s in self._knocking.items():  # the oldest first
            if now_s - since_s <= self._patience_s:
                break
            found.append(button)
        return found

    def check_progress(self, now_s: float) -> None:
        """Raise LinkError when the fleet is not all inside and nobody has come in for long."""
        if self.inside == 0 and self._last_reason and not self._knocking:
            raise self._problem(f"cannot be reached ({self._last_reason})")
        since_s = now_s if self._progress_s is None else self._progress_s
        if now_s - since_s <= self._patience_s:
            return
        if self.inside == 0:
            raise self._problem(f"lets nobody in ({self._last_reason or 'no answer'})")
        raise LinkError(
            self.shown,
            f"has taken {self.inside} of {self._devices} buttons and takes no more"
            f" ({self._last_reason or 'no answer'})",
            "raise the broker's own limit of open files (`ulimit -n` before it starts, LimitNOFILE="
            f" under systemd) and max_connections, or take --devices {self.inside}",
        )

    def unreachable(self, error: OSError) -> LinkError:
        """The broker cannot be reached, in the system's own words."""
        number = error.errno or 0
        said = os.strerror(number) if number > 0 else error.strerror or str(error)
        return self._problem(f"cannot be reached ({said})")

    def _problem(self, problem: str) -> LinkError:
        return LinkError(self.shown, problem, "check host and port, and that the broker runs")
