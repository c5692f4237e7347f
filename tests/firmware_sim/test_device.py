"""Whatever the contact does: edges alternate, clicks do not depend on how often the chip looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.core.clicks import GAP_MS, LONG_MS, ClickDetector
from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.debounce import PRESS, RELEASE, Debouncer
from firmware_sim.core.device import ButtonDevice, MqttEncoder, SerialEncoder
from firmware_sim.core.wire import decode_json, decode_sentence, parse_topic, verify
from firmware_sim.world.slots import MemorySlot

# Level changes: how long each level stays. Chatter, presses and gaps around every limit.
stays_ms = st.lists(
    st.one_of(
        st.integers(0, 20), st.integers(0, 600), st.sampled_from([14, 15, 16, 400, 1500, 1515])
    ),
    max_size=40,
)


def button(**options):
    return ButtonDevice(
        "G030PM0123456789",
        ClickCounter(MemorySlot()),
        (MqttEncoder("default"), SerialEncoder()),
        **options,
    )


def clicks_of(device, stays, look_every_ms=None):
    """(ms, type) of each click; looks when the device asks to, or at every such interval."""
    found, now_ms, closed = [], 0, False
    for stay_ms in [*stays, 5000]:
        left_ms = stay_ms
        while left_ms:
            limits = [left_ms, look_every_ms or device.idle_for_ms()]
            piece_ms = min(limit for limit in limits if limit is not None)
            left_ms -= piece_ms
            now_ms += piece_ms
            frames = device.step(closed, piece_ms, now_ms)
            found += [(frame.click.reported_ms, frame.click.click_type) for frame in frames[::2]]
        closed = not closed
        device.step(closed, 0, now_ms)
    return found


@given(stays_ms, st.integers(1, 50))
def test_edges_always_alternate(stays, settle_ms):
    debouncer = Debouncer(settle_ms)
    edges, closed = [], False
    for stay_ms in stays:
        debouncer.feed(closed)
        edges.append(debouncer.advance(stay_ms))
        closed = not closed
    seen = [edge for edge in edges if edge]
    assert seen == [PRESS, RELEASE] * (len(seen) // 2) + [PRESS] * (len(seen) % 2)


@given(stays_ms, st.integers(1, 700))
def test_clicks_carry_the_same_millisecond_however_often_the_chip_looks(stays, look_every_ms):
    assert clicks_of(button(), stays) == clicks_of(button(), stays, look_every_ms)


@given(stays_ms)
def test_a_sleeping_chip_misses_nothing(stays):
    """Sleeping exactly as long as it was told to gives what looking every millisecond gives."""
    assert clicks_of(button(), stays) == clicks_of(button(), stays, 1)


@given(stays_ms)
def test_each_click_has_its_own_number_and_is_signed(stays):
    key = b"k" * 32
    device, numbers, closed = button(key=key), [], False
    for stay_ms in [*stays, 5000]:
        for frame in device.step(closed, stay_ms):
            if frame.link == "mqtt":
                click = decode_json(parse_topic(frame.channel)[1], frame.payload)
            else:
                click = decode_sentence(frame.payload)
            assert verify(click, key)
            numbers.append((click.boot_id, click.counter))
        closed = not closed
    assert numbers[::2] == numbers[1::2] == [(1, 1 + index) for index in range(len(numbers) // 2)]


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="backwards"):
        button().step(closed=False, elapsed_ms=-1)


@pytest.mark.parametrize(
    "make", [lambda: Debouncer(0), lambda: ClickDetector(0), lambda: ClickDetector(400, 0)]
)
def test_timings_of_nothing_are_refused(make):
    with pytest.raises(ValueError, match="at least 1"):
        make()


def test_a_fresh_device_sleeps_until_the_contact_changes():
    device = button()
    assert device.idle_for_ms() is None
    device.step(closed=True, elapsed_ms=0)
    assert device.idle_for_ms() == 15
    device.step(closed=True, elapsed_ms=15)
    assert device.idle_for_ms() == LONG_MS


def test_a_reset_forgets_half_a_click():
    detector = ClickDetector()
    detector.feed(PRESS)
    detector.reset()
    assert detector.idle_for_ms() is None
    assert detector.feed(RELEASE) is None
    assert detector.advance(GAP_MS) is None


def test_a_low_cell_shortens_the_remaining_life_that_is_said():
    device = button()
    device.battery_mv = 2350
    (frame, _) = device.say("SINGLE")
    assert frame.click.remaining_life == 50.0
    assert "mqtt" in repr(frame)
