"""A button without a known id: the first click names it, the second claims it."""

from __future__ import annotations

from orchestrator.domain.discovery import QUIET_MS, Discovery, forget, hear


def told(*clicks: tuple[str, int]) -> list[str]:
    state, answers = Discovery(), []
    for device_id, at_ms in clicks:
        state, found = hear(state, device_id, at_ms)
        answers.append(found.what)
    return answers


def test_the_first_click_names_and_the_second_is_again():
    assert told(("A", 0), ("A", 5_000)) == ["named", "again"]


def test_another_button_between_the_two_is_an_overlap():
    assert told(("A", 0), ("B", 1_000), ("A", 2_000)) == ["named", "overlap", "overlap"]


def test_another_button_up_to_two_minutes_before_is_an_overlap():
    assert told(("B", 0), ("A", QUIET_MS - 1)) == ["named", "overlap"]
    assert told(("B", 0), ("A", QUIET_MS)) == ["named", "named"]


def test_an_overlap_ends_after_two_quiet_minutes():
    clicks = [("A", 0), ("B", 1_000), ("A", 1_000 + QUIET_MS - 1)]
    assert told(*clicks)[-1] == "overlap"
    assert told(*clicks, ("A", 1_000 + 3 * QUIET_MS))[-1] == "named"


def test_a_claim_that_ended_is_forgotten():
    state, _ = hear(Discovery(), "A", 0)
    state = forget(state, "A")
    assert hear(state, "B", 1_000)[1].what == "named"
