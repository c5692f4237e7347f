"""Runs in the guest: executes what the test asks for and streams back what it prints.

Frames on the virtio-serial port, both ways: four bytes of length, big-endian, then JSON.
Bytes inside the JSON are base64. Asked: hello, run, input, signal. Answered, under the
number of the question: out and err (bytes), exit (status), done, error (a sentence).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any

PORT_NAME = "clickclaim.lab"

# A project's archive is the largest thing sent; more is a broken stream.
MAX_FRAME_BYTES = 64 * 1024 * 1024

# From the kernel's include/uapi/linux/random.h: use the new seed at once.
_RNDRESEEDCRNG = 0x5207


class Agent:
    """Serves one port; commands run at the same time, answers are never mixed up."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._write_lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Answer until the port is closed."""
        while (asked := self._receive()) is not None:
            number = asked["id"]
            try:
                getattr(self, "do_" + asked["do"])(number, asked)
            except Exception:  # noqa: BLE001 - whatever it is, the asker is told
                self._answer(number, error=traceback.format_exc())

    def do_hello(self, number: int, asked: dict[str, Any]) -> None:
        """Take over the host's time and randomness: a snapshot's own are those of its making."""
        if asked.get("time_ns") is not None:
            time.clock_settime_ns(time.CLOCK_REALTIME, asked["time_ns"])
            with Path("/dev/urandom").open("wb", buffering=0) as pool:
                pool.write(base64.b64decode(asked["seed"]))
                fcntl.ioctl(pool, _RNDRESEEDCRNG)
        self._answer(number, done={"python": sys.version, "kernel": os.uname().release})

    def do_run(self, number: int, asked: dict[str, Any]) -> None:
        """Start a command; what it prints and its status follow."""
        process = subprocess.Popen(
            asked["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **asked["env"]},
            cwd=asked.get("cwd"),
            start_new_session=True,
        )
        self._running[number] = process
        threading.Thread(target=self._follow, args=(number, process), daemon=True).start()

    def do_input(self, number: int, asked: dict[str, Any]) -> None:
        """Bytes for a command's standard input; null closes it."""
        pipe = self._running[asked["of"]].stdin
        assert pipe is not None
        if asked["data"] is None:
            pipe.close()
        else:
            pipe.write(base64.b64decode(asked["data"]))
            pipe.flush()
        self._answer(number, done={})

    def do_signal(self, number: int, asked: dict[str, Any]) -> None:
        """A signal for a command and all it started; one that has ended is left in peace."""
        process = self._running.get(asked["of"])
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.Signals(asked["signal"]))
        self._answer(number, done={})

    def _follow(self, number: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        streams = {"out": process.stdout, "err": process.stderr}
        threads = [
            threading.Thread(target=self._forward, args=(number, name, pipe), daemon=True)
            for name, pipe in streams.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status = process.wait()
        del self._running[number]
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # input that was never read
                    pipe.close()
        self._answer(number, exit=status)

    def _forward(self, number: int, name: str, pipe: IO[bytes]) -> None:
        while data := os.read(pipe.fileno(), 65536):
            self._answer(number, **{name: base64.b64encode(data).decode()})

    def _answer(self, number: int, **said: Any) -> None:
        body = json.dumps({"id": number, **said}).encode()
        # Whoever asked may have hung up while the command still ran; nobody is left to be told.
        with self._write_lock, contextlib.suppress(BrokenPipeError):
            _write_all(self._writer, struct.pack(">I", len(body)) + body)

    def _receive(self) -> dict[str, Any] | None:
        head = self._read_exactly(4)
        if head is None:
            return None
        (length,) = struct.unpack(">I", head)
        if length > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {length} bytes: the stream is broken")
        body = self._read_exactly(length)
        if body is None:
            return None
        asked: dict[str, Any] = json.loads(body)
        return asked

    def _read_exactly(self, count: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < count:
            part = os.read(self._reader, count - len(parts))
            if not part:
                return None
            parts += part
        return bytes(parts)


def find_port(name: str) -> str:
    """The device node of a virtio-serial port; there is no udev to name it for us."""
    for entry in Path("/sys/class/virtio-ports").iterdir():
        if (entry / "name").read_text().strip() == name:
            return "/dev/" + entry.name
    raise FileNotFoundError(f"no virtio-serial port is called {name}")


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


if __name__ == "__main__":
    port = os.open(find_port(PORT_NAME), os.O_RDWR)
    Agent(port, port).serve()
    # The other end is away: init starts us anew, which must not become a busy loop.
    time.sleep(0.1)
