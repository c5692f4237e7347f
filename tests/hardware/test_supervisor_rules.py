"""The supervisor's table and delays, with time as an argument."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.supervisor import _NEXT, Backoff, Situation, StateChange, step, words

BACKOFF = Backoff()
INPUTS = sorted({happened for _, happened in _NEXT})


def after(*history, start=None, backoff=BACKOFF):
    """The situation after (input, now_ms, reason) steps."""
    at = start or Situation()
    for happened, now_ms, *reason in history:
        at = step(at, happened, now_ms=now_ms, backoff=backoff, reason="".join(reason))
    return at


def test_a_source_that_opens_is_reading():
    at = after(("start", 10), ("opened", 20))
    assert (at.state, at.since_ms, at.reason, at.away_since_ms) == ("READING", 20, "", None)


def test_delays_grow_to_a_cap():
    assert [BACKOFF.delay_ms(n) for n in range(1, 8)] == [250, 500, 1000, 2000, 4000, 5000, 5000]
    assert BACKOFF.delay_ms(10**9) == 5000


def test_an_outage_keeps_its_beginning_and_its_newest_reason():
    at = after(
        ("start", 0), ("away", 5, "no port"), ("elapsed", 255), ("away", 260, "port is busy")
    )
    assert (at.state, at.failures, at.delay_ms) == ("COOLING", 2, 500)
    assert (at.away_since_ms, at.reason) == (5, "port is busy")


def test_a_wake_opens_at_once_and_keeps_the_count():
    at = after(("start", 0), ("away", 0, "x"), ("wake", 60))
    assert (at.state, at.failures, at.delay_ms) == ("OPENING", 1, 0)


def test_opening_that_breaks_right_away_is_the_same_trouble():
    flap = [("opened", 10), ("away", 20, "broke"), ("elapsed", 30)]
    assert after(("start", 0), *flap, *flap, *flap).failures == 3


def test_an_outage_after_a_stable_time_starts_from_the_first_delay():
    steady = BACKOFF.stable_ms
    at = after(("start", 0), ("away", 0), ("elapsed", 0), ("away", 0), ("elapsed", 0))
    at = after(("opened", 0), ("away", steady, "gone"), start=at)
    assert (at.failures, at.delay_ms) == (1, 250)


def test_one_millisecond_short_of_stable_is_not_stable():
    at = after(("start", 0), ("away", 0), ("elapsed", 0), ("opened", 0))
    assert after(("away", BACKOFF.stable_ms - 1, "x"), start=at).failures == 2


def test_a_refusal_closes_with_its_reason():
    at = after(("start", 0), ("refused", 1, "permission denied"))
    assert (at.state, at.reason) == ("CLOSED", "permission denied")


@given(st.lists(st.tuples(st.sampled_from(INPUTS), st.integers(0, 20_000)), max_size=40))
def test_whatever_happens_the_situation_makes_sense(history):
    at, now_ms = Situation(), 0
    for happened, passed_ms in history:
        now_ms += passed_ms
        if (at.state, happened) not in _NEXT:
            with pytest.raises(ValueError, match="cannot happen"):
                step(at, happened, now_ms=now_ms, backoff=BACKOFF)
            continue
        at = step(at, happened, now_ms=now_ms, backoff=BACKOFF, reason="why")
        assert at.since_ms == now_ms
        assert (at.state == "COOLING") == (at.delay_ms > 0)
        assert at.delay_ms <= BACKOFF.cap_ms
        if at.state == "READING":
            assert (at.reason, at.away_since_ms) == ("", None)
        if at.state == "COOLING":
            assert at.reason
            assert at.away_since_ms is not None


def test_every_state_can_be_stopped_and_left():
    states = {state for state, _ in _NEXT}
    assert {state for state, happened in _NEXT if happened == "stop"} == states
    assert set(_NEXT.values()) == states


def said(*history):
    """(level, sentence) of each step that is worth more than a debug line."""
    at, lines = Situation(), []
    for happened, now_ms, *reason in history:
        before = at
        at = step(at, happened, now_ms=now_ms, backoff=BACKOFF, reason="".join(reason))
        change = StateChange(spec="serial:/dev/x", before=before.state, now=at)
        level, sentence = words(change, before=before)
        if level > logging.DEBUG:
            lines.append((level, sentence))
    return lines


def test_an_outage_is_said_once_and_so_is_its_end():
    again = [("elapsed", 3000), ("away", 3000, "serial:/dev/x: unplugged")] * 5
    assert said(
        ("start", 0), ("opened", 0), ("away", 1000, "serial:/dev/x: unplugged"), *again,
        ("wake", 5000), ("opened", 5500),
    ) == [
        (logging.INFO, "serial:/dev/x: READING"),
        (logging.WARNING, "serial:/dev/x: unplugged; COOLING, trying again until it is back"),
        (logging.INFO, "serial:/dev/x: READING again, was away for 4.5 s"),
    ]  # fmt: skip


def test_a_new_reason_within_an_outage_is_said():
    lines = said(("start", 0), ("away", 0, "unplugged"), ("wake", 60), ("away", 60, "busy"))
    assert [sentence for _, sentence in lines][1:] == ["busy; COOLING for 500 ms"]


def test_a_refusal_is_an_error_in_the_log():
    assert said(("start", 0), ("refused", 0, "permission denied; join the group")) == [
        (logging.ERROR, "permission denied; join the group; CLOSED")
    ]
