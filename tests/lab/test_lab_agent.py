"""The agent and the test's hand agree: here both run on the host, over a socket pair."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from buttonlab.guest import Guest, GuestError
from buttonlab.inside.agent import Agent
from buttonlab.project import pack_project


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    ours, theirs = socket.socketpair()
    with theirs:
        serving = threading.Thread(target=Agent(theirs.fileno(), theirs.fileno()).serve)
        serving.start()
        hand = Guest(*await asyncio.open_connection(sock=ours))
        yield hand
        await hand.close()
        await asyncio.to_thread(serving.join)


async def test_a_command_gives_its_output_and_status(guest: Guest) -> None:
    command = await guest.start("sh", "-c", "echo out; echo err >&2; exit 3")
    finished = await command.finish()
    assert (finished.status, finished.out, finished.err) == (3, "out\n", "err\n")


async def test_a_failed_command_is_not_passed_over(guest: Guest) -> None:
    with pytest.raises(GuestError, match="ended with 1: the reason"):
        await guest.run("sh", "-c", "echo the reason >&2; exit 1")


async def test_a_command_that_is_not_there_is_said(guest: Guest) -> None:
    with pytest.raises(GuestError, match="no-such-command"):
        await guest.run("no-such-command")


async def test_lines_arrive_while_the_command_runs_and_in_order(guest: Guest) -> None:
    command = await guest.start("sh", "-c", "echo first; read answer; echo got $answer")
    assert await command.line() == "first"
    await command.send(b"this\n")
    assert await command.line("got") == "got this"
    assert (await command.finish()).status == 0


async def test_notes_are_lines_of_their_own(guest: Guest) -> None:
    command = await guest.start("sh", "-c", "echo note 1 >&2; echo result; echo note 2 >&2")
    assert await command.note("2") == "note 2"
    assert await command.line() == "result"


async def test_closing_the_input_ends_a_reader(guest: Guest) -> None:
    command = await guest.start("cat")
    await command.send(b"abc")
    await command.send(None)
    assert (await command.finish()).out == "abc"


async def test_a_line_that_never_comes_tells_what_came_instead(guest: Guest) -> None:
    command = await guest.start("sh", "-c", "echo something else")
    with pytest.raises(GuestError, match="something else"):
        await command.line("the click")


async def test_a_signal_reaches_all_the_command_started(guest: Guest) -> None:
    command = await guest.start("sh", "-c", "sleep 600 & echo child $!; wait")
    child = int((await command.line("child")).split()[1])
    await command.signal(signal.SIGKILL)
    assert (await command.finish()).status == -signal.SIGKILL
    await _is_gone(child)


async def test_a_signal_for_what_has_ended_is_no_error(guest: Guest) -> None:
    command = await guest.start("true")
    await command.finish()
    await command.signal()


async def test_commands_run_at_the_same_time(guest: Guest) -> None:
    waiting = await guest.start("cat")
    assert await guest.run("echo", "meanwhile") == "meanwhile\n"
    await waiting.send(None)
    await waiting.finish()


async def test_the_work_tree_is_importable_once_sent(guest: Guest, tmp_path: Path) -> None:
    source = tmp_path / "from"
    for package in ("firmware_sim", "hardware", "orchestrator"):
        (source / package / "__pycache__").mkdir(parents=True)
        (source / package / "__init__.py").write_text("here = __file__\n")
        (source / package / "__pycache__" / "stale.pyc").write_text("")
    (source / "hardware" / "facts.txt").write_text("data")
    (source / "hardware" / "chip.py").write_text("not python at all\n")
    where = tmp_path / "to"
    await guest.send_project(pack_project(source), str(where))
    script = f"cd {where} && {sys.executable} -c 'import hardware; print(hardware.here)'"
    said = await guest.run("sh", "-c", script)
    assert said.strip() == str(where / "hardware" / "__init__.py")
    assert (where / "hardware" / "facts.txt").read_text() == "data"
    assert (where / "hardware" / "chip.py").exists()
    assert not (where / "hardware" / "__pycache__" / "stale.pyc").exists()


async def test_a_guest_that_goes_away_ends_every_wait() -> None:
    ours, theirs = socket.socketpair()
    guest = Guest(*await asyncio.open_connection(sock=ours))
    command = await guest.start("anything")
    asked = asyncio.create_task(guest.hello())
    await asyncio.sleep(0)
    theirs.close()
    with pytest.raises(GuestError, match="the guest has ended"):
        await command.line("never")
    with pytest.raises(GuestError, match="the guest has ended"):
        await asked
    await guest.close()


async def _is_gone(process: int) -> None:
    # What lost its parent is reaped by init, a moment later; a container's may never reap.
    try:
        while " Z " not in Path(f"/proc/{process}/stat").read_text():
            await asyncio.sleep(0.01)
    except (FileNotFoundError, ProcessLookupError):
        pass
