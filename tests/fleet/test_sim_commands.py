"""`clickclaim sim`: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys

import aiomqtt
import pytest

from firmware_sim.world.fleet import FleetPlan
from firmware_sim.world.traces import read_trace
from firmware_sim.world.vcd import write_vcd
from tests.brokers import free_port

pytestmark = pytest.mark.slow  # each test starts services and hundreds of buttons


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli import main; main()", "sim", *arguments],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


@pytest.fixture
def trace(tmp_path):
    """A double click with a bounce, and a signal that is something else."""
    button = [(0, 1), (300, 0), (900, 1), (90_000, 0), (210_000, 1), (290_000, 0)]
    path = tmp_path / "press.vcd"
    path.write_text(write_vcd({"button": button, "led": [(5, 1)]}))
    return path


def test_a_trace_becomes_a_picture_and_its_click_is_told(trace, tmp_path):
    ran = run("plot", str(trace), str(tmp_path / "out.svg"), "--signal", "button")
    assert ran.returncode == 0, ran.stderr
    assert "DOUBLE" in ran.stdout
    assert (tmp_path / "out.svg").read_text().startswith("<svg")
    assert len(read_trace(trace, "button")) == 6


def test_a_trace_without_the_signal_names_those_it_has(trace, tmp_path):
    ran = run("plot", str(trace), str(tmp_path / "out.svg"), "--signal", "knob")
    assert ran.returncode == 1
    assert "has no signal 'knob'" in ran.stderr
    assert "clickclaim.button, clickclaim.led" in ran.stderr


def test_a_picture_of_another_kind_is_refused(trace):
    ran = run("plot", str(trace), "out.gif")
    assert ran.returncode == 2
    assert "out.gif is neither .svg, .png nor .vcd" in ran.stderr


def test_a_capture_is_never_written_over(trace, tmp_path):
    before = trace.read_bytes()
    (tmp_path / "folder").mkdir()
    for same in (trace, tmp_path / "folder" / ".." / trace.name):
        ran = run("plot", str(trace), str(same), "--signal", "button")
        assert ran.returncode == 2
        assert "is the trace; the picture would take its place." in ran.stderr
        assert f"press-settled{trace.suffix}" in ran.stderr
    assert trace.read_bytes() == before


def test_a_stretch_of_time_is_for_pictures(trace, tmp_path):
    out = tmp_path / "part.vcd"
    ran = run("plot", str(trace), str(out), "--signal", "button", "--from", "0.1")
    assert ran.returncode == 2
    assert "--from and --to are for a picture; a .vcd has the whole trace." in ran.stderr
    assert not out.exists()


def test_a_file_may_have_a_name_that_is_no_text(trace, tmp_path):
    odd = trace.rename(tmp_path / os.fsdecode(b"caf\xe9.vcd"))
    out = tmp_path / "out.svg"
    ran = run("plot", str(odd), str(out), "--signal", "button")
    assert ran.returncode == 0, ran.stderr
    assert out.read_text().startswith("<svg")


def test_a_png_without_pillow_says_what_to_install(trace, tmp_path, monkeypatch):
    (tmp_path / "PIL.py").write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ran = run("plot", str(trace), str(tmp_path / "out.png"), "--signal", "button")
    assert ran.returncode == 4
    assert "pip install 'clickclaim[plot]'" in ran.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_picture_may_be_png(trace, tmp_path):
    ran = run("plot", str(trace), str(tmp_path / "out.PNG"), "--signal", "button", "--json")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out.PNG").read_bytes().startswith(b"\x89PNG")
    told = json.loads(ran.stdout)
    assert told["clicks"][0]["clickType"] == "DOUBLE"
    assert told["longestBounce"] == {"us": 900, "changes": 3}


def test_the_trace_and_its_settled_level_become_a_vcd(trace, tmp_path):
    out = tmp_path / "out.vcd"
    assert run("plot", str(trace), str(out), "--signal", "button").returncode == 0
    assert read_trace(out, "contact") == read_trace(trace, "button")
    assert len(read_trace(out, "settled")) == 4


def test_many_clicks_are_counted_and_not_listed(tmp_path):
    presses = [at + 900_000 * n for n in range(20) for at in (0, 80_000)]
    path = tmp_path / "many.vcd"
    path.write_text(write_vcd({"b": [(at, n % 2 ^ 1) for n, at in enumerate(presses)]}))
    ran = run("plot", str(path), str(tmp_path / "out.svg"))
    assert "40 changes of the contact, 40 edges, 20 SINGLE\n" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 1, "--signal NAME"),
        (("--signal", "button", "--from", "2", "--to", "1"), 2, "Nothing lies between --from 2"),
        (("--signal", "button", "--from", "nan"), 2, "--from"),
        (("--signal", "button", "--from", "90"), 2, "Nothing happens in"),
        (("--signal", "button", "--from", "90"), 2, "to draw from --from 90 on"),
        (("--signal", "led", "--from", "0", "--to", "0.5"), 0, ""),
        (("--signal", "button"), 0, "closed at the very beginning; if nobody held it, try with"),
    ],
)
def test_what_somebody_at_a_bench_may_have_mistaken_is_said(trace, tmp_path, arguments, code, says):
    ran = run("plot", str(trace), str(tmp_path / "out.svg"), *arguments)
    assert ran.returncode == code
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_signal_that_never_closes_is_drawn_with_a_question(trace, tmp_path):
    still = tmp_path / "still.csv"
    still.write_text("Time [s],a\n0,0\n1,0\n")
    ran = run("plot", str(still), str(tmp_path / "out.svg"))
    assert ran.returncode == 0
    assert "the contact never closes" in ran.stderr


def test_a_long_press_that_the_capture_cuts_off_is_told_with_its_condition(tmp_path):
    cut = tmp_path / "cut.csv"
    cut.write_text("Time [s],a\n0,0\n0.2,1\n0.3,1\n")
    ran = run("plot", str(cut), str(tmp_path / "out.svg"))
    assert ran.returncode == 0
    assert "LONG at 1715 ms is so only if the capture goes on until then" in ran.stderr
    cut.write_text("Time [s],a\n0,0\n0.2,1\n3,0\n")
    assert run("plot", str(cut), str(tmp_path / "out.svg")).stderr == ""


def test_an_address_that_is_none_is_a_usage_error():
    for url in ("127.0.0.1", "http://127.0.0.1/", "mqtt://127.0.0.1:99999/", "embedded"):
        ran = run("fleet", "--mqtt", url)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "write it as mqtt://" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--claim",), "Nobody to claim from"),
        (("--service", "http://127.0.0.1:1"), "--service needs --claim"),
        (("--rate", "fast"), "no number of clicks a second"),
        (("--rate", "0"), "--rate is 0; it must be more than 0, and 1,000,000 at most"),
        (("--rate", "nan"), "--rate is nan; it must be"),
        (("--rate", "0.1", "--duration", "5"), "--rate 0.1 for --duration 5 is not one click"),
        (("--rate", "1e300"), "--rate is 1e300; it must be"),
        (("--duration", "nan"), "--duration is nan"),
        (("--duration", "inf"), "--duration"),
        (("--rate", "max", "--claim", "--data", "x"), "a number of claims a second"),
        (("--prefix", "no spaces"), "device id"),
    ],
)
def test_arguments_that_make_no_sense_are_usage_errors(arguments, told):
    ran = run("fleet", "--mqtt", "mqtt://127.0.0.1:1/", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr


def test_a_broker_that_is_not_there_is_told_with_exit_code_4():
    ran = run("fleet", "--mqtt", f"mqtt://127.0.0.1:{free_port()}/", "--devices", "3")
    assert ran.returncode == 4
    assert "cannot be reached (Connection refused)" in ran.stderr


@pytest.mark.mosquitto
async def test_a_fleet_is_judged_in_one_command(broker, tmp_path):
    arguments = ("--devices", "50", "--rate", "100", "--duration", "1", "--seed", "3")
    where = ("--mqtt", broker.url, "--data", str(tmp_path / "data"), "--claim")
    ran = await asyncio.to_thread(run, "fleet", *where, *arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["clicks"] == said["acknowledged"] == said["verdict"]["onRecord"]
    assert said["verdict"]["good"] is True
    assert said["verdict"]["claimed"] == 50
    assert said["verdict"]["faults"] == {}
    ran = await asyncio.to_thread(run, "fleet", *where, *arguments)
    assert ran.returncode == 0, ran.stderr
    assert "PASSED: no lost click, no double claim, no foreign owner" in ran.stdout
    assert "\x1b" not in ran.stdout + ran.stderr


@pytest.mark.mosquitto
async def test_claims_over_http_are_judged_by_what_the_owner_sees(broker, tmp_path):
    from orchestrator.runtime.serving import BrokerChoice, HttpAddress, serving
    from orchestrator.settings import for_profile

    async with serving(
        for_profile("dev"),
        tmp_path / "data",
        http=HttpAddress.parse("127.0.0.1:0"),
        broker=BrokerChoice(url=broker.url),
    ) as running:
        ran = await asyncio.to_thread(
            run, "fleet", "--mqtt", broker.url, "--service", running.http, "--claim",
            "--devices", "20", "--rate", "40", "--duration", "1", "--json",
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    verdict = json.loads(ran.stdout)["verdict"]
    assert (verdict["claimed"], verdict["faults"]) == (20, {})
    assert verdict["onRecord"] == json.loads(ran.stdout)["acknowledged"]


@pytest.mark.mosquitto
async def test_to_claim_beside_a_service_that_runs_its_address_is_asked_for(broker, tmp_path):
    from orchestrator.runtime.service import open_service
    from orchestrator.settings import for_profile

    data = tmp_path / "data"
    async with open_service(for_profile("dev"), data):
        ran = await asyncio.to_thread(
            run, "fleet", "--mqtt", broker.url, "--data", str(data), "--claim", "--devices", "5",
        )  # fmt: skip
    assert ran.returncode == 4
    assert "runs on" in ran.stderr
    assert "--service http://HOST:PORT" in ran.stderr


@pytest.mark.parametrize("how", [KeyboardInterrupt, asyncio.CancelledError])
def test_who_cancels_is_told_how_far_it_was(capsys, how):
    from orchestrator.cli.sim_progress import Progress

    def work():
        with Progress() as progress:
            progress.tell("clicking", 12, 300)
            raise how

    with pytest.raises(how):
        work()
    assert capsys.readouterr().err == "cancelled at clicking, 12 of 300: there is no verdict\n"


@pytest.mark.mosquitto
@pytest.mark.parametrize("as_json", [True, False])
async def test_who_cancels_gets_the_figures_so_far(broker, capsys, as_json):
    from orchestrator.cli.sim_fleet import _run
    from orchestrator.runtime.fleet import FleetReport, FleetWanted

    plan, report = FleetPlan(devices=20, boot_id=7), FleetReport(devices=20)
    wanted = FleetWanted(plan=plan, mqtt=broker.url, rate=200, duration_s=3600)
    async with aiomqtt.Client("127.0.0.1", broker.port) as reader:
        await reader.subscribe("clickclaim/v1/default/devices/+/events", 1)
        running = asyncio.create_task(_run(wanted, report, as_json=as_json))
        for _ in range(30):
            await anext(reader.messages)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    out, err = capsys.readouterr()
    assert "of 720000: there is no verdict" in err
    if as_json:
        said = json.loads(out)
        assert (said["devices"], said["connected"], said["verdict"]) == (20, 20, None)
        assert said["clicks"] >= 30
        assert said["exitCode"] == 130
    else:
        assert re.search(r"buttons connected +20 in", out)
        assert re.search(r"clicks acknowledged +\d\d+ of \d\d+", out)
        assert "PASSED" not in out


@pytest.mark.parametrize(
    ("connected", "reconnects", "says"),
    [
        (
            4,
            9,
            "1 of 5 buttons are not connected (the broker closed it): is the broker still",
        ),
        (5, 9, "connections ended 9 times (the broker closed it): does the broker's log say why?"),
        (5, 0, "it takes no more than these 50 a second of 5 buttons: take a lower --rate"),
    ],
)
def test_clicks_that_were_not_acknowledged_are_told_with_what_kept_the_broker(
    capsys, connected, reconnects, says
):
    from orchestrator.cli.sim_fleet import _print
    from orchestrator.runtime.fleet import FleetReport

    _print(
        FleetReport(
            devices=5,
            connected=connected,
            clicks=900,
            acknowledged=100,
            click_s=2.0,
            wanted_rate=450,
            reconnects=reconnects,
            last_loss="the broker closed it" if reconnects else "",
        )
    )
    said = capsys.readouterr().out.splitlines()
    assert "rate                 50 clicks/s, of 450 asked for" in said
    assert said[-2] == "FAILED: 800 clicks were not acknowledged by the broker in time"
    assert said[-1].startswith(f"  {says}")


@pytest.mark.parametrize(
    ("acknowledged", "last"), [(3, "PASSED: "), (2, "  of those that it took: ")]
)
def test_what_the_broker_did_not_take_is_never_called_passed(capsys, acknowledged, last):
    from orchestrator.cli.sim_fleet import _print
    from orchestrator.runtime.fleet import FleetReport
    from orchestrator.runtime.fleet_verdict import Verdict

    verdict = Verdict(acknowledged=acknowledged, on_record=acknowledged)
    _print(FleetReport(devices=1, clicks=3, acknowledged=acknowledged, verdict=verdict))
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"{last}no lost click"
    assert ("PASSED" in out) == (acknowledged == 3)


@pytest.mark.parametrize(
    ("reconnects", "on_record", "says"),
    [
        (5, 8, "a broker that restarts forgets for whom it queues"),
        (1, 8, "throws away what a slow"),
        (1, 0, "Mosquitto acknowledges also what its acl_file or its message_size_limit forbids"),
    ],
)
def test_clicks_that_were_lost_are_told_with_where_they_may_have_gone(
    capsys, reconnects, on_record, says
):
    from orchestrator.cli.sim_fleet import _print
    from orchestrator.runtime.fleet import FleetReport
    from orchestrator.runtime.fleet_broker import BrokerSays
    from orchestrator.runtime.fleet_verdict import Finding, Verdict

    _print(
        FleetReport(
            devices=5,
            clicks=9,
            acknowledged=9,
            reconnects=reconnects,
            broker=BrokerSays(version="mosquitto version 2.0.11"),
            verdict=Verdict(
                acknowledged=9, on_record=on_record, lost=Finding.of(["FLEET1 click 1"])
            ),
        )
    )
    out = capsys.readouterr().out
    assert "FAILED: 1 lost clicks: FLEET1 click 1" in out
    assert says in out.splitlines()[-1]
