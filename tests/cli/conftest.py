"""The command line as a user has it: real processes and ports, or the same code in this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.cli.app import run_command

PROGRAM = [sys.executable, "-c", "from orchestrator.cli import main; main()"]
# A loaded machine needs seconds to start a Python; nothing here waits for time to pass.
PATIENCE_S = 45


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path) -> None:
    """No test touches what belongs to whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in ("CLICKCLAIM_DATA", "CLICKCLAIM_SERVICE", "AWS_ACCESS_KEY_ID", "AWS_DATA_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cli(capsys) -> Callable[..., Ran]:
    """Run a command in this process: everything but the start of Python is the same."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run_command([str(one) for one in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


class Process:
    """A command in a process of its own."""

    def __init__(self, *arguments: object, env: dict[str, str] | None = None) -> None:
        self.popen = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def line(self) -> str:
        """The next line of its output."""
        line = self.popen.stdout.readline()
        assert line, f"it ended: {self.popen.stderr.read()}"
        return line

    def note(self, text: str) -> str:
        """Wait for a line with this text on stderr."""
        for line in self.popen.stderr:
            if text in line:
                return line
        raise AssertionError(f"it never said {text!r}")

    def end(self, how: signal.Signals | None = None) -> Ran:
        """Wait until it has ended, after a signal if one is given."""
        if how is not None:
            self.popen.send_signal(how)
        out, err = self.popen.communicate(timeout=PATIENCE_S)
        return Ran(self.popen.returncode, out, err)

    def kill(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start commands; whatever still runs at the end of the test is killed."""
    started: list[Process] = []

    def begin(*arguments: object, env: dict[str, str] | None = None) -> Process:
        started.append(Process(*arguments, env=env))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


@dataclass
class Served:
    process: Process
    http: str
    mqtt: str
    data: Path


@pytest.fixture
def serve(start, data) -> Callable[..., Served]:
    """Start a service and wait for its ready line."""

    def begin(*arguments: object, folder: Path = data) -> Served:
        process = start("serve", "--http", "127.0.0.1:0", "--data", folder, *arguments)
        ready, http, mqtt = process.line().split()
        assert ready == "ready"
        return Served(process, http.removeprefix("http="), mqtt.removeprefix("mqtt="), folder)

    return begin
