"""What every command has in common: help, wrong arguments, exit codes, and no traceback, ever."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.cli.app import run_command, whole_app
from orchestrator.cli.commands import COMMANDS, EXIT_CODES, overview, suggestion
from tests.cli.conftest import PROGRAM


def test_the_overview_names_every_command_and_exit_code():
    text = overview(colour=False)
    for name, command in COMMANDS.items():
        assert f"  {name} " in text
        assert command.summary in text
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_ctrl_c_while_a_command_is_loading_is_no_traceback():
    struck = """
import sys
from orchestrator.cli import main

class Struck:
    def find_spec(self, name, path=None, target=None):
        if name == "orchestrator.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Struck())
sys.argv = ["clickclaim", "doctor"]
main()
"""
    ran = subprocess.run(
        [sys.executable, "-c", struck], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(cli, name):
    ran = cli(name, "--help")
    assert ran.code == 0
    assert f"clickclaim {name}" in ran.out
    assert "..." not in ran.out.partition("Commands:")[2], "a summary is cut"


def test_every_option_says_what_it_is_for():
    import typer

    command = typer.main.get_command(whole_app())
    silent = []

    def look(command, path):
        options = [one for one in command.params if one.param_type_name == "option"]
        silent.extend(f"{path} {one.name}" for one in options if not one.help)
        for name, one in getattr(command, "commands", {}).items():
            assert one.help, f"{path} {name}"
            look(one, f"{path} {name}")

    look(command, "clickclaim")
    assert silent == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--version"], 0, __version__),
        ([], 0, "Start with: clickclaim demo"),
        (["devcies", "list"], 2, "did you mean: clickclaim devices"),
        (["frobnicate"], 2, "clickclaim --help"),
        (["devices", "frobnicate"], 2, "No such command"),
        (["serve", "--frobnicate"], 2, "--frobnicate"),
        (["serve", "--profile", "prod"], 2, "prod"),
        (["press", "A1"], 2, "--mqtt"),
        (["press", "A1", "--mqtt", "127.0.0.1:1883"], 2, "write it as mqtt://"),
    ],
)
def test_the_program_itself(arguments, code, says):
    ran = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    assert ran.returncode == code
    assert says in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_suggestion_is_a_line_to_type():
    assert suggestion("clame") == "did you mean: clickclaim claim"


def test_an_unforeseen_failure_is_a_sentence_too(monkeypatch, capsys, data):
    def break_(*_, **__):
        raise RuntimeError("the moon fell down")

    monkeypatch.setattr("orchestrator.runtime.folder.Desk", break_)
    assert run_command(["devices", "add", "A1", "--data", str(data)]) == 1
    err = capsys.readouterr().err
    assert "clickclaim itself failed: RuntimeError: the moon fell down" in err
    assert "CLICKCLAIM_TRACEBACK=1" in err
    assert "Traceback" not in err


def test_a_reader_who_has_seen_enough_is_no_failure(data, cli):
    cli("devices", "add", *[f"A{n}" for n in range(3000)], "--data", data)
    listed = subprocess.Popen(
        [*PROGRAM, "devices", "list", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    listed.stdout.readline()
    listed.stdout.close()
    err = listed.stderr.read()
    listed.stderr.close()
    assert listed.wait(30) == 0
    assert "Traceback" not in err


RUN = ["sim", "run", "two-stations"]


@pytest.mark.parametrize(
    "typed",
    [RUN, [*RUN, "--json"], [*RUN, "--report", "html"], ["--help"], ["--version"], ["sim", "-h"]],
)
def test_an_output_on_a_full_disk_is_a_sentence(typed):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ran = subprocess.run(
            [*PROGRAM, *typed],
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30,
        )  # fmt: skip
    assert ran.returncode == 4
    told = "error: the output cannot be written: No space left on device.\n  make room there"
    assert ran.stderr == f"{told} and type it again\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("clickclaim se", ["serve"]),
        ("clickclaim devices al", ["alias"]),
        ("clickclaim wh", ["why"]),
    ],
)
def test_a_shell_is_told_what_may_follow(typed, offered):
    asked = {
        **os.environ,
        "_CLICKCLAIM_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    ran = subprocess.run(PROGRAM, env=asked, capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout.split() == offered


def test_the_overview_is_there_at_once():
    """0.3 s is the budget; processor time, so that what else runs here does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True, timeout=30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3
