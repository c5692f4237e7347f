"""Brokers for tests: a real Mosquitto in a process of its own, and somebody who publishes."""

from __future__ import annotations

import asyncio
import getpass
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiomqtt
import pytest

from orchestrator.broker import EmbeddedBroker


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Mosquitto:
    """One Mosquitto on a loopback port; keeps its sessions on disk, so that it may be killed."""

    def __init__(self, folder: Path, *, listener: str = "", extra: str = "") -> None:
        self.port = free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        allow = "" if "allow_anonymous" in listener + extra else "allow_anonymous true"
        (folder / "mosquitto.conf").write_text(
            f"""
            user {getpass.getuser()}
            persistence true
            persistence_location {folder}/
            autosave_on_changes true
            autosave_interval 1
            log_dest file {folder}/mosquitto.log
            max_queued_messages 100000
            per_listener_settings false
            {extra}
            listener {self.port} 127.0.0.1
            {allow}
            {listener}
            """.replace("            ", "")
        )

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        assert program, "no mosquitto here: install Debian's package with apt-get install mosquitto"
        config = self.folder / "mosquitto.conf"
        self._process = subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL)
        async with asyncio.timeout(30):
            while True:
                assert self._process.poll() is None, (self.folder / "mosquitto.log").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                await writer.wait_closed()
                return

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        # Told to end it takes a tenth of a second; nobody will read what it would write.
        await self.stop(signal.SIGKILL)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            await asyncio.to_thread(process.wait)  # with a timeout it would look again and again


# What every broker can do is asked of both.
BOTH = ["amqtt", pytest.param("mosquitto", marks=pytest.mark.mosquitto)]


@asynccontextmanager
async def running(kind: str, folder: Path) -> AsyncIterator[int]:
    """The port of one of BOTH, while the body runs."""
    if kind == "mosquitto":
        async with Mosquitto(folder) as broker:
            yield broker.port
    else:
        embedded = EmbeddedBroker()
        yield await embedded.start()
        await embedded.stop()


async def publish(
    port: int, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
) -> None:
    """Publish one message; the broker has taken it in when this returns."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(topic, payload, qos=qos, retain=retain)
