"""The rule that tells a repeat from a new press: windows, marks, and a state that survives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.repeats import (
    MOST_PRESSES,
    ORDER_WINDOW_MS,
    PACKET_WINDOW_MS,
    Press,
    State,
    forget_mark,
    judge,
)


def plain(packet_id: int, click_type: str | None = "SINGLE") -> Press:
    return Press("bthome", click_type, str(packet_id))


def sealed(counter: int, packet_id: int, click_type: str | None = "SINGLE") -> Press:
    return Press("bthome", click_type, str(packet_id), (counter,), authenticated=True)


def ours(boot_id: int, counter: int, *, signed: bool = True) -> Press:
    return Press("native", "SINGLE", f"{boot_id}.{counter}", (boot_id, counter), signed)


class Device:
    """A device's state, stored as JSON after every frame as the caller does."""

    def __init__(self) -> None:
        self.stored: dict | None = None
        self.first_ms = -1

    def hear(self, press: Press, at_ms: int) -> str:
        state = State.from_json(self.stored)
        verdict, self.first_ms, state = judge(state, press, at_ms)
        self.stored = json.loads(json.dumps(state.to_json()))
        return verdict


@pytest.fixture
def device() -> Device:
    return Device()


# --- plain packet ids


def test_the_same_packet_id_is_a_repeat_for_sixty_seconds_after_its_last_frame(device):
    assert device.hear(plain(7), 0) == "NEW"
    at_ms = 0
    for _ in range(50):  # a beacon that repeats one event for nearly an hour
        at_ms += PACKET_WINDOW_MS
        assert device.hear(plain(7), at_ms) == "REPEAT"
        assert device.first_ms == 0
    assert device.hear(plain(7), at_ms + PACKET_WINDOW_MS + 1) == "NEW"


def test_packet_ids_go_round_from_255_to_0(device):
    for step, packet_id in enumerate((253, 254, 255, 0, 1)):
        assert device.hear(plain(packet_id), step * 300) == "NEW"
        assert device.hear(plain(packet_id), step * 300 + 10) == "REPEAT"


@pytest.mark.parametrize(
    ("behind", "verdict"), [(1, "REPEAT"), (100, "REPEAT"), (192, "REPEAT"), (193, "NEW")]
)
def test_a_packet_id_that_is_behind_is_an_older_packet_for_a_moment(device, behind, verdict):
    device.hear(plain(200), 0)
    assert device.hear(plain((200 - behind) % 256), ORDER_WINDOW_MS) == verdict


def test_a_packet_id_that_is_behind_after_that_moment_is_a_restart(device):
    device.hear(plain(200), 0)
    assert device.hear(plain(0), ORDER_WINDOW_MS + 1) == "NEW"


def test_a_late_packet_of_a_press_that_was_heard_is_that_press(device):
    device.hear(plain(7), 0)
    device.hear(plain(8), 500)
    assert device.hear(plain(7), 700) == "REPEAT"
    assert device.first_ms == 0


def test_a_beacon_between_two_presses_hides_neither(device):
    assert device.hear(plain(33), 0) == "NEW"
    assert device.hear(plain(35, None), 500) == "NEW"
    assert device.hear(plain(35, None), 8_500) == "REPEAT"
    assert device.hear(plain(36), 9_000) == "NEW"


def test_two_buttons_in_one_packet_are_two_presses(device):
    left, right = Press("bthome", "SINGLE", "9.1"), Press("bthome", "SINGLE", "9.2")
    assert [device.hear(left, 0), device.hear(right, 0)] == ["NEW", "NEW"]
    assert [device.hear(left, 20), device.hear(right, 20)] == ["REPEAT", "REPEAT"]


def test_without_a_packet_id_the_same_click_in_a_row_is_one_press(device):
    nameless = Press("bthome", "LONG")
    assert device.hear(nameless, 0) == "NEW"
    assert [device.hear(nameless, at) for at in (900, 4_800, 8_700)] == ["REPEAT"] * 3
    assert device.hear(nameless, 8_700 + ORDER_WINDOW_MS) == "NEW"


@pytest.mark.parametrize("family", ["bthome", "tasmota", "zigbee2mqtt"])
def test_without_a_packet_id_two_buttons_are_two_presses(device, family):
    left, right = (Press(family, "SINGLE", button=button) for button in (1, 2))
    assert [device.hear(left, 0), device.hear(right, 0)] == ["NEW", "NEW"]
    assert [device.hear(left, 100), device.hear(right, 100)] == ["REPEAT", "REPEAT"]


def test_an_echo_with_an_id_is_told_from_another_button(device):
    left = Press("zigbee2mqtt", "SINGLE", "5000:1_single", button=1)
    assert device.hear(left, 0) == "NEW"
    assert device.hear(left._replace(press_id=None), 10) == "REPEAT"
    assert device.hear(left._replace(press_id="5001:2_single", button=2), 20) == "NEW"


# --- authenticated frames


def test_the_same_counter_is_a_repeat_and_a_lower_one_is_replayed(device):
    assert device.hear(ours(1, 7), 0) == "NEW"
    assert device.hear(ours(1, 7), 10) == "REPEAT"
    assert device.hear(ours(1, 8), 20) == "NEW"
    assert device.hear(ours(1, 7), 30) == "REPLAYED"


def test_boot_id_and_counter_are_compared_as_a_pair(device):
    assert device.hear(ours(4, 900), 0) == "NEW"
    assert device.hear(ours(5, 1), 10) == "NEW"
    assert device.hear(ours(4, 901), 20) == "REPLAYED"


def test_a_rising_counter_with_the_same_packet_id_is_the_same_press(device):
    assert device.hear(sealed(100, 7), 0) == "NEW"
    for step in range(1, 200):
        assert device.hear(sealed(100 + step, 7), step * 1_000) == "REPEAT"
        assert device.first_ms == 0
    assert device.hear(sealed(150, 7), 200_000) == "REPLAYED"


def test_a_frame_without_a_press_raises_the_mark_as_well(device):
    assert device.hear(sealed(500, 0, None), 0) == "NEW"
    assert device.hear(sealed(499, 1), 10) == "REPLAYED"


def test_a_replayed_frame_is_refused_after_any_time_and_any_restart(device):
    device.hear(sealed(442, 7), 0)
    year_ms = 365 * 86_400_000
    device.stored = json.loads(json.dumps(device.stored))
    assert device.hear(sealed(441, 6), year_ms) == "REPLAYED"
    assert device.hear(sealed(442, 7), year_ms) == "REPEAT"
    assert device.first_ms == 0
    assert device.hear(sealed(3, 1), year_ms) == "REPLAYED", "low counters are no exception"


def test_a_counter_at_its_very_end_may_come_round_and_nothing_recorded_before_gets_in(device):
    device.hear(sealed(0xFFFFFFFF, 7), 0)
    assert device.hear(sealed(4_000_000_000, 8), 10) == "REPLAYED"
    assert device.hear(sealed(64, 8), 10) == "REPLAYED"
    assert device.hear(sealed(0, 9), 20) == "NEW"
    assert device.hear(sealed(1, 10), 30) == "NEW"
    for recorded in (0, 0xFFFFFFFF, 0xFFFFFF00, 2**31 + 2):
        assert device.hear(sealed(recorded, 11), 40) == "REPLAYED"
    assert device.hear(sealed(2, 12), 50) == "NEW"


def test_a_counter_short_of_its_end_may_not_come_round(device):
    device.hear(sealed(0xFFFFFFFE, 7), 0)
    assert device.hear(sealed(0, 8), 10) == "REPLAYED"


def test_two_buttons_under_one_counter_are_two_presses_once(device):
    left = Press("mibeacon", "SINGLE", "2.5:left:SINGLE", (517,), authenticated=True)
    right = Press("mibeacon", "SINGLE", "2.5:right:SINGLE", (517,), authenticated=True)
    assert [device.hear(left, 0), device.hear(right, 0)] == ["NEW", "NEW"]
    assert [device.hear(left, 9), device.hear(right, 9)] == ["REPEAT", "REPEAT"]


def test_a_replaced_battery_is_mended_by_forgetting_the_mark(device):
    device.hear(sealed(90_000, 7), 0)
    assert device.hear(sealed(1, 1), 100_000) == "REPLAYED"
    device.stored = forget_mark(State.from_json(device.stored)).to_json()
    assert device.hear(sealed(1, 1), 100_001) == "NEW"


# --- what nobody vouches for


def test_a_forged_counter_kills_no_button(device):
    assert device.hear(ours(1, 7), 0) == "NEW"
    assert device.hear(ours(0xFFFFFFFF, 0xFFFFFFFF, signed=False), 10) == "NEW"
    assert device.hear(ours(1, 8), 20) == "NEW"


def test_a_forged_press_hides_no_real_one(device):
    # The forger guesses the next counter and is first.
    assert device.hear(ours(1, 8, signed=False), 0) == "NEW"
    assert device.hear(ours(1, 8), 10) == "NEW"


def test_unsigned_repeats_are_told_by_their_ids_however_late(device):
    assert device.hear(ours(1, 7, signed=False), 0) == "NEW"
    assert device.hear(ours(1, 8, signed=False), 10) == "NEW"
    assert device.hear(ours(1, 7, signed=False), 3_600_000) == "REPEAT"
    assert device.first_ms == 0


def test_an_unsigned_device_that_lost_its_boot_id_is_still_heard(device):
    assert device.hear(ours(9, 500, signed=False), 0) == "NEW"
    assert device.hear(ours(1, 1, signed=False), 10) == "NEW"


# --- the state


def test_the_state_stays_small(device):
    for number in range(1_000):
        device.hear(ours(1, number), number * 100)
    assert len(device.stored["presses"]) == MOST_PRESSES
    assert len(json.dumps(device.stored)) < 700


def test_an_empty_state_is_an_empty_object():
    assert State().to_json() == {}
    assert State.from_json({}) == State.from_json(None) == State()


@pytest.mark.parametrize(
    "stored", [{"mark": 7}, {"mark": ["x"]}, {"presses": [["a"]]}, {"rolling": [1]}, {"presses": 3}]
)
def test_a_state_that_cannot_be_read_is_an_error_not_an_empty_one(stored):
    with pytest.raises(ValueError, match="repeat rule"):
        State.from_json(stored)


presses = st.builds(
    Press,
    st.sampled_from(["bthome", "native", "zigbee2mqtt", "shelly_gen1", "mibeacon", "itag"]),
    st.sampled_from(["SINGLE", "DOUBLE", None]),
    st.none() | st.integers(0, 20).map(str),
    st.tuples(st.integers(0, 20)),
    st.booleans(),
)
histories = st.lists(st.tuples(presses, st.integers(0, 10_000)), max_size=30)


@given(histories)
def test_in_any_history_the_mark_never_falls_and_nothing_below_it_is_new(history):
    state, at_ms, highest = State(), 0, ()
    for press, later_ms in history:
        at_ms += later_ms
        verdict, first_ms, after = judge(state, press, at_ms)
        assert after.mark >= state.mark
        if not press.authenticated:
            assert after.mark == state.mark
        elif highest and press.freshness < highest:
            assert verdict == "REPLAYED"
            assert after == state
        if press.authenticated and press.freshness:
            highest = max(highest, press.freshness)
        assert first_ms <= at_ms
        assert State.from_json(json.loads(json.dumps(after.to_json()))) == after
        state = after


@given(histories)
def test_the_same_frame_at_once_again_is_never_new(history):
    state, at_ms = State(), 0
    for press, later_ms in history:
        at_ms += later_ms
        state = judge(state, press, at_ms).state
        if press.press_id is not None and press.click_type is not None:
            assert judge(state, press, at_ms).verdict != "NEW"
