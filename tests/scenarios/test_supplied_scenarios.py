"""The supplied scenarios end as they say, the same each time, and mistakes in a file are named."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from firmware_sim.world.scenario import parse_scenario
from firmware_sim.world.tables import ScenarioError
from orchestrator.simulation.scenarios.run import load, run_scenario, supplied

QUICK = ["bench-afternoon", "flaky-gateway", "power-cut", "two-stations"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_five_are_supplied():
    assert sorted(supplied()) == sorted([*QUICK, "factory-shift"])


@pytest.mark.parametrize("name", QUICK)
def test_a_supplied_scenario_ends_as_it_says_and_the_same_each_time(name):
    first, again = run_scenario(name, load(name)), run_scenario(name, load(name))
    assert [check for check in first.checks if not check.good] == []
    assert first.measured.trace == again.measured.trace


def test_each_says_in_its_report_what_it_shows():
    assert all(load(name).about for name in supplied())


def test_another_seed_is_another_day():
    name = "two-stations"
    assert (
        run_scenario(name, load(name), 1).measured.trace
        != run_scenario(name, load(name), 2).measured.trace
    )


def test_an_expectation_can_fail():
    text = (
        supplied()["two-stations"].read_text().replace("units_claimed = 30", "units_claimed = 31")
    )
    assert "units_claimed = 31" in text
    result = run_scenario("changed", parse_scenario(text, "changed.toml"))
    assert [check.name for check in result.checks if not check.good] == ["units_claimed"]


def test_a_misspelt_key_is_named_with_the_nearest():
    text = supplied()["two-stations"].read_text().replace("units_claimed", "unit_claimed", 1)
    with pytest.raises(ScenarioError, match="units_claimed"):
        parse_scenario(text, "changed.toml")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["two-stations", "--report", "json"], 0),
        (["two-statoins"], 2),
        (["two-stations", "--seed", "-1"], 2),
    ],
)
def test_the_command_says_it_in_its_exit_code(arguments, code):
    main = "from orchestrator.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", main, "sim", "run", *arguments],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    if code == 0:
        assert json.loads(done.stdout)["good"] is True
    else:
        assert "two-stations" in done.stderr or "seed" in done.stderr
