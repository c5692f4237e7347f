"""Talks to QEMU over its machine protocol: one command at a time, events kept for who waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command; the message names both and says why."""


class Qmp:
    """A session on QEMU's control socket. Used by one task at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._events: list[dict[str, Any]] = []

    @classmethod
    async def connect(cls, socket: Path) -> Qmp:
        """Open the session; afterwards commands may be given."""
        session = cls(*await asyncio.open_unix_connection(str(socket)))
        await session._receive()  # the greeting
        await session.execute("qmp_capabilities")
        return session

    async def execute(self, command: str, **arguments: Any) -> Any:
        """Give a command and what it returned. Raises QmpError."""
        # QMP spells its arguments with dashes, which Python's keywords cannot have.
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._writer.write(json.dumps({"execute": command, "arguments": named}).encode() + b"\n")
        await self._writer.drain()
        while True:
            message = await self._receive()
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QmpError(f"{command} {named}: {message['error']['desc']}")
            else:
                return message["return"]

    async def wait_for(self, event: str, **facts: Any) -> dict[str, Any]:
        """The next event of this name whose data has these facts, past ones included, once."""
        while True:
            for position, message in enumerate(self._events):
                data = message.get("data", {})
                if message["event"] == event and facts.items() <= data.items():
                    return self._events.pop(position)
            message = await self._receive()
            if "event" in message:
                self._events.append(message)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(
            ConnectionError
        ):  # QEMU was killed first, which is how every run ends
            await self._writer.wait_closed()

    async def _receive(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line:
            raise QmpError("QEMU closed its control socket: it has ended")
        message: dict[str, Any] = json.loads(line)
        return message
