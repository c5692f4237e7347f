"""An expectation that is not met says which units, claims, clicks and faults it failed for."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from orchestrator.cli.app import run_command
from orchestrator.simulation.reports.document import json_report
from orchestrator.simulation.reports.junit import junit_report
from orchestrator.simulation.reports.page import html_report
from orchestrator.simulation.scenarios.story import ClaimSeen, ClickSeen, Story

NAME = 'name = "ann"'
WINDOW = ('title = "Small"', 'title = "Small"\nwindow_s = 10')
NOBODY = (NAME, f"{NAME}\nno_press = 1")


def details(result, name):
    (check,) = [one for one in result.checks if one.name == name]
    assert not check.good
    return list(check.details)


def test_a_unit_that_nobody_claimed_is_named_with_what_was_done_and_heard(live):
    result = live(WINDOW, NOBODY, more="[expect]\nunits_claimed = 4\n")
    lines = details(result, "units_claimed")
    assert [line.split(":")[0] for line in lines] == ["B-1", "B-2", "B-3", "B-4"]
    assert all("TIMED_OUT (no click within the window) at desk, " in line for line in lines)
    assert all(line.endswith("; nobody pressed; no click of it was heard") for line in lines)


def test_who_was_pressed_instead_is_named(live):
    result = live(WINDOW, (NAME, f"{NAME}\nwrong_button = 1"), more="[expect]\ntimed_out = 0\n")
    first, *_ = details(result, "timed_out")
    assert "; not pressed, but B-" in first


def test_a_press_that_nobody_heard_is_told_from_one_that_nobody_made(live):
    result = live(WINDOW, more="[gateway]\nloss = 1\n[expect]\nclaimed = 4\n")
    assert all(
        line.endswith("; pressed once; no click of it was heard")
        for line in details(result, "claimed")
    )


def test_clicks_are_named_by_what_became_of_them(live):
    phantoms = ("count = 4", 'count = 4\nmisbehaviours = ["phantom-second-press"]')
    result = live(phantoms, ("count = 4", "count = 12"), more="[expect]\nDELIVERED = 0\n")
    (first, *_) = details(result, "DELIVERED")
    assert first.startswith("B-01: at ")


def test_a_latency_that_is_too_long_names_the_slowest_first(live):
    result = live(more="[expect]\nclick_to_claimed_p50_ms = { at_most = 1 }\n")
    lines = details(result, "click_to_claimed_p50_ms")
    slowest = max(result.measured.click_ms)
    assert len(lines) == 4
    assert f": {slowest / 1000:.3f} s, claimed at desk at " in lines[0]


def test_a_fault_that_came_too_late_is_named(live):
    fault = "[[faults]]\nkind = 'connections-cut'\nat_s = {}\n"
    result = live(more=fault.format(9000) + fault.format(1))
    assert details(result, "faults before the end") == [
        "connections-cut at 9000 s: too late for this day"
    ]


@pytest.mark.parametrize("expected", ["refused = 1", "LATE = 1", "mistaken = 3"])
def test_of_what_did_not_happen_nobody_is_named(live, expected):
    result = live(more=f"[expect]\n{expected}\n")
    assert details(result, expected.split()[0]) == []


def test_each_report_tells_it_and_only_where_it_is_not_met(live, tmp_path, small, capsys):
    result = live(WINDOW, NOBODY, more="[expect]\nunits_claimed = 4\ntimed_out = 4\n")
    first, *_ = details(result, "units_claimed")
    (failure,) = ET.fromstring(junit_report(result)).iter("failure")
    assert first in failure.text
    checks = {one["name"]: one["details"] for one in json.loads(json_report(result))["checks"]}
    assert checks["units_claimed"][0] == first
    assert checks["timed_out"] == []
    assert f"<li>{first}</li>" in html_report(result)
    file = tmp_path / "small.toml"
    text = small.replace(*NOBODY).replace(*WINDOW)
    file.write_text(f"seed = 1\n{text}[expect]\nunits_claimed = 4\n")
    assert run_command(["sim", "run", str(file)]) == 1
    assert f"units_claimed: 0, expected exactly 4\n  {first}\n" in capsys.readouterr().out


def test_more_than_fit_on_a_screen_are_counted():
    claims = [
        ClaimSeen(device_id=f"B-{n}", station="s", opened_ms=n, ended_ms=n, outcome="TIMED_OUT")
        for n in range(2_000)
    ]
    lines = Story(claims).ended("TIMED_OUT")
    assert lines[-1] == "and 1,990 more"
    assert len(lines) == 11


def test_a_click_belongs_to_the_claim_before_it():
    def claim(opened_ms, outcome):
        return ClaimSeen(
            device_id="B", station="s", opened_ms=opened_ms, ended_ms=opened_ms + 10,
            outcome=outcome, pressed=("B", "B"),
        )  # fmt: skip

    clicks = [ClickSeen(at_ms, "B", "LATE") for at_ms in (15, *range(25, 31))]
    first, second = Story([claim(0, "TIMED_OUT"), claim(20, "TIMED_OUT")], clicks).unclaimed()
    assert first.endswith("0.000 s to 0.010 s; pressed 2 times; LATE at 0.015 s")
    assert second.endswith(
        "LATE at 0.025 s, LATE at 0.026 s, LATE at 0.027 s, LATE at 0.028 s, 2 more"
    )


def test_repeats_of_a_click_are_counted_and_may_be_expected(live):
    parrots = ("count = 4", 'count = 4\nmisbehaviours = ["repeats-for-ever"]')
    slow = ("pause_s = [1, 2]", "pause_s = 20")
    result = live(parrots, slow, more="[expect]\nrepeats = { at_least = 4 }\n")
    assert result.good
    assert f'"repeats": {result.measured.repeats}' in json_report(result)
    assert "<td>repeats</td>" in html_report(result)
    assert "repeats" not in html_report(live())
