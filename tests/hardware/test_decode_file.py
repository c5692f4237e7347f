"""Decoding whole files: captures and vectors, their histories, and files that are neither."""

from __future__ import annotations

import json

import pytest

from hardware.capture import CaptureError, CaptureWriter
from hardware.keys import DeviceKey
from hardware.vectors import decode_file
from tests.hardware.families.frames import LBS, Keys, advertisement, message, notification

SHELLY = "B4:35:22:F5:3D:A4"
SHELLY_KEY = DeviceKey("bthome", bytes.fromhex("90bffd73cb6b26ef58a7a8eba9232036"))
SHELLY_PRESS = bytes.fromhex("450aeb84467f85ba0100003188788c")


def vectors(tmp_path, *entries: dict):
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(list(entries)))
    return path


def bthome(number: int, payload: str, *, source: str = "a", description: str = "") -> dict:
    return {
        "id": f"v-{number}",
        "family": "bthome_v2",
        "source": source,
        "description": description,
        "input": {
            "service_data_uuid": "0000fcd2-0000-1000-8000-00805f9b34fb",
            "service_data_hex": payload,
            "address": "A4:C1:38:8D:18:B2",
        },
    }


def test_vectors_of_one_source_are_one_history_and_another_begins_anew(tmp_path):
    path = vectors(
        tmp_path,
        bthome(1, "4000093a01"),
        bthome(2, "4000093a01"),
        bthome(3, "4000093a01", source="b"),
        bthome(4, "40000a3a01"),
    )
    rows = list(decode_file(path))
    assert [(row.accept, row.frame_valid) for row in rows] == [
        (True, True),
        (False, False),
        (True, True),
        (True, True),
    ]
    assert "repeat" in rows[1].reason


def test_a_vector_may_say_what_it_follows(tmp_path):
    after = "packet id 8 right after 9 = older"
    path = vectors(
        tmp_path, bthome(1, "4000083a01", description=after), bthome(2, "4000083a01", source="b")
    )
    assert [row.accept for row in decode_file(path)] == [False, True]


def test_a_list_of_payloads_is_several_messages_at_once(tmp_path):
    topic = "shellies/x/input_event/0"
    same = ['{"event":"S","event_cnt":1}'] * 2
    other = ['{"event":"S","event_cnt":2}', '{"event":"S","event_cnt":3}']
    path = vectors(
        tmp_path,
        {"id": "same", "input": {"topic": topic, "payload": same}},
        {"id": "other", "input": {"topic": topic, "payload": other}},
    )
    assert [row.accept for row in decode_file(path)] == ["first only", True]


def test_an_object_with_vectors_in_it_is_read_as_well(tmp_path):
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps({"vectors": [bthome(1, "403a01")]}))
    assert [row.click_type for row in decode_file(path)] == ["SINGLE"]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"input": None},
        {"input": {"smoke": 1}},
        {"input": {"service_data_hex": "zz"}},
        {"input": {"payload": None}},
        {"id": 7, "input": {"payload": 3, "topic": 4}},
    ],
)
def test_an_entry_that_is_none_is_a_row_that_says_so(tmp_path, entry):
    (row,) = decode_file(vectors(tmp_path, entry))
    assert not row.accept
    assert not row.frame_valid
    assert row.reason


@pytest.mark.parametrize("text", ["", "{", "7", '{"a":1}', "[1]", "\x00\xff"])
def test_a_file_that_is_neither_is_named(tmp_path, text):
    path = tmp_path / "other.bin"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(CaptureError, match=r"other\.bin"):
        list(decode_file(path))


def test_a_row_prints_its_fields_in_order(tmp_path):
    (row,) = decode_file(vectors(tmp_path, bthome(1, "40005201643a01")))
    said = row.to_json()
    assert list(said)[:9] == [
        "id",
        "accept",
        "frame_valid",
        "device_id",
        "click_type",
        "battery",
        "counter",
        "authenticated",
        "reason",
    ]
    assert json.loads(json.dumps(said)) == said
    assert said["counter"] == {"packet_id": 82}


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "bench.jsonl"
    with CaptureWriter(path, started_ms=0) as writer:
        for at_ms in (0, 40, 90_000):
            writer.add(advertisement(SHELLY_PRESS, address=SHELLY, at_ms=at_ms))
        writer.add(notification(b"\x01", at_ms=90_100, uuid=LBS))
        writer.add(message("stat/desk/RESULT", '{"Button1":{"Action":"SINGLE"}}', at_ms=90_200))
    return path


def test_a_capture_decodes_with_the_callers_keys_and_its_own_times(capture):
    rows = list(decode_file(capture, Keys({SHELLY: (SHELLY_KEY,)})))
    assert [(row.id, row.accept, row.click_type) for row in rows] == [
        ("frame-1", True, "SINGLE"),
        ("frame-2", False, "SINGLE"),
        ("frame-3", False, "SINGLE"),
        ("frame-4", True, "DOWN"),
        ("frame-5", True, "SINGLE"),
    ]
    assert [row.authenticated for row in rows[:2]] == [True, False]


def test_without_keys_it_says_what_is_missing(capture):
    assert "no bind key" in next(decode_file(capture)).reason


def test_a_cut_capture_ends_in_a_row_that_says_so(capture):
    capture.write_bytes(capture.read_bytes()[:-5])
    rows = list(decode_file(capture))
    assert len(rows) == 5
    assert "cut or damaged at line 6" in rows[-1].reason
    assert not rows[-1].frame_valid


def test_a_uuid_of_16_bits_stands_for_the_long_one(tmp_path):
    entry = bthome(1, "443a01")
    entry["input"]["service_data_uuid"] = "FCD2"
    itag = {"id": "v-2", "input": {"characteristic": "0xffe1", "value_hex": "01"}}
    rows = list(decode_file(vectors(tmp_path, entry, itag)))
    assert [(row.family, row.click_type) for row in rows] == [
        ("bthome", "SINGLE"),
        ("itag", "SINGLE"),
    ]


def test_the_push_is_said_before_the_edges_that_came_with_it(tmp_path):
    names = ("btn_down", "btn_up", "single_push")
    events = [{"component": "input:0", "event": name, "ts": 1.5} for name in names]
    payload = json.dumps({"src": "s", "method": "NotifyEvent", "params": {"events": events}})
    entry = {"id": "v-1", "input": {"topic": "s/events/rpc", "payload": payload}}
    (row,) = decode_file(vectors(tmp_path, entry))
    assert (row.accept, row.click_type, row.button) == (True, "SINGLE", 0)


def test_presses_without_a_packet_id_are_told_apart_by_being_entries_of_their_own(tmp_path):
    path = vectors(tmp_path, bthome(1, "403a80"), bthome(2, "443a80"))
    assert [(row.accept, row.verdict) for row in decode_file(path)] == [(True, "NEW")] * 2


def test_an_older_packet_id_in_the_next_entry_is_still_old(tmp_path):
    path = vectors(tmp_path, bthome(1, "4400093a01"), bthome(2, "4400083a01"))
    assert [row.accept for row in decode_file(path)] == [True, False]


@pytest.mark.parametrize("flag", [True, 1])
@pytest.mark.parametrize("name", ["retain", "retained"])
def test_a_retain_flag_may_be_a_number(tmp_path, name, flag):
    payload = '{"Button1":{"Action":"SINGLE"}}'
    entry = {"input": {"topic": "stat/x/RESULT", "payload": payload, name: flag}}
    (row,) = decode_file(vectors(tmp_path, entry))
    assert not row.accept
    assert "retained" in row.reason
