"""A click waits for Wi-Fi and broker, is sent until it is acknowledged, and grows too old."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.hardware.boards.lives import press

pytestmark = pytest.mark.node

KEEP_MS = 60_000


@pytest.fixture
def board(laid_out):
    return laid_out("pico_w", ble=False)


def counters_in(packets: list[bytes]) -> list[int]:
    return [int(packet.split(b'"counter":')[1].split(b",")[0]) for packet in packets]


def sent_at(life) -> list[tuple[int, bytes]]:
    """Every PUBLISH, repetitions included."""
    packets = [(at_ms, bytes.fromhex(text)) for at_ms, text in life.of("sent")]
    return [(at_ms, packet) for at_ms, packet in packets if packet[0] == 0x32]


def test_clicks_made_without_wifi_are_sent_when_it_is_back(board, live):
    (life,) = live(
        board,
        {
            "wifi": [[0, True], [5_000, False], [20_000, True]],
            "contact": press(6_000, 8_000),
            "ends_at_ms": 60_000,
        },
    )
    assert counters_in(life.published) == [1, 2]
    assert sent_at(life)[0][0] > 20_000
    assert [r for r in life.remarks if r.startswith("# wifi: ")][:2] == [
        "# wifi: joined 'lab'",
        "# wifi: lost 'lab'",
    ]
    assert len(life.sentences) == 2  # the cable does not wait for the air


def test_a_click_without_an_answer_is_sent_again_on_a_new_connection(board, live):
    (life,) = live(
        board,
        {
            "broker": [[0, "up"], [4_000, "deaf"], [8_000, "up"]],
            "contact": press(5_000),
            "ends_at_ms": 30_000,
        },
    )
    first, again = sent_at(life)
    assert first[1] != again[1]
    assert counters_in([first[1], again[1]]) == [1, 1]
    assert again[0] - first[0] >= 5_000
    assert "# mqtt: 10.0.0.5: no answer in 5 s; again in 1 s" in life.remarks
    assert life.packets[-1] != again[1].hex() or again[0] < 20_000  # and not a third time


def test_a_broker_that_is_down_is_called_ever_more_seldom(board, live):
    (life,) = live(board, {"broker": [[0, "down"]], "ends_at_ms": 120_000})
    calls = [at_ms for at_ms, text in life.of("tcp") if text != "closed"]
    pauses_ms = [late - early for early, late in pairwise(calls)]
    assert pauses_ms == [
        pytest.approx(pause_ms, abs=60)
        for pause_ms in (1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000)
    ]


def test_a_click_that_found_no_broker_for_a_minute_is_dropped_and_said(board, live):
    (life,) = live(
        board,
        {
            "broker": [[0, "down"], [3_500 + KEEP_MS, "up"]],
            "contact": [*press(3_000), *press(40_000)],
            "ends_at_ms": 120_000,
        },
    )
    assert counters_in(life.published) == [2]
    assert "# mqtt: a click found no broker in 60 s; dropped" in life.remarks


def test_a_click_that_grows_old_while_it_waits_for_its_answer_does_not_stop_the_next(
    laid_out, live
):
    board = laid_out("pico_w", ble=False)
    config = board / "config.json"
    config.write_text(config.read_text().replace('"keep_ms": 60000', '"keep_ms": 2000'))
    (life,) = live(
        board,
        {
            "broker": [[0, "up"], [2_500, "deaf"], [8_800, "up"]],
            "contact": [*press(3_000), *press(8_500)],
            "ends_at_ms": 20_000,
        },
    )
    assert counters_in(life.published) == [1, 2]
    assert life.ended == "PowerOff: power off"


def test_no_more_than_sixteen_clicks_wait_and_the_newest_are_kept(board, live):
    (life,) = live(
        board,
        {
            "broker": [[0, "down"], [32_000, "up"]],
            "contact": press(*range(2_000, 29_000, 1_500)),
            "ends_at_ms": 90_000,
        },
    )
    assert len(life.sentences) == 18
    assert counters_in(life.published) == list(range(3, 19))
    assert sum("too many clicks wait" in remark for remark in life.remarks) == 2


def test_a_silent_connection_is_asked_whether_it_lives(board, live):
    (life,) = live(
        board, {"broker": [[0, "up"], [20_000, "deaf"], [50_000, "up"]], "ends_at_ms": 70_000}
    )
    assert life.packets[:3] == [life.packets[0], "c000", life.packets[0]]  # then it called again
    assert life.remarks[-1] == "# mqtt: connected to 10.0.0.5"


def test_a_broker_that_refuses_the_password_is_told_as_such(board, live):
    (life,) = live(board, {"answer": {"connack": 5}, "ends_at_ms": 4_000})
    assert life.remarks[-1].startswith(
        "# mqtt: 10.0.0.5: refuses us with code 5; check user and password; again in"
    )


def test_what_answers_like_no_broker_is_told_as_such(board, live):
    (life,) = live(board, {"answer": {"hex": "48545450"}, "ends_at_ms": 4_000})
    assert "# mqtt: 10.0.0.5: what answers there is no MQTT broker; again in 1 s" in life.remarks


def test_a_wifi_that_is_not_there_is_tried_every_15_seconds(board, live):
    (life,) = live(board, {"wifi": [[0, False]], "ends_at_ms": 50_000})
    assert [at_ms for at_ms, _ in life.of("join")] == [0, 15_000, 30_000, 45_000]
    assert life.remarks.count("# wifi: no 'lab' yet, status 201") == 3


@pytest.mark.parametrize("board_name", ["pico_w", "esp32"])
def test_no_secret_is_ever_said(board_name, laid_out, live, golden):
    (life,) = live(
        laid_out(board_name),
        {"wifi": [[0, False], [20_000, True]], "answer": {"connack": 4}, "ends_at_ms": 29_000},
    )
    said = "".join(text for _, text in life.of("line"))
    assert life.remarks
    for secret in ("kept from all logs", "let me in", golden["key"], golden["ble_key"]):
        assert secret not in said


def test_a_press_while_a_connection_opens_is_timed_right(board, live):
    (life,) = live(
        board,
        {"connect_ms": 3_000, "contact": press(1_500, 1_750), "ends_at_ms": 9_000},
    )
    assert life.clicks == [(1, 1, "DOUBLE")]
    assert counters_in(life.published) == [1]


def test_no_connection_is_opened_in_the_middle_of_a_click(board, live):
    (life,) = live(board, {"contact": press(900, for_ms=800), "ends_at_ms": 6_000})
    (called_ms, _), *_ = life.of("tcp")
    assert called_ms >= 1_700 + 15 + 400  # the Wi-Fi was there at 1,000
    assert life.clicks == [(1, 1, "SINGLE")]
