"""The scripts' shared functions: what they install, and what they say when they may not."""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path
    for path in (ROOT / "scripts").iterdir()
    if path.is_file() and path.read_bytes()[:19] == b"#!/usr/bin/env bash"
)


@pytest.fixture
def machine(tmp_path):
    """A machine with our own apt-get, id and sudo; says what was run, and what was called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    calls = tmp_path / "calls"
    calls.touch()

    def program(name: str, body: str) -> None:
        path = programs / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{calls}\n{body}\n')
        path.chmod(0o755)

    def run(command: str) -> subprocess.CompletedProcess[str]:
        script = f"set -euo pipefail; . {ROOT}/scripts/lib.sh; {command}"
        path = f"{programs}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, "PATH": path, "PYTHON": ""},  # whoever runs the tests may name one
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    run.program = program
    run.calls = lambda: calls.read_text().splitlines()
    program("apt-get", "exit 0")
    return run


def test_what_is_there_is_not_installed(machine):
    assert machine("need_debian sh:dash true:coreutils").returncode == 0
    assert machine.calls() == []


def test_root_installs_what_is_missing_and_says_so(machine):
    machine.program("id", "echo 0")
    ran = machine("need_debian sh:dash no-such-program:no-such-package")
    assert ran.returncode == 0
    assert "installing Debian packages: no-such-package" in ran.stderr
    installs = [call for call in machine.calls() if " install " in call]
    assert len(installs) == 1
    assert installs[0].endswith("--no-install-recommends no-such-package")


def test_a_user_with_sudo_installs_too(machine):
    machine.program("id", "echo 1000")
    machine.program("sudo", 'shift; if [ $# -gt 0 ]; then exec "$@"; fi')
    assert machine("need_debian no-such-program:no-such-package").returncode == 0
    assert any(" install " in call for call in machine.calls() if call.startswith("apt-get"))


def test_a_user_without_sudo_is_told_what_to_type(machine):
    machine.program("id", "echo 1000")
    machine.program("sudo", "exit 1")
    ran = machine("need_debian no-such-program:no-such-package")
    assert ran.returncode == 1
    assert "sudo apt-get install no-such-package" in ran.stderr
    assert not [call for call in machine.calls() if call.startswith("apt-get")]


def test_a_failed_installation_is_not_hidden(machine):
    machine.program("id", "echo 0")
    machine.program("apt-get", '[ "$1" = update ]')
    ran = machine("need_debian no-such-program:no-such-package")
    assert ran.returncode == 1
    assert "apt-get could not install no-such-package" in ran.stderr


def test_an_old_python_is_refused_with_the_next_step(machine):
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        machine.program(name, "exit 1")
    ran = machine("find_python")
    assert ran.returncode == 1
    assert "no Python 3.11 or newer" in ran.stderr
    assert "PYTHON=" in ran.stderr


def test_a_step_that_fails_keeps_its_exit_code(machine):
    ran = machine("timed 'a step' sh -c 'exit 7'")
    assert ran.returncode == 7
    assert "a step: 0 s (failed: 7)" in ran.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_well_formed_and_stops_at_the_first_error(script):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert "set -euo pipefail" in script.read_text()


# Where no interpreter of ours is first in PATH, as in a fresh clone.
@pytest.mark.parametrize("script", ["fuzz", "planted-bugs", "vopr"])
def test_a_script_goes_on_in_the_environment_of_the_project(script):
    ran = subprocess.run(
        ["/usr/bin/env", "python3", ROOT / "scripts" / script, "--help"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert f"usage: {script}" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["vopr", "--seed", "-1"], "--seed is -1; seeds are 0 to 9223372036854775807"),
        (["vopr", "--seed", str(2**64)], f"--seed is {2**64}; seeds are 0 to"),
        (["vopr", "--from", "-1"], "--from is -1; seeds are 0 to"),
        (["vopr", "--from", str(2**63 - 1), "--seeds", "2"], "lead beyond the last seed"),
        (["vopr", "--seeds", "0"], "--seeds and --jobs are at least 1"),
        (["vopr", "--bug", "epoch-ignord"], "invalid choice: 'epoch-ignord'"),
        (["vopr", "--plan", '{"sed":3}'], "argument --plan: a plan has no 'sed'"),
        (["vopr", "--plan", '{"seed":3}'], "this is no plan: Object missing required field"),
        (["vopr", "--plan", "3"], "this is no plan: "),
        (["planted-bugs", "--seeds", "0"], "--seeds, --starts and --jobs are at least 1"),
        (["planted-bugs", "--starts", "0"], "--seeds, --starts and --jobs are at least 1"),
        (["planted-bugs", "--seeds", "10001"], "the places are 10000 seeds apart"),
    ],
)
def test_a_number_that_cannot_be_is_refused(arguments, says):
    script, *rest = arguments
    ran = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, *rest],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 2
    assert says in ran.stderr


def vopr(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "vopr", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
def test_a_planted_bug_ends_with_the_lines_that_show_it_again_and_the_smallest_plan():
    ran = vopr("--bug", "epoch-not-raised", "--seeds", "5")
    assert ran.returncode == 1
    assert "FAILED invariant 1" in ran.stdout
    assert "shrunk to:\n  seed = " in ran.stdout
    whole, shrunk = [one for one in ran.stdout.splitlines() if one.startswith("scripts/vopr")]
    for again in (whole, shrunk):
        typed = shlex.split(again)[1:]
        assert typed[-2:] == ["--bug", "epoch-not-raised"]
        shown = vopr(*typed)
        assert shown.returncode == 1
        assert "VIOLATION invariant 1" in shown.stdout
    assert vopr(*shlex.split(shrunk)[1:3]).returncode == 0  # without the bug


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", ["vopr", "planted-bugs"])
def test_a_script_that_is_stopped_ends_at_once_and_says_so(script, number):
    shown, screen = pty.openpty()  # vopr tells how far it is to a terminal alone
    running = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / script, "--seeds", "10000"],
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    os.close(screen)
    output = ""
    while "seeds" not in output:
        output += os.read(shown, 1000).decode()
    # A terminal's Ctrl-C reaches the whole group, what CI sends the one process that it knows.
    (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
    with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
        while more := os.read(shown, 1000).decode():
            output += more
    os.close(shown)
    assert running.wait(30) == 130
    assert output.rstrip().endswith("stopped")
    assert "Traceback" not in output


def test_a_script_whose_reader_left_says_nothing():
    nobody_reads, output = os.pipe()
    os.close(nobody_reads)
    ran = subprocess.run(
        [sys.executable, ROOT / "scripts" / "vopr", "--seed", "5"],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(output)
    assert (ran.returncode, ran.stderr) == (141, "")
