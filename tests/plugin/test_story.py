"""What happened is told in order, even where a clock stood still between the moments."""

from __future__ import annotations

import pytest

from orchestrator.pytest_plugin.story import Told, story_text


def attempt(epoch: int, opened_ms: int, *marks: tuple[str, int], outcome: str | None = None):
    return {
        "epoch": epoch,
        "openedMs": opened_ms,
        "deadlineMs": opened_ms + 120_000,
        "endedMs": marks[-1][1] if marks else opened_ms,
        "outcome": outcome,
        "reason": "somebody has it" if outcome == "REFUSED" else "",
        "account": "1",
        "timeline": [{"what": what, "atMs": at_ms} for what, at_ms in marks],
    }


def click(epoch: int, at_ms: int, disposition: str, repeats: int = 0):
    return {
        "atMs": at_ms,
        "clickType": "SINGLE",
        "disposition": disposition,
        "reason": "because",
        "source": "sim: at CCAKEXAMPLE",
        "epoch": epoch,
        "repeats": repeats,
    }


def told(*, attempts=(), clicks=(), now_ms=0, state="CLAIMED", owner="1") -> list[str]:
    why = {"attempts": attempts, "clicks": clicks, "nowMs": now_ms, "state": state, "owner": owner}
    return [line.split(" s  ")[-1] for line in story_text("B1", why).splitlines()]


def test_moments_of_one_instant_stand_in_the_order_of_a_claim():
    claimed = attempt(1, 0, ("initiated", 0), ("click", 0), ("finalized", 0), outcome="CLAIMED")
    refused = attempt(0, 0, ("initiated", 0), outcome="REFUSED")
    clicks = [click(1, 0, "DELIVERED"), click(1, 0, "MATCHED", repeats=2), click(0, 0, "NO_CLAIM")]
    assert told(attempts=[refused, claimed], clicks=clicks) == [
        "B1 is CLAIMED by account 1",
        "SINGLE click heard by sim: is NO_CLAIM: because",
        "initiated by account 1, epoch 1, open for 120 s",
        "SINGLE click heard by sim: is MATCHED: because, heard 2 times more",
        "finalized",
        "CLAIMED",
        "SINGLE click heard by sim: is DELIVERED: because",
        "initiate REFUSED: somebody has it",
        "now",
    ]


def test_an_end_is_told_once():
    over = attempt(1, 0, ("initiated", 0), ("timed_out", 120_000), outcome="TIMED_OUT")
    lines = told(attempts=[over], now_ms=120_000, state="UNCLAIMED", owner=None)
    assert lines == [
        "B1 is UNCLAIMED",
        "initiated by account 1, epoch 1, open for 120 s",
        "TIMED_OUT",
        "now",
    ]


def test_a_device_nobody_wanted_has_a_short_story():
    assert story_text("B1", {}) == "B1: nobody has initiated a claim of it"


@pytest.mark.parametrize("other", ["CLAIMED", Told("CLAIMED", "another story")])
def test_a_told_word_is_the_word(other):
    assert Told("CLAIMED", "a story") == other
    assert {Told("CLAIMED", "a story"): 1}[other] == 1


@pytest.mark.parametrize(
    ("repeats", "says"), [(0, "because"), (1, "heard once more"), (2, "heard 2 times more")]
)
def test_a_click_is_told_with_how_often_it_was_heard(repeats, says):
    assert told(clicks=[click(1, 5, "MATCHED", repeats)])[1].endswith(says)


def test_a_long_story_is_told_from_its_end():
    over = [
        attempt(epoch, epoch, ("initiated", epoch), ("timed_out", epoch), outcome="TIMED_OUT")
        for epoch in range(1, 26)
    ]
    lines = told(attempts=over, now_ms=200)
    assert lines[1].split() == ["...", "20", "earlier", "moments"]
    assert lines[2] == "initiated by account 1, epoch 11, open for 120 s"
    assert len(lines) == 1 + 1 + 30 + 1


def test_what_was_planned_to_go_wrong_is_told_with_whether_it_did():
    planned = [
        {"kind": "crash", "operation": "FinalizeDeviceClaim", "link": None, "struck": 0},
        {"kind": "drop", "operation": None, "link": "sim:", "struck": 1},
        {"kind": "latency", "operation": "*", "link": None, "struck": 7},
    ]
    assert story_text("B", {}, ["SINGLE click was lost"], planned).splitlines() == [
        "B: nobody has initiated a claim of it",
        "      besides:  SINGLE click was lost",
        "        fault:  crash of FinalizeDeviceClaim never struck",
        "        fault:  drop of link sim: struck once",
        "        fault:  latency of * struck 7 times",
    ]
