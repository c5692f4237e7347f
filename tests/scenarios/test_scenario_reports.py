"""One result in the words of a terminal, of CI, of a program and of a page."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import sys
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from orchestrator.cli.app import run_command
from orchestrator.cli.sim_progress import Progress
from orchestrator.simulation.reports.document import document, json_report
from orchestrator.simulation.reports.histogram import Bar, histogram, text_lines
from orchestrator.simulation.reports.junit import junit_report
from orchestrator.simulation.reports.page import html_report, ticks
from orchestrator.simulation.scenarios import run
from orchestrator.simulation.scenarios.results import judge, quantile

FAILS = "\n[expect]\nclaimed = 4\ntimed_out = { at_least = 1 }\n"


def test_junit_has_a_case_for_each_expectation(live):
    root = ET.fromstring(junit_report(live(more=FAILS)))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    cases = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert [name for name, failure in cases.items() if failure is not None] == [
        "timed_out: at least 1"
    ]
    assert "clickclaim sim run small.toml --seed 1" in cases["timed_out: at least 1"].text


# What Jenkins' xUnit plugin lets stand in a report (its junit-10.xsd); others take more.
JENKINS = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "time", "tests", "failures", "errors", "skipped", "timestamp"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "time", "classname"},
    "failure": {"type", "message"},
}


def test_junit_says_nothing_that_jenkins_refuses(live):
    for element in ET.fromstring(junit_report(live(more=FAILS))).iter():
        assert set(element.keys()) <= JENKINS[element.tag]


def test_junit_tells_a_time_that_nothing_took_in_a_sentence(live):
    result = live(
        ('name = "ann"', 'name = "ann"\nno_press = 1'),
        more="[expect]\nclick_to_claimed_p50_ms = { at_most = 3 }\n",
    )
    (failure,) = ET.fromstring(junit_report(result)).iter("failure")
    assert failure.get("message") == ("click_to_claimed_p50_ms: no claim succeeded; expected: ≤ 3")


def test_junit_takes_what_xml_cannot_say(live):
    lived = live()
    result = replace(lived, scenario=replace(lived.scenario, title='a <b> & \1 "c"'))
    assert ET.fromstring(junit_report(result))[0].get("name") == 'a <b> & ? "c"'


@pytest.fixture
def broken(live):
    """The small scenario as it would be told had the world stopped at a violation."""
    lived = live(more="\n[expect]\nclaimed = 5\n")
    violation = "invariant 3: a press was lost"
    measured = replace(lived.measured, violation=violation, last=("17 VIOLATION",))
    return replace(lived, measured=measured, checks=judge(lived.scenario, measured))


def test_a_violation_is_told_in_its_own_words_and_what_follows_from_it(broken):
    first, second = ET.fromstring(junit_report(broken)).iter("failure")
    assert first.get("message") == "invariant 3: a press was lost"
    assert first.text.endswith("17 VIOLATION")
    assert second.get("message").endswith("but the world stopped at the violation")
    assert "The world stopped at the violation" in html_report(broken)


def test_json_says_everything(live):
    result = live(more=FAILS)
    found = json.loads(json_report(result))
    assert found == json.loads(json.dumps(document(result)))
    assert found["good"] is False
    assert found["outcomes"] == {"CLAIMED": 4}
    assert sum(bar["count"] for bar in found["clickToClaimed"]) == 4
    assert set(found["latenciesMs"]["click to claimed"]) == {"p50", "p95", "p99"}


class Page(HTMLParser):
    """Which elements are there, whether they are closed, and what they load."""

    VOID = frozenset({"meta", "br", "line", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.loads += [value for name, value in attrs if name in {"src", "href", "srcset"}]
        if tag not in self.VOID or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(live):
    text = html_report(live(('title = "Small"', 'title = "<script>x</script>"'), more=FAILS))
    page = Page(text)
    assert page.open == []
    assert page.loads == []
    assert "script" not in page.count
    assert page.count["svg"] == 1
    assert page.count["rect"] >= 1
    assert "not as expected" in text


def test_a_page_without_a_single_claim_says_so(live):
    text = html_report(live(('name = "ann"', 'name = "ann"\nno_press = 1')))
    assert "No claim succeeded." in text
    assert Page(text).open == []


@pytest.mark.parametrize(
    ("bars", "labels"),
    [
        ([Bar(113, 114, 1)], ["113 ms", "114 ms"]),
        ([Bar(0, 10, 1), Bar(10, None, 1)], ["0 ms", "≥ 10 ms"]),
        ([Bar(at, at + 1, 1) for at in range(9)], [f"{at} ms" for at in range(10)]),
        (
            [*(Bar(at, at + 1, 1) for at in range(14)), Bar(14, None, 1)],
            [*(f"{at} ms" for at in range(0, 14, 2)), "≥ 14 ms"],
        ),
        (
            [Bar(at, at + 1, 1) for at in range(15)],
            [*(f"{at} ms" for at in range(0, 14, 2)), "15 ms"],
        ),
    ],
)
def test_a_chart_says_at_every_step_and_at_its_end_what_time_it_is(bars, labels):
    assert [text for _, text, _ in ticks(bars)] == labels


@pytest.mark.parametrize("values", [[7], [5, 5, 5], list(range(1000)), [1] * 99 + [10**7]])
def test_a_histogram_counts_everything_once(values):
    bars = histogram(values)
    assert sum(bar.count for bar in bars) == len(values)
    assert len(bars) <= 17
    assert all(one.high_ms == other.low_ms for one, other in itertools.pairwise(bars))


def test_a_histogram_of_nothing_has_no_bars():
    assert histogram([]) == []
    assert text_lines([]) == []


def test_what_is_there_at_all_is_seen():
    lines = text_lines([Bar(0, 10, 100_000), Bar(10, 20, 1), Bar(20, None, 0)])
    assert lines[1].endswith("▏")
    assert lines[2].rstrip().endswith("0")


def test_quantiles_are_values_that_were_there():
    assert [quantile([3, 1, 2, 10], share) for share in (50, 95, 99)] == [2, 10, 10]
    assert quantile([4], 50) == 4


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def cli(capsys):
    def sim_run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(["sim", "run", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return sim_run


@pytest.fixture
def file(small, tmp_path):
    path = tmp_path / "day.toml"
    path.write_text(small + "[expect]\nclaimed = 4\n")
    return path


def test_the_command_ends_with_its_verdict(cli, file):
    code, out, err = cli(file, "--seed", 3)
    assert code == 0
    assert out.rstrip().endswith("as expected")
    assert f"again: clickclaim sim run {file} --seed 3" in out
    assert "CLAIMED" in out
    assert "click to claimed" in out
    assert "█" in out
    assert err == "", "what takes a moment needs no progress in a log"
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    assert "\n\nDISPOSITION" in out, "tables have air between them"


def test_what_does_not_come_ends_with_1(cli, file):
    file.write_text(file.read_text().replace("claimed = 4", "claimed = 5"))
    code, out, _ = cli(file)
    assert code == 1
    assert "NOT as expected: 1 of 2 failed" in out


@pytest.mark.parametrize("kind", ["junit", "json", "html"])
def test_a_report_goes_to_stdout_alone_or_to_a_file_beside_the_summary(cli, file, tmp_path, kind):
    code, text, _ = cli(file, "--report", kind)
    assert code == 0
    assert text.lstrip().startswith({"junit": "<?xml", "json": "{", "html": "<!doctype"}[kind])
    out = tmp_path / "report"
    code, said, _ = cli(file, "--report", kind, "--out", out)
    assert code == 0
    assert said.rstrip().endswith("as expected")
    assert out.read_text().split()[0] == text.split()[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Which scenario?"),
        ([""], "Which scenario?"),
        (["no-such"], "no-such: no such file, nor a supplied scenario"),
        (["power_cut"], "did you mean 'power-cut'"),
        (["two-stations", "--seed", "-1"], "--seed is -1; it must be a whole number, 0 to"),
        (["two-stations", "--seed", 2**63], f"--seed is {2**63}"),
        (["."], ". is a folder; name a scenario's file in it"),
        (["two-stations", "--seed", "x"], "--seed"),
        (["two-stations", "--report", "pdf"], "--report"),
        (["two-stations", "--out", "x.html"], "say which"),
    ],
)
def test_a_mistake_ends_with_2_and_a_sentence(cli, arguments, says):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_mistake_in_a_file_names_the_file(cli, file):
    file.write_text(file.read_text().replace("count", "cuont"))
    code, _, err = cli(file)
    assert code == 2
    assert "day.toml, [[devices]] number 1: 'cuont' is no key here; did you mean 'count'?\n" in err


def test_a_report_that_cannot_be_written_says_so(cli, file, tmp_path):
    code, _, err = cli(file, "--report", "json", "--out", tmp_path / "no" / "such" / "folder")
    assert code == 4
    assert "cannot be written: there is no folder" in err
    code, out, err = cli(file, "--report", "json", "--out", tmp_path)
    assert (code, out) == (4, ""), "told before anything is run"
    assert "is a folder" in err


def test_a_file_from_any_editor_is_read_and_what_is_no_text_is_said(cli, file):
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert cli(file)[0] == 0
    file.write_bytes(b'title = "\xe4"')
    code, _, err = cli(file)
    assert code == 2
    assert "day.toml is not UTF-8 text, as TOML has to be: see its byte 9" in err


def test_a_file_without_an_end_is_not_read_to_it(cli, tmp_path):
    code, _, err = cli("/dev/zero")
    assert code == 2
    assert "/dev/zero is larger than 1 MiB, which no scenario is." in err


def test_the_line_that_runs_it_again_can_be_typed(cli, file):
    spaced = file.rename(file.with_name("my day.v2.toml"))
    _, out, _ = cli(spaced, "--report", "junit")
    assert 'classname="clickclaim.scenario.my day-v2"' in out
    assert f"again: clickclaim sim run '{spaced}' --seed 0" in cli(spaced)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_cancels_gets_130_and_nothing_is_left_behind(cli, file, monkeypatch, tmp_path, number):
    before = signal.getsignal(number)
    monkeypatch.setattr(run, "_MEMORY", tmp_path / "worlds")
    (tmp_path / "worlds").mkdir()
    tell = Progress.tell

    def pressed_at_the_second_unit(self, what, done, of):
        tell(self, what, done, of)
        if done == 2:
            signal.raise_signal(number)

    monkeypatch.setattr(Progress, "tell", pressed_at_the_second_unit)
    code, out, err = cli(file)
    assert (code, out) == (130, "")
    assert err == "cancelled at units, 2 of 4: there is no verdict\n"
    assert list((tmp_path / "worlds").iterdir()) == []
    assert signal.getsignal(number) is before


def test_the_list_names_what_is_supplied(cli):
    code, out, _ = cli("--list")
    assert code == 0
    assert "factory-shift" in out
    code, out, _ = cli("--list", "--json")
    assert {one["name"]: one["units"] for one in json.loads(out)}["factory-shift"] == 10_000


def test_a_supplied_one_can_be_shown_and_begins_ones_own(cli, tmp_path):
    code, text, err = cli("two-stations", "--show")
    assert (code, err) == (0, "")
    own = tmp_path / "own.toml"
    own.write_text(text)
    assert own.read_bytes() == run.supplied()["two-stations"].read_bytes()
    assert cli(own)[0] == 0
    assert cli("two-statoins", "--show")[0] == 2
    assert "--show > my-day.toml" in cli("--list")[1]


def test_a_report_does_not_take_the_scenarios_place(cli, file):
    before = file.read_text()
    code, out, err = cli(file, "--report", "json", "--out", file)
    assert (code, out) == (2, "")
    assert f"{file} is the scenario; its report would take its place." in err
    assert file.read_text() == before


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_output_that_lacks_a_character_shows_another(file, monkeypatch, encoding):
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding=encoding))
    assert run_command(["sim", "run", str(file)]) == 0
    assert b"as expected" in shown.getvalue()
    assert b"  1  ?" in shown.getvalue()


def test_a_report_is_utf_8_whatever_the_output_is_and_the_file_is_called(
    file, tmp_path, monkeypatch
):
    odd = file.rename(tmp_path / os.fsdecode(b"caf\xe9.toml"))
    odd.write_text(odd.read_text().replace('title = "Small"', 'title = "Café"'))
    for kind in ("junit", "json", "html"):
        shown = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="latin-1"))
        assert run_command(["sim", "run", str(odd), "--report", kind]) == 0
        assert "Café" in shown.getvalue().decode()
        out = tmp_path / kind
        assert run_command(["sim", "run", str(odd), "--report", kind, "--out", str(out)]) == 0
        assert "Café" in out.read_text("utf-8")
