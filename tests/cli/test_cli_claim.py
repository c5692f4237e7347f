"""`clickclaim claim` in all the ways it can end, and how it goes on after it was killed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from hardware.capture import CaptureWriter
from hardware.click import RawFrame
from tests.brokers import free_port
from tests.cli.conftest import PATIENCE_S, PROGRAM

START_MS = 1_700_000_000_000
BUTTON = "P5SJVQ2007V8296A"


def test_a_simulated_press_claims_and_ends_with_the_timeline(cli, data):
    ran = cli("claim", BUTTON, "--source", "sim:?after=0", "--data", data, "--tag", "line=3")
    assert ran.code == 0
    assert ran.out.startswith(f"CLAIMED {BUTTON} in ")
    assert re.search(r"0\.000 s  initiated\n .* SINGLE click by sim:.*\n .* finalized\n", ran.out)
    assert "press the button now, 120 s left" in ran.err
    shown = cli("devices", "show", BUTTON, "--data", data, "--json").json
    assert (shown["state"], shown["tags"]) == ("CLAIMED", {"line": "3"})


def test_nobody_presses(cli, data):
    ran = cli("claim", BUTTON, "--source", "sim:?after=900", "--timeout", "0.3", "--data", data)
    assert ran.code == 3
    assert ran.out.startswith(f"TIMED_OUT {BUTTON} in ")
    (record,) = cli("records", "--data", data, "--json").json
    assert (record["outcome"], record["endedMs"] is not None) == ("TIMED_OUT", True)


def test_a_device_that_is_taken(cli, data):
    cli("claim", BUTTON, "--source", "sim:?after=0", "--data", data)
    ran = cli("claim", BUTTON, "--source", "sim:?after=0", "--data", data)
    assert ran.code == 1
    assert ran.out.startswith(f"REFUSED {BUTTON}: ")
    assert "unclaim" in ran.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Name a device"),
        ([BUTTON, "--any", "--source", "sim:"], "Name a device"),
        ([BUTTON], "no source is given"),
        ([BUTTON, "--source", "sim:", "--tag", "nonsense"], "KEY=VALUE"),
        ([BUTTON, "--service", "localhost:8080"], "http://HOST:PORT"),
        (["bad/id", "--source", "sim:"], "Device id 'bad/id'"),
        ([BUTTON, "--source", "sim:?click=TRIPLE"], "TRIPLE"),
        ([BUTTON, "--source", "smoke:signals"], "serial:"),
        ([BUTTON, "--source", "sim:", "--timeout", "0"], "timeout"),
    ],
)
def test_wrong_arguments(cli, data, arguments, says):
    ran = cli("claim", *arguments, "--data", data)
    assert ran.code == 2
    assert says in ran.err
    assert ran.out == ""


def test_a_service_that_is_not_there(cli):
    url = f"http://127.0.0.1:{free_port()}"
    ran = cli("claim", BUTTON, "--service", url)
    assert ran.code == 4
    assert url in ran.err
    assert "clickclaim serve" in ran.err


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("serial:/dev/no-such-port", "there is no port /dev/no-such-port"),
        ("serial:/dev/null", "/dev/null"),
        ("replay:/no/such/file", "clickclaim record"),
    ],
)
def test_a_source_that_cannot_be_used(cli, data, source, says, monkeypatch):
    monkeypatch.setattr("orchestrator.runtime.claiming._READING_WITHIN_S", 0.5)
    ran = cli("claim", BUTTON, "--source", source, "--data", data)
    assert ran.code == 4
    assert says in ran.err
    assert cli("records", "--data", data, "--json").json == [], "no window was opened"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_cancelled_it_gives_the_claim_up(serve, start, cli, how):
    served = serve()
    claim = start("claim", BUTTON, "--service", served.http, "--json")
    claim.note("press the button now")
    ended = claim.end(how)
    assert ended.code == 130
    assert ended.json["outcome"] == "CANCELLED"
    (record,) = cli("records", "--data", served.data, "--json").json
    assert record["outcome"] == "CANCELLED"
    assert cli("devices", "show", BUTTON, "--data", served.data, "--json").json["state"] == (
        "UNCLAIMED"
    )


def test_killed_and_started_again_with_its_claim_id_it_is_one_claim(serve, start, cli):
    served = serve()
    first = start("claim", BUTTON, "--service", served.http, "--claim-id", "my-claim")
    first.note("press the button now")
    first.end(signal.SIGKILL)
    assert cli("press", BUTTON, "--mqtt", served.mqtt).code == 0
    again = cli("claim", BUTTON, "--service", served.http, "--claim-id", "my-claim", "--json")
    assert (again.code, again.json["outcome"]) == (0, "CLAIMED")
    assert "claim goes on" in again.err
    assert len(cli("records", "--data", served.data, "--json").json) == 1
    # And once more, after it ended: the same answer.
    known = cli("claim", BUTTON, "--service", served.http, "--claim-id", "my-claim", "--json")
    assert known.json == again.json


@pytest.mark.slow
def test_the_service_restarts_during_the_wait(serve, start, cli):
    served = serve()
    claim = start("claim", BUTTON, "--service", served.http, "--json")
    claim.note("press the button now")
    served.process.end(signal.SIGKILL)
    address = served.http.removeprefix("http://")
    again = start("serve", "--http", address, "--data", served.data)
    mqtt = again.line().split("mqtt=")[1].strip()
    assert cli("press", BUTTON, "--mqtt", mqtt).code == 0
    ended = claim.end()
    assert (ended.code, ended.json["outcome"]) == (0, "CLAIMED")


def test_any_button_pressed_twice(serve, start, cli):
    served = serve()
    cli("devices", "add", BUTTON, "--data", served.data)
    claim = start("claim", "--any", "--service", served.http, "--source", served.mqtt, "--json")
    claim.note("listening")
    cli("press", BUTTON, "--mqtt", served.mqtt)
    claim.note("Press the same button once more")
    claim.note("press the button now")
    cli("press", BUTTON, "--mqtt", served.mqtt)
    ended = claim.end()
    assert (ended.code, ended.json["deviceId"], ended.json["outcome"]) == (0, BUTTON, "CLAIMED")


def test_any_button_when_nobody_presses(cli, data, tmp_path):
    silent = tmp_path / "silent.jsonl"
    silent.write_text('{"format":"clickclaim-capture","version":1,"started_ms":0}\n')
    ran = cli("claim", "--any", "--source", f"replay:{silent}", "--timeout", "0.5", "--data", data)
    assert ran.code == 3
    assert "No registered button was pressed twice" in ran.err


def heard_without_a_click(path):
    """A contact that only opens and closes, a beacon without its key, a name that means nobody."""
    common = {"source": "ble:", "direct": True}
    frames = [
        RawFrame(
            transport="ble-notify",
            heard_ms=START_MS + at_ms,
            payload=level,
            address="C4:00:00:00:00:01",
            channel="00001524-1212-efde-1523-785feabcd123",
            **common,
        )
        for at_ms, level in ((0, b"\x01"), (90, b"\x00"), (150, b"\x01"))
    ]
    frames.append(
        RawFrame(
            transport="ble-advertisement",
            heard_ms=START_MS + 100,
            payload=bytes.fromhex("41e445f3c962338855e7e32eb1"),
            address="A4:C1:38:00:00:02",
            channel="0000fcd2-0000-1000-8000-00805f9b34fb",
            **common,
        )
    )
    frames.append(
        RawFrame(
            transport="mqtt",
            source="mqtt://broker/",
            heard_ms=START_MS + 200,
            payload=b'{"action":"single"}',
            channel="zigbee2mqtt/kitchen",
        )
    )
    with CaptureWriter(path, started_ms=START_MS) as writer:
        for frame in frames:
            writer.add(frame)


def test_any_button_says_which_ones_it_hears_but_cannot_tell_by_their_click(cli, data, tmp_path):
    capture = tmp_path / "room.jsonl"
    heard_without_a_click(capture)
    cli("devices", "add", "BUTTON", "--data", data)
    cli("devices", "alias", "C4:00:00:00:00:01", "BUTTON", "--data", data)
    recording = f"replay:{capture}?speed=max"
    ran = cli("claim", "--any", "--source", recording, "--timeout", "2", "--data", data)
    assert ran.code == 3
    assert ran.err.count("BUTTON: its contact is heard, and") == 1
    assert "claim it by its id: clickclaim claim BUTTON --source" in ran.err
    assert re.search(r"A4C138000002: heard, but no click could be read: .*key", ran.err)
    assert "clickclaim devices alias kitchen DEVICE" in ran.err
    assert "None" not in ran.err


def test_on_a_terminal_it_counts_down_in_place(data):
    """A living line for whoever stands there, and no escape codes in the JSON of a script."""
    terminal, far_end = pty.openpty()
    command = [*PROGRAM, "claim", BUTTON, "--source", "sim:?after=0.2", "--data", str(data)]
    claim = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=far_end,
        stderr=far_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
    )
    os.close(far_end)
    shown = b""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            piece = os.read(terminal, 65536) if ready else b""
        except OSError:  # the far end was closed: it has ended
            break
        if ready and not piece:
            break
        shown += piece
    os.close(terminal)
    assert claim.wait(PATIENCE_S) == 0
    text = shown.decode()
    assert "press the button now, 1" in text
    assert "\x1b[" in text
    assert "CLAIMED" in text
