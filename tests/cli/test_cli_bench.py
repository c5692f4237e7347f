"""Commands for whoever has a button in hand: decode, record, watch, bridge, buttons, boards."""

from __future__ import annotations

import json
import select
import signal
from pathlib import Path

import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.world.slots import MemorySlot
from hardware.capture import CaptureWriter
from hardware.click import RawFrame

BUTTON = "B9GHXT183200293"
START_MS = 1_800_000_000_000


@pytest.fixture
def capture(tmp_path) -> Path:
    """Two clicks of our own button, the first of them heard twice."""
    device = ButtonDevice(BUTTON, ClickCounter(MemorySlot()), (MqttEncoder("default"),))
    first, second = device.say("SINGLE")[0], device.say("LONG")[0]
    path = tmp_path / "heard.jsonl"
    with CaptureWriter(path, started_ms=START_MS) as writer:
        for number, frame in enumerate((first, first, second)):
            writer.add(
                RawFrame(
                    transport="mqtt",
                    source="mqtt://bench/",
                    heard_ms=START_MS + number * 40,
                    payload=frame.payload,
                    channel=frame.channel,
                )
            )
    return path


def test_a_capture_is_decoded_a_line_for_each_frame(cli, capture):
    rows = [json.loads(line) for line in cli("decode", capture, "--json").out.splitlines()]
    assert [row["click_type"] for row in rows] == ["SINGLE", "SINGLE", "LONG"]
    assert [row["accept"] for row in rows] == [True, False, True]
    assert {row["device_id"] for row in rows} == {BUTTON}
    needed = {"id", "accept", "frame_valid", "battery", "counter", "authenticated", "reason"}
    assert needed <= set(rows[0])
    table = cli("decode", capture)
    assert (table.code, table.out.count(BUTTON)) == (0, 3)


def test_a_capture_that_is_cut_says_so(cli, capture):
    capture.write_bytes(capture.read_bytes()[:-20])
    rows = [json.loads(line) for line in cli("decode", capture, "--json").out.splitlines()]
    assert len(rows) == 3
    assert "cut or damaged" in rows[-1]["reason"]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [(None, 2, "cannot be read"), ("{}", 1, "list of vectors"), ("hello", 1, "clickclaim record")],
)
def test_a_file_that_is_no_capture(cli, tmp_path, content, code, says):
    path = tmp_path / "some.json"
    if content is not None:
        path.write_text(content)
    ran = cli("decode", path)
    assert ran.code == code
    assert says in ran.err


def test_what_is_watched_is_shown_with_what_it_proves(cli, capture, data):
    ran = cli("watch", "--source", f"replay:{capture}?speed=max", "--data", data)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[2] for line in lines if BUTTON in line and "click" not in line] == [
        "SINGLE",
        "SINGLE",
        "LONG",
    ]
    assert "REPEAT" in ran.out
    assert "not authenticated, heard by a broker" in ran.out
    assert f"clickclaim claim {BUTTON} --source" in ran.out
    seen = cli("watch", "--source", f"replay:{capture}?speed=max", "--data", data, "--json")
    documents = [json.loads(line) for line in seen.out.splitlines()]
    clicks = [one for one in documents if one.get("click")]
    assert [one["verdict"] for one in clicks] == ["NEW", "REPEAT", "NEW"]


def test_watching_nothing_is_a_wrong_argument(cli):
    ran = cli("watch")
    assert (ran.code, "--source serial:" in ran.err) == (2, True)


@pytest.mark.slow
def test_a_service_is_watched_as_json_lines(serve, start, cli):
    served = serve()
    watch = start("watch", "--service", served.http, "--json")
    number = 0
    # Facts begin when the watch has connected, which nothing tells.
    while not select.select([watch.popen.stdout], [], [], 0)[0]:
        number += 1
        device_id = f"{BUTTON}-{number}"
        ran = cli("claim", device_id, "--service", served.http, "--source", "sim:?after=0")
        assert ran.code == 0
    facts = [json.loads(watch.line())]
    while facts[-1]["kind"] != "attempt-ended":
        facts.append(json.loads(watch.line()))
    assert facts[-1]["outcome"] == "CLAIMED"
    assert watch.end(signal.SIGINT).code == 130


def test_what_is_recorded_can_be_replayed_into_a_claim(serve, start, cli, tmp_path, data):
    served = serve()
    out = tmp_path / "out.jsonl"
    record = start("record", out, "--source", served.mqtt, "--note", "a test")
    record.note("is READING")
    cli("press", BUTTON, "--click", "DOUBLE", "--mqtt", served.mqtt)
    while not out.exists() or out.read_text().count("\n") < 2:
        pass
    assert record.end(signal.SIGINT).code == 0
    again = cli("record", out, "--source", served.mqtt)
    assert (again.code, "--overwrite" in again.err) == (2, True)
    elsewhere = tmp_path / "elsewhere"
    played = cli("claim", BUTTON, "--source", f"replay:{out}", "--data", elsewhere, "--json")
    assert played.code == 0
    assert played.json["simulated"] is True
    assert played.json["timeline"][1]["clickType"] == "DOUBLE"


def test_a_bridge_carries_clicks_to_the_service(serve, start, cli, capture, tmp_path):
    served = serve()
    cli("devices", "add", BUTTON, "--data", served.data)
    ran = cli(
        "bridge", "--source", f"replay:{capture}?speed=max", "--service", served.http, "--json"
    )
    assert ran.code == 0
    receipts = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["disposition"] for one in receipts] == ["NO_CLAIM", "DUPLICATE", "NO_CLAIM"]
    assert cli("events", "--data", served.data, "--json").json[0]["simulated"] is True


@pytest.mark.slow
def test_a_bridge_keeps_what_it_hears_while_the_service_is_away(serve, start, cli, capture):
    served = serve()
    cli("devices", "add", BUTTON, "--data", served.data)
    served.process.end(signal.SIGTERM)
    bridge = start("bridge", "--source", f"replay:{capture}", "--service", served.http, "--json")
    assert "Frames are kept" in bridge.note("does not answer")
    address = served.http.removeprefix("http://")
    start("serve", "--http", address, "--data", served.data).line()
    ended = bridge.end()
    assert ended.code == 0
    receipts = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["disposition"] for one in receipts] == ["NO_CLAIM", "DUPLICATE", "NO_CLAIM"]


def test_what_is_attached_is_listed(cli):
    ran = cli("buttons", "--no-ble", "--json")
    assert ran.code == 0
    assert set(ran.json) == {"attached", "advertising", "problems"}


def test_the_doctor_finds_this_machine_fit(cli, data):
    ran = cli("doctor", "--data", data, "--json")
    assert ran.json["findings"][0]["what"].startswith("clickclaim ")
    assert ran.code == (1 if ran.json["problems"] else 0)
    assert "data folder" in cli("doctor", "--data", data).out


def test_the_bench_measures(cli, tmp_path):
    measured = cli("bench", "--claims", "20", "--at-once", "5", "--in", tmp_path, "--json").json
    assert measured["claims"] == 20
    assert measured["claims_per_s"] > 0
