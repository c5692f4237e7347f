"""`clickclaim sim plot` of a switch that is simulated: a bounce to look at without an analyser."""

from __future__ import annotations

import json

import pytest

from firmware_sim.world.contacts import SWITCHES
from firmware_sim.world.traces import read_trace
from orchestrator.cli.app import run_command


@pytest.fixture
def plot(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def sim_plot(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(["sim", "plot", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return sim_plot


def test_a_switch_is_pressed_by_name_and_its_click_is_told(plot, tmp_path):
    arguments = ("ganssle-worst", "press.svg", "--click", "DOUBLE", "--hand", "steady")
    code, out, err = plot(*arguments)
    assert (code, err) == (0, "")
    assert ", DOUBLE at " in out
    assert "longest bounce: " in out
    drawn = (tmp_path / "press.svg").read_text()
    assert ">ganssle-worst, simulated: DOUBLE, steady hand, seed 0<" in drawn
    plot(*arguments)
    assert (tmp_path / "press.svg").read_text() == drawn
    plot(*arguments, "--seed", 4)
    assert (tmp_path / "press.svg").read_text() != drawn


def test_a_simulated_bounce_is_written_and_read_back_alike(plot, tmp_path):
    assert plot("worn-omron-d2fc-f-7n", "one.vcd", "--seed", 3)[0] == 0
    assert plot("one.vcd", "two.vcd", "--signal", "contact")[0] == 0
    one, two = (read_trace(tmp_path / name, "contact") for name in ("one.vcd", "two.vcd"))
    assert one == two
    assert len(one) > 2


def test_a_file_goes_before_a_switch_of_its_name(plot, tmp_path):
    (tmp_path / "clean").write_text("")
    code, _, err = plot("clean", "press.svg")
    assert code == 1
    assert "clean is neither .csv nor .vcd" in err


def test_the_switches_are_listed_with_their_sources(plot):
    code, out, _ = plot("--list")
    assert code == 0
    assert all(f"\n{name} " in out for name in SWITCHES)
    listed = json.loads(plot("--list", "--json")[1])
    assert {one["name"]: one["closeBounceUs"] for one in listed}["ganssle-worst"] == 6200
    assert all(one["source"] for one in listed)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Which contact? Give a file or a switch."),
        (("clean",), 2, "clickclaim sim plot clean clean.svg"),
        (("clean", "x.gif"), 2, "x.gif is neither .svg, .png nor .vcd."),
        (("claen", "x.svg"), 1, "for the simulated switches: clickclaim sim plot --list"),
        (("clean", "x.svg", "--hand", "glove"), 2, "--hand is 'glove'; did you mean 'gloves'?"),
        (("clean", "x.svg", "--click", "TRIPLE"), 2, "there are: SINGLE, DOUBLE, LONG"),
        (("clean", "x.svg", "--seed", "-1"), 2, "--seed is -1; it must be a whole number, 0 to"),
        (("clean", "x.svg", "--signal", "a"), 2, "for a file; clean is a simulated switch."),
        (("clean", "x.svg", "--active-low"), 2, "for a file; clean is a simulated switch."),
        (("a.csv", "x.svg", "--seed", "1"), 2, "for a simulated switch, which a.csv is not."),
    ],
)
def test_what_cannot_be_drawn_is_told_with_the_next_step(plot, tmp_path, arguments, code, says):
    (tmp_path / "a.csv").write_text("Time [s],a\n0,0\n1,1\n")
    ended, out, err = plot(*arguments)
    assert (ended, out) == (code, "")
    assert says in err
    assert "Traceback" not in err
