"""Captures: what is written is read, a cut file up to the cut, and nothing secret is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from hardware.capture import (
    CaptureFullError,
    CaptureReader,
    CaptureWriter,
    NotACaptureError,
    from_json,
    to_json,
)
from tests.hardware.families.frames import advertisement, line, message, notification
from tests.hardware.families.strategies import frames as any_frame

FRAMES = [
    advertisement(
        bytes.fromhex("40005201643a01"),
        at_ms=1_000,
        name="SBBT-002C",
        rssi_dbm=-61,
        manufacturer_data=((0x0BA9, b"\x01\x06"),),
    ),
    line(b"$CLK,G030,1,1,SINGLE,,0,*0000", at_ms=1_200),
    message("zigbee2mqtt/desk", '{"action":"single"}', at_ms=1_300, retained=True),
    message("zigbee2mqtt/büro", "ä", at_ms=1_350, queued=True, last_heard_before_ms=1_100),
    notification(b"\x01", at_ms=1_400, service_uuids=("0000180f-0000-1000-8000-00805f9b34fb",)),
    notification(b"", at_ms=1_500, link_lost=True),
]


@pytest.fixture
def capture(tmp_path) -> Path:
    path = tmp_path / "bench.jsonl"
    with CaptureWriter(path, started_ms=999, note="a bench") as writer:
        for frame in FRAMES:
            writer.add(frame)
        assert writer.frames == len(FRAMES)
    return path


def test_frames_come_back_as_they_were_heard(capture):
    reader = CaptureReader(capture)
    assert list(reader) == FRAMES
    assert reader.cut == ""
    assert reader.header["note"] == "a bench"


def test_the_first_line_says_what_the_file_is(capture):
    first = json.loads(capture.read_text().splitlines()[0])
    assert first == {
        "format": "clickclaim-capture",
        "version": 1,
        "started_ms": 999,
        "note": "a bench",
    }


def test_text_stays_readable_and_bytes_become_hex(capture):
    lines = [json.loads(text) for text in capture.read_text().splitlines()[1:]]
    assert lines[0]["hex"] == "40005201643a01"
    assert lines[2]["text"] == '{"action":"single"}'
    assert "queued" not in lines[0], "what is unset is left out"


def test_the_sources_own_handle_is_never_written(tmp_path):
    frame = message("zigbee2mqtt/desk", "x", acknowledge_token=object())
    assert "acknowledge_token" not in to_json(frame)


@pytest.mark.parametrize("lost", [1, 5, 40])
def test_a_file_cut_in_the_middle_reads_up_to_the_cut_and_says_so(capture, lost):
    capture.write_bytes(capture.read_bytes()[:-lost])
    reader = CaptureReader(capture)
    whole = list(reader)
    # Only the newline lost: nothing is.
    assert whole == (FRAMES if lost == 1 else FRAMES[:-1])
    assert ("line 7" in reader.cut) == (lost != 1)


def test_a_damaged_line_ends_the_reading(capture):
    lines = capture.read_text().splitlines()
    lines[3] = lines[3].replace("mqtt", "pigeon", 1)
    capture.write_text("\n".join(lines) + "\n")
    reader = CaptureReader(capture)
    assert list(reader) == FRAMES[:2]
    assert "line 4" in reader.cut


def test_a_line_without_end_does_not_fill_the_memory(capture):
    with capture.open("a") as file:
        file.write("{" + "x" * 2_000_000)
    reader = CaptureReader(capture)
    assert list(reader) == FRAMES
    assert reader.cut


@pytest.mark.parametrize("text", ["", "hello\n", "[]\n", '{"format":"other"}\n', "\xff\n"])
def test_another_file_is_said_to_be_none(tmp_path, text):
    path = tmp_path / "other"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(NotACaptureError, match="not a capture"):
        CaptureReader(path)


def test_a_later_version_is_named(tmp_path):
    path = tmp_path / "new.jsonl"
    path.write_text('{"format":"clickclaim-capture","version":2}\n')
    with pytest.raises(NotACaptureError, match="version 2"):
        CaptureReader(path)


def fill(writer: CaptureWriter) -> None:
    for at_ms in range(1_000):
        writer.add(notification(b"\x01", at_ms=at_ms))


def test_a_capture_is_bounded(tmp_path):
    path = tmp_path / "full.jsonl"
    with CaptureWriter(path, started_ms=0, max_bytes=1_000) as writer:
        with pytest.raises(CaptureFullError, match="record to another file"):
            fill(writer)
        assert writer.frames == len(list(CaptureReader(path))) > 0
    assert path.stat().st_size <= 1_000


def test_a_payload_that_is_no_buttons_is_not_recorded(tmp_path):
    writer = CaptureWriter(tmp_path / "big.jsonl", started_ms=0)
    with writer, pytest.raises(CaptureFullError, match="no button's"):
        writer.add(message("camera", b"\x00" * 100_000))


@given(any_frame)
def test_any_frame_survives_the_way_through_a_file(frame):
    text = json.dumps(to_json(frame))
    assert from_json(json.loads(text)) == frame
