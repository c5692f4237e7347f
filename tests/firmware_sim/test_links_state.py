"""A simulated button's numbers go on between runs, and no two processes take the same one."""

import asyncio
import fcntl
import os
import sys
import threading

import pytest

from firmware_sim.core.counter import ClickCounter, CounterError
from firmware_sim.links.errors import LinkError
from firmware_sim.links.state import device_slot, state_folder


def take(folder, device_id="A"):
    with device_slot(device_id, folder) as slot:
        counter = ClickCounter(slot)
        counter.start()
        counter.next()
        return counter.boot_id, counter.counter, counter.total


def test_each_run_is_a_start(tmp_path):
    folder = tmp_path / "not" / "yet"
    assert [take(folder) for _ in range(3)] == [(1, 1, 1), (2, 1, 2), (3, 1, 3)]
    assert take(folder, "B") == (1, 1, 1)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_no_number_is_taken_twice_by_processes_at_once(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from firmware_sim.core.counter import ClickCounter\n"
        "from firmware_sim.links.state import device_slot\n"
        "for _ in range(15):\n"
        "    with device_slot('A', Path(sys.argv[1])) as slot:\n"
        "        counter = ClickCounter(slot); counter.start(); counter.next()\n"
        "    print(counter.boot_id, counter.counter, flush=True)\n"
    )
    runs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, tmp_path, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    outputs = [(await run.communicate())[0].decode().split("\n")[:-1] for run in runs]
    taken = [line for output in outputs for line in output]
    assert sorted(taken) == sorted(f"{boot_id} 1" for boot_id in range(1, 61))


def test_a_button_in_use_is_waited_for_and_then_named(tmp_path):
    with device_slot("A", tmp_path):
        with (
            pytest.raises(LinkError, match=r"button A in .* is in use .* 0.02 s; end that process"),
            device_slot("A", tmp_path, wait_s=0.02),
        ):
            pass
        assert take(tmp_path, "B") == (1, 1, 1)
    assert take(tmp_path) == (1, 1, 1)


def test_a_button_that_becomes_free_is_taken(tmp_path):
    path = tmp_path / "A.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    threading.Timer(0.05, os.close, [file]).start()
    assert take(tmp_path) == (1, 1, 1)


def test_a_folder_that_is_none_is_said(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(LinkError, match=r"file cannot be used .*make it writable"):
        take(blocked)
    (tmp_path / "A.0").mkdir()
    with pytest.raises(LinkError, match=r"A\.0 cannot be used"):
        take(tmp_path)


def test_places_that_cannot_be_written_are_said(tmp_path):
    with device_slot("A", tmp_path) as slot:
        (tmp_path / "A.1").mkdir()
        with pytest.raises(LinkError, match=r"A\.1 cannot be used"):
            slot.write(1, b"x")


def test_a_torn_file_is_passed_over_and_two_are_said(tmp_path):
    assert take(tmp_path) == (1, 1, 1)
    newest = tmp_path / "A.1"
    newest.write_bytes(newest.read_bytes()[:9])
    assert take(tmp_path) == (2, 1, 1)
    for place in "01":
        (tmp_path / f"A.{place}").write_bytes(b"junk")
    with pytest.raises(CounterError, match="erase them"):
        take(tmp_path)


def test_a_longer_old_file_leaves_no_tail(tmp_path):
    with device_slot("A", tmp_path) as slot:
        slot.write(0, b"long record")
        slot.write(0, b"short")
        assert slot.read(0) == b"short"


def test_the_folder_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder().name == "buttons"
    assert "clickclaim" in str(state_folder())
