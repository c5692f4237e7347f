"""What people, buttons and faults come to: each cause has the outcome that it has in life."""

from __future__ import annotations

import subprocess
import sys

import pytest

from firmware_sim.world.misbehaviours import MISBEHAVIOURS
from firmware_sim.world.scenario import FAULTS, parse_scenario
from orchestrator.simulation.scenarios.run import run_scenario

PRODUCTION = 'profile = "production"'
COUNT = "count = 4"
NAME = 'name = "ann"'


def outcomes(result):
    assert result.measured.violation == ""
    return dict(result.measured.outcomes)


def test_a_calm_day_claims_everything(live):
    result = live(more="[expect]\nclaimed = 4\nmistaken = 0\n")
    assert outcomes(result) == {"CLAIMED": 4}
    assert result.good
    assert len(result.measured.click_ms) == 4
    # A tact switch, a gap of 400 ms, the way to the service and back.
    assert all(400 < one < 1500 for one in result.measured.press_ms)


def test_what_is_expected_and_does_not_come_fails(live):
    result = live(more="[expect]\nclaimed = {at_most = 3}\n")
    assert [check.name for check in result.checks if not check.good] == ["claimed"]
    assert not result.good


def test_an_expected_latency_without_claims_fails(live):
    result = live((NAME, f"{NAME}\nno_press = 1"), more="[expect]\nclick_to_claimed_p95_ms = 1\n")
    assert [check.found for check in result.checks if not check.good] == ["no claim succeeded"]


def test_who_never_presses_lets_the_window_pass(live):
    result = live((NAME, f"{NAME}\nno_press = 1"), (PRODUCTION, "window_s = 10"))
    assert outcomes(result) == {"TIMED_OUT": 4}
    assert result.measured.virtual_s > 40


def test_progress_counts_units_however_often_each_is_tried(small):
    told = []
    text = small.replace(NAME, f"{NAME}\nno_press = 1").replace(PRODUCTION, "window_s = 10")
    scenario = parse_scenario(text.replace("pause_s", "tries = 3\npause_s"), "small.toml")
    result = run_scenario(
        "small.toml", scenario, 1, on_progress=lambda done, of: told.append((done, of)) or True
    )
    assert outcomes(result) == {"TIMED_OUT": 12}
    assert told[-1] == (4, 4)
    assert sorted(set(told)) == [(done, 4) for done in range(5)]


def test_a_day_that_does_not_end_says_how_far_it_came(live):
    result = live(("pause_s = [1, 2]", "pause_s = 80000"))
    assert result.measured.violation == (
        "UnfinishedError: only 2 of 4 units are through after 48 hours; shorten the waits, take"
        " more slots or fewer units, or let more through the network"
    )


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_slowest_commit_that_may_be_breaks_no_invariant(live, seed):
    result = live(
        (PRODUCTION, "window_s = 10\ncommit_s = 0.5"), (NAME, f"{NAME}\nno_press = 0.5"), seed=seed
    )
    assert sum(outcomes(result).values()) == 4


@pytest.mark.parametrize("seed", range(6))
def test_a_button_that_talks_without_pause_does_not_keep_its_claim_open(live, seed):
    talks = 'key = false\nmisbehaviours = ["counter-on-every-beacon", "repeats-for-ever"]'
    result = live(
        (PRODUCTION, f"{PRODUCTION}\nwindow_s = 10\ncommit_s = 0.5"),
        (COUNT, f"count = 8\n{talks}"),
        (NAME, f"{NAME}\npresses_again_s = 3"),
        ('station = "desk"', 'station = "desk"\nslots = 2\ntries = 3'),
        seed=seed,
    )
    assert outcomes(result) == {"TIMED_OUT": 24}


@pytest.mark.parametrize("seed", range(3))
def test_the_slowest_broker_still_brings_every_press_before_the_end(live, seed):
    result = live(
        (PRODUCTION, "window_s = 10"),
        ('station = "desk"', 'station = "desk"\nstarts_at_s = 400'),
        more="[broker]\ndelay_s = 60\n",
        seed=seed,
    )
    assert outcomes(result) == {"TIMED_OUT": 4}


def test_what_a_killed_station_would_have_been_told_breaks_nothing(live):
    faults = (
        "[[faults]]\nkind = 'service-restart'\nat_s = 0\nfor_s = 60\n"
        "[[faults]]\nkind = 'station-killed'\nstation = 'desk'\nat_s = 5\n"
    )
    result = live(
        (PRODUCTION, "commit_s = [0, 0.5]"),
        (COUNT, "count = 17"),
        ("pause_s = [1, 2]", "pause_s = 0"),
        more="[network]\ndelay_s = 0\nlose_request = 0.3\nlose_reply = 0.9\n" + faults,
    )
    assert sum(outcomes(result).values()) == 17


@pytest.mark.parametrize("seed", range(4))
def test_a_station_hands_on_what_it_hears_in_order_and_one_at_a_time(live, seed):
    """A copy of a press that comes after a dozen others is not known again without a key."""
    odd = 'key = false\nlink = "serial"\nmisbehaviours = ["counter-on-every-beacon"]'
    result = live(
        (PRODUCTION, 'profile = "demo"'),
        (COUNT, f"{COUNT}\n{odd}"),
        (NAME, f"{NAME}\npresses_again_s = 1\npresses = 6"),
        more="[network]\nlose_request = 0.3\nlose_reply = 0.9\n",
        seed=seed,
    )
    assert sum(outcomes(result).values()) == 4


def test_a_station_without_patience_gives_up(live):
    result = live(
        (NAME, f"{NAME}\nno_press = 1"), ('operator = "ann"', 'operator = "ann"\ngives_up_s = 5')
    )
    assert outcomes(result) == {"TIMED_OUT": 4}
    assert result.measured.virtual_s < 120


def test_the_wrong_button_claims_nothing(live):
    result = live((NAME, f"{NAME}\nwrong_button = 1"), (PRODUCTION, "window_s = 10"))
    assert "CLAIMED" not in outcomes(result)
    assert result.measured.dispositions["NO_CLAIM"] >= 1


def test_the_wrong_button_may_be_the_one_in_the_next_slot(live):
    result = live(
        (NAME, f"{NAME}\nwrong_button = 1"),
        ('station = "desk"', 'station = "desk"\nslots = 4'),
    )
    assert result.measured.violation == ""
    assert 1 <= result.measured.mistaken == result.measured.outcomes["CLAIMED"]


@pytest.mark.parametrize(("profile", "outcome"), [("production", "TIMED_OUT"), ("dev", "CLAIMED")])
def test_a_button_without_a_key_is_believed_in_dev_only(live, profile, outcome):
    result = live((COUNT, f"{COUNT}\nkey = false"), (PRODUCTION, f'profile = "{profile}"'))
    assert outcomes(result) == {outcome: 4}
    weak = result.measured.dispositions.get("EVIDENCE_TOO_WEAK", 0)
    assert (weak > 0) == (profile == "production")


def test_a_station_believes_the_cable_that_it_hears(live):
    result = live((COUNT, f'{COUNT}\nkey = false\nlink = "serial"'))
    assert outcomes(result) == {"CLAIMED": 4}


def test_one_lost_press_is_pressed_again(live):
    impatient = f"{NAME}\npresses_again_s = 3\npresses = 20"
    result = live((NAME, impatient), more="[gateway]\nloss = 0.7\n")
    assert outcomes(result) == {"CLAIMED": 4}


def test_a_worn_switch_loses_a_press_that_a_clean_one_does_not(live):
    many, gloved = (COUNT, "count = 40"), ('hand = "steady"', 'hand = "gloves"')
    worn = live(many, gloved, ('switch = "clean"', 'switch = "worn-omron-d2fc-f-7n"'))
    assert outcomes(live(many, gloved)) == {"CLAIMED": 40}
    assert 30 < outcomes(worn)["CLAIMED"] < 40


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_no_misbehaviour_breaks_an_invariant(live, name):
    result = live(
        (COUNT, f'count = 12\nmisbehaviours = ["{name}"]'),
        (NAME, f"{NAME}\npresses_again_s = 6"),
        ('station = "desk"', 'station = "desk"\nslots = 3\ntries = 2'),
    )
    assert result.measured.violation == ""
    assert result.measured.units_claimed == 12
    # Frames are all that a service has: it cannot tell a neighbour's press from a phantom.
    assert result.measured.mistaken == 0 or name in {"cross-fire", "phantom-second-press"}


def test_a_cross_fire_next_to_an_open_claim_claims_by_mistake(live):
    result = live(
        (COUNT, 'count = 12\nmisbehaviours = ["cross-fire"]'),
        ('station = "desk"', 'station = "desk"\nslots = 12'),
    )
    assert outcomes(result) == {"CLAIMED": 12}
    assert result.measured.mistaken > 0


@pytest.mark.parametrize("kind", FAULTS)
def test_no_fault_breaks_an_invariant(live, kind):
    own = {"how": "'torn'", "loss": 0.9, "repeats": 2, "overtaken": 0.5, "station": "'desk'"}
    own |= {"by_s": 5, "forget": "true"}
    lines = [f"kind = '{kind}'", "at_s = 4.5", *(f"{key} = {own[key]}" for key in FAULTS[kind])]
    if kind not in {"connections-cut", "station-killed", "clock-jump"}:
        lines.append("for_s = 7")
    result = live(
        (COUNT, "count = 12"),
        (NAME, f"{NAME}\npresses_again_s = 6\npresses = 10"),
        ('station = "desk"', 'station = "desk"\nslots = 3\ntries = 5'),
        more="[[faults]]\n" + "\n".join(lines) + "\n[expect]\nunits_claimed = 12\n",
    )
    assert [check for check in result.checks if not check.good] == []
    assert result.measured.faults[kind] == 1
    of_the_files = kind in {"power-cut", "disk-full", "service-restart"}
    assert result.measured.store == ("SQLite" if of_the_files else "model")


def test_a_fault_that_comes_too_late_is_a_failure(live):
    result = live(more="[[faults]]\nkind = 'connections-cut'\nat_s = 80000\n")
    assert [check.name for check in result.checks if not check.good] == ["faults before the end"]


def test_two_owners_never_share_a_button(live):
    west = 'station = "west"\naccount = "444455556666"\ndevices = "B-"\noperator = "ann"\ntries = 3'
    result = live((COUNT, "count = 12"), more=f"[[arrivals]]\n{west}\n")
    assert outcomes(result)["CLAIMED"] == 12
    assert outcomes(result)["REFUSED"] >= 12


def test_the_same_seed_is_the_same_world_in_another_process(live, tmp_path, small):
    file = tmp_path / "small.toml"
    file.write_text(small)
    code = (
        "import sys; from orchestrator.simulation.scenarios.run import *;"
        "print(run_scenario('x', load(sys.argv[1]), 9).measured.trace)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "12345"}, timeout=50,
    )  # fmt: skip
    assert done.stdout.strip() == live(seed=9).measured.trace
    assert done.stdout.strip() != live(seed=10).measured.trace


USED = ("count = 4", "count = 4\nclicks_before = 40")


@pytest.mark.parametrize("seed", range(3))
def test_a_button_that_was_used_before_goes_on_counting(live, seed):
    assert outcomes(live(USED, seed=seed)) == {"CLAIMED": 4}


@pytest.mark.parametrize("profile", ["production", "dev"])
def test_a_used_button_that_begins_to_count_anew_is_a_replay(live, profile):
    anew = ("clicks_before = 40", 'clicks_before = 40\nmisbehaviours = ["restart-at-zero"]')
    result = live(USED, anew, (PRODUCTION, f'profile = "{profile}"\nwindow_s = 10'))
    assert outcomes(result) == {"TIMED_OUT": 4}
    assert result.measured.dispositions == {"REPLAYED": 4}


def test_nobody_can_tell_a_replay_from_a_button_without_a_key(live):
    anew = (
        "clicks_before = 40",
        'clicks_before = 40\nmisbehaviours = ["restart-at-zero"]\nkey = false',
    )
    assert outcomes(live(USED, anew, (PRODUCTION, 'profile = "dev"'))) == {"CLAIMED": 4}


@pytest.mark.parametrize("link", ["mqtt", "serial"])
@pytest.mark.parametrize(("clicks", "outcome"), [(40, "TIMED_OUT"), (41, "CLAIMED")])
def test_an_empty_cell_says_nothing(live, link, clicks, outcome):
    cell = ("clicks_before = 40", f'clicks_before = 40\nbattery_clicks = {clicks}\nlink = "{link}"')
    result = live(USED, cell, (PRODUCTION, "window_s = 10"))
    assert outcomes(result) == {outcome: 4}


def test_who_repeats_for_ever_empties_the_cell(live):
    parrots = (COUNT, f'{COUNT}\nbattery_clicks = 3\nmisbehaviours = ["repeats-for-ever"]')
    result = live(parrots, ("pause_s = [1, 2]", "pause_s = 60"))
    assert outcomes(result) == {"CLAIMED": 4}
    # The last one may still have something to say when the day ends.
    assert 3 * 2 <= result.measured.repeats <= 4 * 2


def test_who_joins_in_a_cross_fire_does_so_on_a_link_of_its_own(live):
    neighbour = "[[devices]]\nprefix = 'C-'\ncount = 1\nlink = 'serial'\n"
    fires = (COUNT, 'count = 1\nmisbehaviours = ["cross-fire"]')
    result = live(fires, more=neighbour)
    assert outcomes(result) == {"CLAIMED": 1}
    assert result.measured.dispositions == {"MATCHED": 1, "NO_CLAIM": 1}


def test_a_number_used_again_is_a_new_press_where_the_first_was_never_heard(live):
    result = live(
        (PRODUCTION, "window_s = 10"),
        (COUNT, 'count = 1\nmisbehaviours = ["restart-at-zero"]'),
        ("pause_s", "tries = 9\npause_s"),
        more="[broker]\nqos = 0\n[[faults]]\nkind = 'service-cut-off'\nat_s = 0\nfor_s = 45\n",
    )
    assert outcomes(result) == {"CLAIMED": 1, "TIMED_OUT": 4}


def test_a_service_that_cannot_keep_up_has_lost_nothing(live):
    result = live(
        (PRODUCTION, "commit_s = 0.5\nwindow_s = 10"),
        (COUNT, 'count = 1\nkey = false\nmisbehaviours = ["counter-on-every-beacon"]'),
        (NAME, f"{NAME}\npresses_again_s = 0.7\npresses = 100"),
        more="[gateway]\nrepeats = 100\n",
    )
    assert "clicks still wait at the broker long after the last unit" in result.measured.violation


def test_what_a_broker_forgot_is_due_no_more(live):
    result = live(
        (PRODUCTION, "window_s = 10"),
        (COUNT, 'count = 1\nmisbehaviours = ["restart-at-zero"]'),
        ("pause_s", "tries = 9\npause_s"),
        more="[[faults]]\nkind = 'service-restart'\nat_s = 3\nfor_s = 45\n"
        "[[faults]]\nkind = 'broker-restart'\nat_s = 20\nfor_s = 1\nforget = true\n",
        seed=5,
    )
    assert outcomes(result) == {"CLAIMED": 1, "TIMED_OUT": 1}


def test_a_double_click_that_falls_apart_is_the_wrong_kind(live):
    result = live(
        (PRODUCTION, f'{PRODUCTION}\nclaim_click = "DOUBLE"'),
        (COUNT, "count = 40"),
        ('hand = "steady"', 'hand = "slow"\nclick = "DOUBLE"\npresses_again_s = 4\npresses = 20'),
    )
    assert outcomes(result) == {"CLAIMED": 40}
    assert result.measured.dispositions["WRONG_CLICK_TYPE"] >= 1


def test_a_click_of_another_kind_than_the_claim_needs_claims_nothing(live):
    result = live((PRODUCTION, f'{PRODUCTION}\nclaim_click = "LONG"\nwindow_s = 10'))
    assert outcomes(result) == {"TIMED_OUT": 4}
    assert result.measured.dispositions == {"WRONG_CLICK_TYPE": 4}
