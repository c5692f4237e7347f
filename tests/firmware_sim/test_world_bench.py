"""A finger on a contact on a chip: sound switches click as meant, and a seed repeats itself."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder, SerialEncoder
from firmware_sim.world.analysis import analyse
from firmware_sim.world.bench import Bench
from firmware_sim.world.cell import CoinCell
from firmware_sim.world.clock import VirtualClock
from firmware_sim.world.contacts import CLEAN, SWITCHES, WORN, WORST, trace_of
from firmware_sim.world.finger import HANDS, MEASURED, SLOW, STEADY, Finger, Hold
from firmware_sim.world.slots import MemorySlot, PowerCutError

SOUND_SWITCHES = [switch for switch in SWITCHES.values() if not switch.drop_chance]


def bench(seed=1, hand=STEADY, **options):
    rng = Random(seed)
    device = ButtonDevice("A", ClickCounter(MemorySlot()), (SerialEncoder(),))
    return Bench(device, Finger(rng, hand), rng, **options)


def clicks(sent):
    return [one.frame.click.click_type for one in sent]


@given(
    st.integers(0, 2**32),
    st.sampled_from(SOUND_SWITCHES),
    st.sampled_from(["SINGLE", "DOUBLE", "LONG"]),
)
@settings(max_examples=200)
def test_a_sound_switch_under_a_steady_finger_clicks_as_meant(seed, switch, meant):
    assert clicks(bench(seed, switch=switch).press(meant)) == [meant]


@given(
    st.integers(0, 2**32),
    st.sampled_from(list(SWITCHES.values())),
    st.sampled_from(list(HANDS.values())),
)
def test_traces_are_changes_in_rising_time_and_end_open(seed, switch, hand):
    rng = Random(seed)
    trace = trace_of(Finger(rng, hand).holds("DOUBLE"), switch, rng, 5000)
    assert all(left < right for (left, _), (right, _) in pairwise(trace))
    assert [level for _, level in trace] == [1, 0] * (len(trace) // 2)
    assert trace[0][0] == 5000


@given(st.integers(0, 2**32), st.sampled_from(SOUND_SWITCHES))
def test_bounce_ends_within_what_was_measured(seed, switch):
    trace = trace_of([Hold(0, 100)], switch, Random(seed))
    closing = [at_us for at_us, _ in trace if at_us < 50_000]
    opening = [at_us - 100_000 for at_us, _ in trace if at_us >= 50_000]
    assert closing[0] == opening[0] == 0
    assert closing[-1] <= switch.close_bounce_us
    assert opening[-1] <= switch.open_bounce_us


def test_the_worst_switch_really_bounces():
    counts = [len(trace_of([Hold(0, 100)], WORST, Random(seed))) for seed in range(50)]
    assert max(counts) > 20
    assert len(trace_of([Hold(0, 100)], CLEAN, Random(1))) == 2


def test_the_same_seed_gives_the_same_frames():
    runs = []
    for _ in range(2):
        one = bench(99, MEASURED, switch=WORST)
        runs.append([(sent.at_ms, sent.frame.payload) for _ in range(20) for sent in one.press()])
    assert runs[0] == runs[1]
    assert runs[0] != [(sent.at_ms, sent.frame.payload) for sent in bench(98, switch=WORST).press()]


def test_a_worn_switch_loses_and_doubles_clicks():
    one = bench(5, switch=WORN)
    seen = Counter(tuple(clicks(one.press())) for _ in range(300))
    assert seen["SINGLE",] > 200
    assert seen["DOUBLE",] > 5
    assert seen[()] > 2


def test_a_slow_hand_lets_double_clicks_fall_apart():
    one = bench(6, SLOW)
    seen = Counter(tuple(clicks(one.press("DOUBLE"))) for _ in range(200))
    assert seen["SINGLE", "SINGLE"] > 10
    assert seen["DOUBLE",] > 100


def test_drawn_presses_have_the_measured_quantiles():
    finger = Finger(Random(3))
    presses = sorted(finger.press_ms() for _ in range(20_000))
    gaps = sorted(finger.gap_ms() for _ in range(20_000))
    for share, measured_ms in ((0.05, 62), (0.25, 78), (0.5, 94), (0.75, 124), (0.95, 171)):
        assert presses[int(share * 20_000)] == pytest.approx(measured_ms, abs=4)
    for share, measured_ms in ((0.05, 47), (0.5, 94), (0.95, 281)):
        assert gaps[int(share * 20_000)] == pytest.approx(measured_ms, abs=8)


@pytest.mark.parametrize(
    ("over_ms", "measured_share"), [(350, 0.008), (500, 0.0045), (800, 0.0025), (1000, 0.0018)]
)
def test_slow_presses_are_as_rare_as_measured(over_ms, measured_share):
    finger = Finger(Random(over_ms))
    slow = sum(finger.press_ms() > over_ms for _ in range(50_000))
    assert slow / 50_000 == pytest.approx(measured_share, abs=0.0012)


def test_nobody_means_a_triple():
    with pytest.raises(ValueError, match="use SINGLE"):
        Finger(Random(1)).holds("TRIPLE")


def test_frames_carry_the_time_at_which_the_button_knew():
    clock = VirtualClock(start_ms=1_000_000)
    one = bench(1, switch=CLEAN, clock=clock)
    (sent,) = one.play([(0, 1), (80_000, 0)])
    assert sent.at_ms == 1_000_000 + 80 + 15 + 400
    assert sent.frame.click.reported_ms == sent.at_ms
    assert clock.now_ms == sent.at_ms


def test_a_button_may_not_know_the_time():
    (sent,) = bench(device_knows_time=False).press()
    assert sent.frame.click.reported_ms is None


def test_what_the_bench_hears_is_what_the_analysis_says():
    rng = Random(8)
    trace = trace_of(Finger(rng).holds("DOUBLE"), WORST, rng, 20_000)
    sent = bench(clock=VirtualClock()).play(trace)
    assert [(one.at_ms, one.frame.click.click_type) for one in sent] == list(analyse(trace).clicks)


def test_the_cell_empties_and_the_button_says_so():
    device = ButtonDevice(
        "A", ClickCounter(MemorySlot()), (MqttEncoder("default"),), rated_clicks=10**6
    )
    cell = CoinCell(lasts_clicks=20)
    one = Bench(device, Finger(Random(1), STEADY), Random(1), cell=cell)
    lives = [one.press()[0].frame.click.remaining_life for _ in range(25)]
    assert lives == sorted(lives, reverse=True)
    assert lives[10] > 99
    assert lives[-1] == 0
    assert cell.battery_mv == 2000


def test_a_clock_runs_what_falls_due_in_order():
    clock, done = VirtualClock(), []
    clock.at(2000, lambda: done.append("b"))
    clock.at(1000, lambda: (done.append("a"), clock.at(1500, lambda: done.append("a'"))))
    clock.at(2000, lambda: done.append("c"))
    clock.at(9000, lambda: done.append("too late"))
    clock.advance_ms(2)
    assert done == ["a", "a'", "b", "c"]
    assert (clock.now_us, clock.next_us) == (2000, 9000)
    clock.advance_ms(7)
    assert clock.next_us is None
    with pytest.raises(ValueError, match="backwards"):
        clock.advance_us(-1)


def test_a_chip_that_loses_power_while_writing_says_nothing():
    slot = MemorySlot(cut_after_bytes=20)
    device = ButtonDevice("A", ClickCounter(slot), (SerialEncoder(),))
    with pytest.raises(PowerCutError, match="of place 1"):
        device.say("SINGLE")
    slot.cut_after_bytes = None
    again = ButtonDevice("A", ClickCounter(slot), (SerialEncoder(),))
    assert again.say("SINGLE")[0].click.boot_id == 2
