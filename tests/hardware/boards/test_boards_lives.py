"""Numbers outlive power cuts, sleep ends with a press, and faults are said or started over."""

from __future__ import annotations

import json

import pytest

from tests.hardware.boards.lives import press

pytestmark = pytest.mark.node

RECORD_BYTES = 17
DEEPSLEEP_RESET, EXT0_WAKE = 4, 2
# What the chip is like after a press has ended its sleep; main.py begins 300 ms later.
WOKEN = {
    "reset_cause": DEEPSLEEP_RESET,
    "wake_reason": EXT0_WAKE,
    "rtc": "open",
    "starts_at_ms": 300,
    "ends_at_ms": 60_000,
}


@pytest.fixture
def serial_only(laid_out):
    def lay_out(board: str, **said):
        return laid_out(board, **{"ble": False, "wifi": None, "mqtt_url": None, **said})

    return lay_out


def numbers(lives) -> list[tuple[int, int]]:
    return [(boot_id, counter) for life in lives for boot_id, counter, _ in life.clicks]


@pytest.mark.parametrize("board", ["pico_w", "esp32"])
def test_boot_id_and_counter_go_on_after_a_power_cut(board, serial_only, live):
    life = {"contact": press(1_000, 3_000), "ends_at_ms": 5_000}
    assert numbers(live(serial_only(board), life, life, life)) == [
        (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2),
    ]  # fmt: skip


@pytest.mark.slow
def test_no_number_comes_twice_wherever_the_power_goes_in_a_write(serial_only, live):
    whole = {"contact": press(1_000, 3_000), "ends_at_ms": 5_000}
    lives = [whole]
    for write in (1, 2, 3):  # of the start, of the first click, of the second
        for cut in (0, 1, 8, RECORD_BYTES - 1, RECORD_BYTES):
            lives += [{**whole, "cut": [write, cut]}, whole]
    told = live(serial_only("pico_w"), *lives)
    assert {life.ended for life in told[1::2]} == {"PowerOff: cut"}
    assert {life.ended for life in told[::2]} == {"PowerOff: power off"}
    sent = numbers(told)
    assert sent == sorted(set(sent))
    assert all(len(life.clicks) == 2 for life in told[::2])


def test_advertisements_count_on_after_a_restart(laid_out, live):
    board = laid_out("esp32", wifi=None, mqtt_url=None, key=None, ble_key=None)
    life = {"contact": press(1_000), "ends_at_ms": 3_000}
    packet_ids = [said.advertised[0][9] for said in live(board, life, life, life)]
    assert packet_ids == [1, 2, 3]


def test_a_chattering_contact_is_one_click(serial_only, live):
    chatter = [[1_000 + ms, ms % 2 == 0] for ms in range(9)] + [[1_100, False]]
    (life,) = live(serial_only("pico_w"), {"contact": chatter, "ends_at_ms": 3_000})
    assert life.clicks == [(1, 1, "SINGLE")]


def test_the_chip_s_clock_may_turn_over_in_the_middle_of_a_click(laid_out, live):
    begin = (1 << 30) - 2_000
    (life,) = live(
        laid_out("pico_w"),
        {
            "starts_at_ms": begin,
            "contact": press(begin + 1_950, begin + 2_150),
            "ends_at_ms": begin + 40_000,
        },
    )
    assert life.clicks == [(1, 1, "DOUBLE")]
    assert len(life.published) == len(life.advertised) == 1
    assert life.packets[-1] == "c000"


def test_the_esp32_sleeps_when_nothing_is_left_to_do(laid_out, live):
    (life,) = live(laid_out("esp32"), {"contact": press(1_000), "ends_at_ms": 60_000})
    assert life.ended == "PowerOff: deep sleep"
    # Awake for half a minute at first, for whoever wants to reach it through USB.
    assert life.told[-2][0] == pytest.approx(30_000, abs=20)
    assert life.of("wake_on") == [(life.told[-2][0], "27 low")]
    assert life.packets[-1] == "e000"  # DISCONNECT
    assert [life.of(radio)[-1][1] for radio in ("wlan", "ble")] == ["off", "off"]


@pytest.mark.parametrize(
    ("contact", "click"),
    [
        (press(0), "SINGLE"),  # over before main.py begins
        (press(0, for_ms=900), "SINGLE"),
        (press(0, 450), "DOUBLE"),
        (press(0, for_ms=2_000), "LONG"),
    ],
    ids=["tap", "press", "double", "long"],
)
def test_the_press_that_ends_the_sleep_is_a_click(contact, click, serial_only, live):
    (life,) = live(serial_only("esp32"), {**WOKEN, "contact": contact})
    assert life.clicks == [(1, 1, click)]
    assert life.ended == "PowerOff: deep sleep"
    assert life.told[-2][0] < 9_000
    assert life.remarks == []


def test_however_slowly_the_chip_starts_an_unseen_press_is_not_long(serial_only, live):
    (life,) = live(serial_only("esp32"), {**WOKEN, "starts_at_ms": 2_500, "contact": press(0)})
    assert life.clicks == [(1, 1, "SINGLE")]


def test_a_woken_board_sends_its_click_over_wifi_before_it_sleeps_again(laid_out, live):
    (life,) = live(laid_out("esp32"), {**WOKEN, "contact": press(0)})
    assert len(life.published) == 1
    assert life.packets[-1] == "e000"
    assert life.ended == "PowerOff: deep sleep"


def test_a_woken_board_without_a_broker_sleeps_again_after_a_minute(laid_out, live):
    (life,) = live(
        laid_out("esp32"),
        {**WOKEN, "contact": press(0), "broker": [[0, "down"]], "ends_at_ms": 90_000},
    )
    assert life.ended == "PowerOff: deep sleep"
    assert 60_000 < life.told[-2][0] < 62_000


def test_a_soft_reset_after_the_sleep_does_not_click_again(serial_only, live):
    # The chip goes on saying that it woke up from sleep; what it slept with was wiped.
    woken = {**WOKEN, "contact": press(0)}
    first, second = live(
        serial_only("esp32"), woken, {**WOKEN, "rtc": "", "contact": [], "ends_at_ms": 5_000}
    )
    assert first.of("rtc")[0] == (300, "")
    assert (len(first.clicks), second.clicks) == (1, [])


def test_a_jammed_contact_lets_the_board_sleep_until_it_opens(serial_only, live):
    board = serial_only("esp32")
    jammed, opened = live(
        board,
        {"contact": [[1_000, True]], "ends_at_ms": 120_000},
        {**WOKEN, "rtc": "closed", "contact": [], "ends_at_ms": 40_000},
    )
    assert jammed.clicks == [(1, 1, "LONG")]
    assert jammed.of("wake_on")[0][1] == "27 high"
    assert jammed.told[-2][0] > 60_000
    assert opened.clicks == []
    assert opened.of("wake_on")[0][1] == "27 low"


@pytest.mark.parametrize("board", ["pico_w", "esp32"])
def test_a_board_that_shall_not_sleep_stays_awake(board, serial_only, live):
    (life,) = live(
        serial_only(board, deep_sleep=False), {"contact": press(50_000), "ends_at_ms": 70_000}
    )
    assert life.ended == "PowerOff: power off"
    assert life.clicks == [(1, 1, "SINGLE")]


@pytest.mark.parametrize(("board", "battery_pin"), [("pico_w", 26), ("esp32", 33)])
def test_an_empty_cell_is_told_as_remaining_life(board, battery_pin, serial_only, live):
    laid_out = serial_only(board, battery_pin=battery_pin, battery_ratio=2)
    (life,) = live(laid_out, {"pin_uv": 1_175_000, "contact": press(1_000), "ends_at_ms": 3_000})
    # 2 x 1175 mV: half way from 2700 to 2000.
    assert float(life.sentences[0].split(",")[5]) == pytest.approx(50, abs=0.3)


def test_the_program_leaves_room_in_the_chip_s_memory(laid_out, live):
    (life,) = live(laid_out("esp32"), {"contact": press(1_000), "ends_at_ms": 3_000})
    # This interpreter's words are 32 bits wide, as the chips' are, and the fakes are counted too.
    # The images give a program 100 KiB and more with both radios on.
    assert int(life.of("heap")[0][1]) < 88 * 1024


WRONG_ENTRIES = [
    ({"format": 2}, "config.json is of another version"),
    ({"device_id": None}, "device_id in config.json is missing or of the wrong type"),
    ({"rated_clicks": True}, "rated_clicks in config.json is missing"),
    ({"test_mode": 1}, "test_mode in config.json is missing or of the wrong type"),
    ({"key": "no hex: hush"}, "key in config.json is not hex digits"),
    ({"wifi": None}, "config.json has mqtt and no wifi"),
    ({"mqtt": "mqtt://10.0.0.5/"}, "mqtt in config.json is neither null nor an object"),
    ({"device_id": "a b"}, "device id has the character ' '"),
]


def test_a_wrong_entry_stops_the_board_and_is_named(laid_out, live):
    board = laid_out("pico_w")
    config = json.loads((board / "config.json").read_text())
    texts = [json.dumps({**config, **said}) for said, _ in WRONG_ENTRIES]
    lives = live(board, *[with_config(text) for text in texts])
    for life, (_, remark) in zip(lives, WRONG_ENTRIES, strict=True):
        assert life.ended == "returned"  # to the prompt, where mpremote reaches it
        assert any(line.startswith(f"# stopped: {remark}") for line in life.remarks), remark
        assert not any("hush" in line for line in life.remarks)
        assert life.counters == {}


def test_a_broken_config_stops_the_board(laid_out, live):
    lives = live(laid_out("pico_w"), *[with_config(text) for text in ("", "[]", '{"format": 1')])
    for life in lives:
        assert life.ended == "returned"
        assert life.remarks[-1].startswith("# stopped: config.json ")


def with_config(text: str) -> dict:
    return {"files": {"config.json": text.encode().hex()}, "ends_at_ms": 90_000}


def test_a_missing_config_stops_the_board(laid_out, live):
    board = laid_out("pico_w")
    (board / "config.json").unlink()
    (life,) = live(board, {"ends_at_ms": 90_000})
    assert life.remarks[-1].startswith("# stopped: config.json cannot be read")


def test_two_damaged_records_stop_the_board_and_say_what_to_do(serial_only, live):
    damaged = {"counter.0": "00" * RECORD_BYTES, "counter.1": "0102"}
    (life,) = live(serial_only("pico_w"), {"files": damaged, "ends_at_ms": 90_000})
    assert life.ended == "returned"
    assert "erase them and reset the button's counter at the service" in life.remarks[-1]


def test_an_unforeseen_error_is_shown_and_the_board_starts_again(serial_only, live):
    board = serial_only("pico_w", battery_pin=26)
    (life,) = live(board, {"ends_at_ms": 90_000})  # this bench has no voltage to measure
    assert life.ended == "PowerOff: reset"
    assert life.remarks[-1] == "# starting again in 30 s"
    assert any("KeyError" in line for line in life.remarks)
