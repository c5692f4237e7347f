"""No number is used twice, at whichever byte of whichever write the power is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.core.counter import RECORD_BYTES, ClickCounter, CounterError
from firmware_sim.world.slots import MemorySlot, PowerCutError


def live(places, clicks, bytes_until_cut, erases_first):
    """One life from start to power cut: the numbers that were sent, and what the slot holds."""
    slot = MemorySlot(places, cut_after_bytes=bytes_until_cut, erases_first=erases_first)
    counter, sent = ClickCounter(slot), []
    try:
        counter.start()
        for _ in range(clicks):
            counter.next()
            sent.append((counter.boot_id, counter.counter, counter.total))
    except PowerCutError:
        pass
    return sent, slot.places


lives = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 7 * RECORD_BYTES), st.booleans()), max_size=12
)


@given(lives)
def test_numbers_only_rise_across_power_cuts(cuts):
    places, sent = [b"", b""], []
    for clicks, bytes_until_cut, erases_first in cuts:
        some, places = live(places, clicks, bytes_until_cut, erases_first)
        sent += some
    pairs = [(boot_id, counter) for boot_id, counter, _ in sent]
    totals = [total for _, _, total in sent]
    assert pairs == sorted(set(pairs))
    assert totals == sorted(set(totals))


@pytest.mark.parametrize("erases_first", [False, True])
def test_every_single_byte_of_the_third_write_may_be_the_last(erases_first):
    before, places = live([b"", b""], 5, None, erases_first)
    for cut in range(RECORD_BYTES * 3):
        sent, after = live(places, 2, cut, erases_first)
        then, _ = live(after, 1, None, erases_first)
        assert then[0][:2] > max([*before, *sent])[:2]
        assert then[0][2] > max(total for _, _, total in [*before, *sent])


def test_a_restart_begins_at_one_in_a_higher_boot():
    _, places = live([b"", b""], 3, None, erases_first=False)
    assert live(places, 2, None, erases_first=False)[0] == [(2, 1, 4), (2, 2, 5)]


def test_two_damaged_records_are_said_and_not_papered_over():
    counter = ClickCounter(MemorySlot([b"\x01" * RECORD_BYTES, b"junk"]))
    with pytest.raises(CounterError, match="reset the button's counter"):
        counter.start()


def test_a_record_of_another_version_is_not_read():
    _, places = live([b"", b""], 0, None, erases_first=False)
    wrong = b"\x02" + places[0][1:]
    with pytest.raises(CounterError):
        ClickCounter(MemorySlot([wrong, wrong])).start()


def at_the_end(boot_id, counter, total):
    """A slot that holds this one record."""
    slot = MemorySlot()
    made = ClickCounter(slot)
    made.boot_id, made.counter, made.total = boot_id, counter, total
    made._write(boot_id, counter, total)
    return slot


def test_the_last_boot_id_does_not_wrap():
    with pytest.raises(CounterError, match="new key"):
        ClickCounter(at_the_end(2**32 - 1, 0, 0)).start()


def test_the_last_click_does_not_wrap():
    counter = ClickCounter(at_the_end(1, 5, 2**32 - 2))
    counter.start()
    counter.next()
    assert counter.total == 2**32 - 1
    with pytest.raises(CounterError, match="new key"):
        counter.next()
