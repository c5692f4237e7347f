"""What a scenario file may say, and the sentence for each thing that it may not."""

from __future__ import annotations

import random

import pytest

from firmware_sim.world.contacts import SWITCHES
from firmware_sim.world.finger import HANDS
from firmware_sim.world.misbehaviours import MISBEHAVIOURS
from firmware_sim.world.scenario import FAULTS, OUTCOMES, parse_scenario
from firmware_sim.world.tables import SEED_MAX, Bounds, ScenarioError, Spread, check_seed
from orchestrator.simulation.scenarios.run import SUPPLIED, supplied


def test_the_smallest_file_has_defaults_for_everything_else(small):
    scenario = parse_scenario(small, "small.toml")
    (arrivals,) = scenario.arrivals
    assert (arrivals.units, arrivals.slots, arrivals.tries) == (4, 1, 1)
    assert scenario.devices[0].ids == ["B-1", "B-2", "B-3", "B-4"]
    assert scenario.window_s == 120
    assert scenario.expect == {}


def test_ids_have_as_many_digits_as_the_last_one(small):
    (devices,) = parse_scenario(small.replace("count = 4", "count = 10"), "x").devices
    assert devices.ids[0] == "B-01"
    assert devices.ids[-1] == "B-10"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title", "titel", "small.toml: 'titel' is no key here; did you mean 'title'"),
        ("prefix", "prefixx", "[[devices]] number 1: 'prefixx' is no key here; did you mean"),
        ("time_to_press_s", "time_to_pres_s", "[[operators]] number 1: 'time_to_pres_s' is no"),
        ("pause_s", "pauses", "[[arrivals]] number 1: 'pauses' is no key here; did you mean"),
        ("[[arrivals]]", "[[arivals]]", "'arivals' is no key here; did you mean 'arrivals'"),
        ('switch = "clean"', 'switch = "claen"', "switch is 'claen'; did you mean 'clean'"),
        ('hand = "steady"', 'hand = "glove"', "hand is 'glove'; did you mean 'gloves'"),
        ("count = 4", "count = -4", "count is -4; it must be 1 to 100000"),
        ("count = 4", "count = 4.5", "count is 4.5; it must be a whole number"),
        ("count = 4", "count = true", "count is true; it must be a whole number"),
        ("count = 4", "count = 4\nbattery_clicks = -1", "battery_clicks is -1; it must be 0 to"),
        ("count = 4", "count = 4\nclicks_before = 1e3", "clicks_before is 1000.0; it must be a w"),
        ("count = 4", 'count = 1\nmisbehaviours = ["cross-fire"]', "needs a second button"),
        ("count = 4", "", "'count' is missing"),
        ("count = 4", 'count = 4\nmisbehaviours = ["cros-fire"]', "did you mean 'cross-fire'?"),
        ("count = 4", 'count = 4\nmisbehaviours = ["x"]', "has 'x'; there are: repeats-for-ever,"),
        ('switch = "clean"', 'switch = "worn"', "did you mean 'worn-omron-d2fc-f-7n'?"),
        ('switch = "clean"', 'switch = "GANS"', "mean 'ganssle-mean' or 'ganssle-worst'?"),
        ('devices = "B-"', 'devices = "C-"', "number 1: devices is 'C-'; there are: B-"),
        ('devices = "B-"', 'devices = ["B-", "D-"]', "devices has 'D-'; there are: B-"),
        ('devices = "B-"', "devices = [[]]", "devices has []; there are: B-"),
        ('devices = "B-"', 'devices = "B-"\nunits = 5', "units is 5, and there are 4 devices"),
        ('operator = "ann"', 'operator = "anna"', "operator is 'anna'; did you mean 'ann'"),
        ('operator = "ann"', 'operator = "ann"\naccount = "7"', "an account has twelve digits"),
        ('name = "ann"', 'name = "ann"\nno_press = 1.1', "no_press is 1.1; a probability is 0 to"),
        ('name = "ann"', 'name = "ann"\nno_press = nan', "no_press is nan; it must be a number"),
        ("= [1, 2]", "= [2, 1]", "is [2, 1]; the least comes first"),
        ("= [1, 2]", "= [-2, 1]", "is -2; it must be 0 to"),
        ("= [1, 2]", "= {p50 = 3, p95 = 1}", "p95 is 1, less than p50, 3"),
        ("= [1, 2]", "= {p50 = 3, p59 = 9}", "'p59' is no key here; did you mean 'p95'"),
        ('profile = "production"', 'claim_click = "TWICE"', "'TWICE'; there are: ANY, SINGLE,"),
        ('profile = "production"', "window_s = 9", "window_s is 9; it must be 10 to 900"),
        ('profile = "production"', "window_s = 901", "window_s is 901; it must be 10 to 900"),
        ('profile = "production"', "seed = -1", "seed is -1; it must be a whole number, 0 to"),
        ('profile = "production"', f"seed = {SEED_MAX + 1}", "it must be a whole number, 0 to"),
        ('title = "Small"', "title = ", "small.toml is not TOML"),
        ("[[operators]]", "[operators]", "operators must be written [[operators]], once for"),
        ("[1, 2]", "nan", "time_to_press_s is nan; write a number, [least, greatest] or {p50 ="),
        ("[1, 2]", "'soon'", "is 'soon'; write a number, [least, greatest] or {p50 ="),
        ("[1, 2]", "1" + "0" * 400, "it must be 0 to"),
        ('profile = "production"', "commit_s = nan", "commit_s is nan; write a number or [least"),
        ('profile = "production"', "network = 0", "[network] is 0; it must be a table"),
        ('profile = "production"', "expect = false", "[expect] is false; it must be a table"),
        ('profile = "production"', "faults = ''", "faults must be written [[faults]]"),
        ('profile = "production"', f"seed = {'9' * 5000}", "small.toml is not TOML"),
        ('profile = "production"', f"seed = 0x{'f' * 5000}", "seed is a number of 20000 bits; it"),
        ('profile = "production"', f"seed = {'9' * 400}", "seed is a number of 1329 bits; it"),
        ('profile = "production"', f"window_s = {'9' * 400}", "a number of 1329 bits; it must be"),
        ('profile = "production"', f"x = {'[' * 3000}", "small.toml is not TOML: it is nested too"),
        ('profile = "production"', r'about = "a\u001b[31m"', "it must be plain text"),
        ('title = "Small"', r'title = "a\nb"', "title is 'a\\nb'; it must be a text on one line"),
        ('devices = "B-"', 'devices = ["B-", "B-"]', "devices has 'B-' twice"),
        ('title = "Small"', "title = ''", "small.toml: title is empty"),
        ('operator = "ann"', 'operator = "ann"\naccount = 111122223333', "a text, in quotes"),
        ("count = 4", "count = 2026-11-24", "count is 2026-11-24; it must be a whole number"),
        ("count = 4", "count = 07:32:00", "count is 07:32:00; it must be a whole number"),
        ("count = 4", f"count = '{'x' * 500}'", f"count is '{'x' * 60}…'; it must be a whole"),
        ('hand = "steady"', f"hand = '{'x' * 500}'", f"hand is '{'x' * 60}…'; there are: meas"),
        ('profile = "production"', "commit_s = [0, 1]", "commit_s is 1; it must be 0 to 0.5"),
        ("count = 4", 'count = 4\nmisbehaviours = ["cross-fire", "cross-fire"]', "fire' twice"),
        ('operator = "ann"', 'operator = "ann"\naccount = "\u066111111111111"', "twelve digits"),
        ('[[operators]]\nname = "ann"', '[[operators]]\nname="ann"\n[[operators]]\nname = "ann"',
         "two [[operators]] have the name 'ann'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(small, old, new, says):
    assert old in small
    with pytest.raises(ScenarioError) as error:
        parse_scenario(small.replace(old, new), "small.toml")
    assert says in str(error.value)
    assert str(error.value).startswith("small.toml")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("[[faults]]\nkind = 'powercut'", "kind is 'powercut'; did you mean 'power-cut'"),
        ("[[faults]]\nkind = 'power-cut'\nfor_s = 1", "'at_s' is missing"),
        ("[[faults]]\nkind = 'power-cut'\nat_s = 1", "'for_s' is missing"),
        ("[[faults]]\nkind = 'power-cut'\nat_s = -1\nfor_s = 1", "at_s is -1; it must be 0 to"),
        ("[[faults]]\nkind = 'power-cut'\nat_s = 1\nfor_s = 1\nloss = 1", "'loss' is no key here"),
        ("[[faults]]\nkind = 'clock-jump'\nat_s = 1", "'by_s' is missing"),
        ("[[faults]]\nkind = 'clock-jump'\nat_s = 1\nby_s = 4000", "by_s is 4000; it must be"),
        ("[[faults]]\nkind = 'station-killed'\nat_s = 1\nstation = 'x'", "there are: desk"),
        ("[expect]\nclaimd = 1", "[expect]: 'claimd' is no key here; did you mean 'claimed'"),
        ("[expect]\nCLAIMED = 1", "'CLAIMED' is no key here; did you mean 'claimed'"),
        ("[expect]\nmatched = 1", "'matched' is no key here; did you mean 'MATCHED'"),
        ("[[faults]]\nkind = 'Power_Cut'", "kind is 'Power_Cut'; did you mean 'power-cut'"),
        ("[expect]\nclaimed = {at_leats = 1}", "'at_leats' is no key here; did you mean 'at_le"),
        ("[expect]\nclaimed = {}", "at_least or at_most is missing"),
        ("[expect]\nclaimed = {at_least = 3, at_most = 2}", "at_most is 2, less than at_least, 3"),
        ("[expect]\nclaimed = -1", "claimed is -1; it must be 0 to"),
        ("[gateway]\nloss = 2", "[gateway]: loss is 2; a probability is 0 to 1"),
        ("[network]\ntwize = 1", "[network]: 'twize' is no key here; did you mean 'twice'"),
        ("[network]\nlose_request = 1", "lose_request is 1, so nothing would ever be answered"),
        ("[network]\nlose_reply = 1.0", "lose_reply is 1, so nothing would ever be answered"),
        ("[broker]\nqos = 2", "[broker]: qos is 2; it must be 0 to 1"),
        ("[[devices]]\nprefix = 'B-'\ncount = 1", "two [[devices]] have the prefix 'B-'"),
        ("[[devices]]\nprefix = 'B'\ncount = 4\n", None),
        ("[[devices]]\nprefix = 'Ä-'\ncount = 1", "a device id is 1 to 32 of"),
        (f"[[devices]]\nprefix = '{'x' * 32}'\ncount = 1", "a device id is 1 to 32 of"),
    ],
)  # fmt: skip
def test_so_is_a_mistake_in_a_later_table(small, more, says):
    if says is None:
        assert len(parse_scenario(small + more, "small.toml").devices) == 2
        return
    with pytest.raises(ScenarioError) as error:
        parse_scenario(small + more, "small.toml")
    assert says in str(error.value)


@pytest.mark.parametrize("table", ["devices", "operators"])
def test_a_table_that_is_not_there_at_all_is_named_before_its_rows_are_looked_for(small, table):
    tables = small.split("\n[[")
    without = "\n[[".join(one for one in tables if not one.startswith(f"{table}]]"))
    with pytest.raises(ScenarioError, match=rf"there are no \[\[{table}\]\]"):
        parse_scenario(without, "small.toml")


def test_what_it_is_about_may_be_told_in_lines(small):
    told = small.replace('title = "Small"', 'title = "Small"\nabout = """one\ntwo"""')
    assert parse_scenario(told, "small.toml").about == "one\ntwo"


def test_without_devices_there_is_nothing_to_claim():
    with pytest.raises(ScenarioError, match="there are no"):
        parse_scenario('title = "Empty"', "empty.toml")


@pytest.mark.parametrize("seed", [0, SEED_MAX])
def test_the_first_and_the_last_seed_are_seeds(seed):
    assert check_seed(seed) == seed


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_can_be_written(small, kind):
    own = {"how": "'torn'", "loss": 0.5, "repeats": 1, "overtaken": 0.1, "station": "'desk'"}
    own |= {"by_s": -3, "forget": "true"}
    lines = [f"kind = '{kind}'", "at_s = 3"]
    lines += [f"{key} = {own[key]}" for key in FAULTS[kind]]
    if kind not in {"connections-cut", "station-killed", "clock-jump"}:
        lines.append("for_s = 2")
    (fault,) = parse_scenario(small + "[[faults]]\n" + "\n".join(lines), "small.toml").faults
    assert (fault.kind, fault.at_s) == (kind, 3)


def test_the_manual_names_whatever_a_file_may_name():
    manual = (SUPPLIED / "README.md").read_text("utf-8")
    names = {*MISBEHAVIOURS, *SWITCHES, *HANDS, *FAULTS, *OUTCOMES, *supplied()}
    assert sorted(name for name in names if f"`{name}`" not in manual) == []


def test_bounds_hold_at_their_ends():
    assert [Bounds(1, 2).hold(value) for value in (0, 1, 2, 3)] == [False, True, True, False]
    assert [str(one) for one in (Bounds(2, 2), Bounds(2), Bounds(0, 5), Bounds(1, 5))] == [
        "exactly 2", "at least 2", "≤ 5", "1 to 5",
    ]  # fmt: skip


def test_a_long_tailed_spread_has_its_quantiles():
    dice = random.Random(1)
    drawn = sorted(Spread(p50_s=4.0, p95_s=20.0).draw(dice) for _ in range(4000))
    assert drawn[2000] == pytest.approx(4.0, rel=0.1)
    assert drawn[3800] == pytest.approx(20.0, rel=0.15)
    assert drawn[0] > 0
