"""The test's hand inside the guest: sends code in, runs commands, hears what they print."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .inside.agent import MAX_FRAME_BYTES

PROJECT = "/opt/clickclaim"

# Commands take seconds in the guest; on a machine busy with other things it is a tenth as fast.
PATIENCE_S = 120.0

# The shell's own status for a command it could not start.
_NEVER_RAN = 127


class GuestError(Exception):
    """The guest could not do what was asked; the message has its own words."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    def check(self) -> str:
        """What it printed, if it ended well. Raises GuestError."""
        if self.status:
            raise GuestError(f"ended with {self.status}: {self.err[-4000:]}{self.out[-2000:]}")
        return self.out


class _Printed:
    """One stream of a command: all of it, and how far its lines were asked for."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._read_to = 0

    def add(self, data: bytes) -> None:
        self._data += data

    def next_line(self, containing: str) -> str | None:
        while (end := self._data.find(b"\n", self._read_to)) >= 0:
            line = self._data[self._read_to : end].decode(errors="replace")
            self._read_to = end + 1
            if containing in line:
                return line
        return None

    def __str__(self) -> str:
        return self._data.decode(errors="replace")


class Command:
    """A command running in the guest."""

    def __init__(self, guest: Guest, number: int) -> None:
        self._guest = guest
        self._number = number
        self._out = _Printed()
        self._err = _Printed()
        self._status: int | None = None
        self._news = asyncio.Condition()

    async def line(self, containing: str = "", within_s: float = PATIENCE_S) -> str:
        """The next line on standard output that contains this text.

        Raises GuestError when the command ends first or takes longer.
        """
        return await self._line(self._out, containing, within_s)

    async def note(self, containing: str = "", within_s: float = PATIENCE_S) -> str:
        """The next line on standard error that contains this text; otherwise as ``line``."""
        return await self._line(self._err, containing, within_s)

    async def finish(self, within_s: float = PATIENCE_S) -> Finished:
        """Wait for its end. Raises GuestError when it takes longer."""
        try:
            async with asyncio.timeout(within_s):
                async with self._news:
                    await self._news.wait_for(lambda: self._status is not None)
        except TimeoutError:
            raise GuestError(f"still running after {within_s} s: {self.story}") from None
        assert self._status is not None
        return Finished(self._status, str(self._out), str(self._err))

    async def send(self, data: bytes | None) -> None:
        """Write to its standard input; None closes it."""
        encoded = None if data is None else base64.b64encode(data).decode()
        await self._guest._ask("input", of=self._number, data=encoded)

    async def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to it and to all it started."""
        await self._guest._ask("signal", of=self._number, signal=int(number))

    @property
    def story(self) -> str:
        """All it has printed so far, errors last."""
        return f"{self._out}\n{self._err}"

    async def _line(self, printed: _Printed, containing: str, within_s: float) -> str:
        try:
            async with asyncio.timeout(within_s):
                async with self._news:
                    while True:
                        found = printed.next_line(containing)
                        if found is not None:
                            return found
                        if self._status is not None:
                            break
                        await self._news.wait()
        except TimeoutError:
            raise GuestError(f"no line with {containing!r} in {within_s} s: {self.story}") from None
        raise GuestError(f"ended with {self._status}, no line with {containing!r}: {self.story}")

    async def _take(self, said: Mapping[str, Any]) -> None:
        async with self._news:
            self._out.add(base64.b64decode(said.get("out", "")))
            self._err.add(base64.b64decode(said.get("err", "")))
            self._status = said.get("exit", self._status)
            if "error" in said:
                self._err.add(said["error"].encode())
                self._status = _NEVER_RAN
            self._news.notify_all()


class Guest:
    """The agent in the guest, as seen from the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._commands: dict[int, Command] = {}
        self._listener = asyncio.create_task(self._listen(), name="guest agent")

    @classmethod
    async def connect(cls, socket: Path) -> Guest:
        """Connect to the port; the agent behind it may come up later."""
        return cls(*await asyncio.open_unix_connection(str(socket)))

    async def hello(self) -> Mapping[str, Any]:
        """Wait for the agent, set its clock and its randomness; gives what it is."""
        seed = base64.b64encode(os.urandom(32)).decode()
        return await self._ask("hello", time_ns=time.time_ns(), seed=seed)

    async def start(self, *argv: str, env: Mapping[str, str] | None = None) -> Command:
        """Start a command; the project's packages are importable in it once sent in."""
        environment = {"PYTHONPATH": PROJECT, "HOME": "/root", "PYTHONUNBUFFERED": "1"}
        number = self._next_number()
        command = self._commands[number] = Command(self, number)
        await self._write(number, "run", argv=list(argv), env={**environment, **(env or {})})
        return command

    async def run(
        self, *argv: str, within_s: float = PATIENCE_S, stdin: bytes | None = None
    ) -> str:
        """Run a command to its end and give what it printed. Raises GuestError."""
        command = await self.start(*argv)
        if stdin is not None:
            await command.send(stdin)
            await command.send(None)
        return (await command.finish(within_s)).check()

    async def python(self, script: Path | str, *arguments: str) -> Command:
        """Start a Python program: its text, or a file of ours that holds it."""
        text = script.read_text() if isinstance(script, Path) else script
        return await self.start("python3", "-c", text, *arguments)

    async def send_project(self, archive: bytes, where: str = PROJECT) -> None:
        """Lay out the packages under test, as ``project.pack_project`` packed them."""
        unpack = 'mkdir -p "$0" && tar -xzf - -C "$0"'
        await self.run("sh", "-c", unpack, where, stdin=archive)

    async def close(self) -> None:
        """Hang up; the guest runs on."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):  # QEMU was killed first
            await self._writer.wait_closed()

    async def _ask(self, what: str, **details: Any) -> Mapping[str, Any]:
        number = self._next_number()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._write(number, what, **details)
        said = await answer
        if "error" in said:
            raise GuestError(f"{what}: {said['error']}")
        done: Mapping[str, Any] = said["done"]
        return done

    async def _write(self, number: int, what: str, **details: Any) -> None:
        body = json.dumps({"id": number, "do": what, **details}).encode()
        if len(body) > MAX_FRAME_BYTES:
            raise GuestError(f"{what}: {len(body)} bytes are more than the agent takes")
        self._writer.write(struct.pack(">I", len(body)) + body)
        await self._writer.drain()

    async def _listen(self) -> None:
        while True:
            try:
                (length,) = struct.unpack(">I", await self._reader.readexactly(4))
                said = json.loads(await self._reader.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                return await self._hung_up()
            number = said["id"]
            if number in self._commands:
                await self._commands[number]._take(said)
            elif number in self._waiting:
                self._waiting.pop(number).set_result(said)

    async def _hung_up(self) -> None:
        gone = {"error": "the guest has ended"}
        for answer in self._waiting.values():
            answer.set_result(gone)
        for command in self._commands.values():
            await command._take(gone)

    def _next_number(self) -> int:
        self._asked += 1
        return self._asked
