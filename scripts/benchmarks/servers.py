"""Servers to measure: started on loopback, stopped by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Serving:
    """A running `clickclaim serve`."""

    host: str
    port: int
    mqtt: str
    pid: int
    ready_s: float


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def clickclaim_serve(folder: Path, mqtt: str, profile: str = "dev") -> Iterator[Serving]:
    """`clickclaim serve` until the block ends; ``ready_s`` is from its start to its ready line."""
    command = [
        str(BIN / "clickclaim"), "serve", "--profile", profile, "--http", "127.0.0.1:0",
        "--mqtt", mqtt, "--data", str(folder),
    ]  # fmt: skip
    start_s = time.perf_counter()
    with process(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        ready_s = time.perf_counter() - start_s
        said = dict(word.split("=", 1) for word in line.split()[1:])
        host, _, port = said["http"].removeprefix("http://").rpartition(":")
        yield Serving(host, int(port), said["mqtt"], server.pid, ready_s)


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[str]:
    """A Mosquitto on a free port; its URL."""
    port = free_port()
    config = folder / "mosquitto.conf"
    # Clicks that wait for a busy service must wait, not be dropped at the default of 1,000.
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        "max_queued_messages 0\nmax_inflight_messages 1000\n"
    )
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    with process(["mosquitto", "-c", str(config)], env={**os.environ, "PATH": path}):
        wait_for_port(port)
        yield f"mqtt://127.0.0.1:{port}/"


@contextlib.contextmanager
def moto_server() -> Iterator[tuple[int, float]]:
    """A moto_server; its port, and the seconds until it answered."""
    port = free_port()
    start_s = time.perf_counter()
    with process([str(BIN / "moto_server"), "-p", str(port)]):
        wait_for_port(port)
        yield port, time.perf_counter() - start_s


@contextlib.contextmanager
def process(command: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A child, told to stop at the end of the block, and made to after five seconds."""
    settings: dict[str, object] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        **options,
    }
    child = subprocess.Popen(command, **settings)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for_port(port: int, within_s: float = 30.0) -> None:
    """Return when somebody answers there."""
    end_s = time.perf_counter() + within_s
    while time.perf_counter() < end_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise SystemExit(f"nothing answers at port {port} within {within_s:.0f} s")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
