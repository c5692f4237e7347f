"""The service as a process: its one line, its neighbours, its enemies, and its end."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.request

import pytest

from tests.brokers import Mosquitto, free_port
from tests.cli.conftest import PATIENCE_S

BUTTON = "G030PM0123456789"
CONNACK_UNAVAILABLE = bytes.fromhex("20020003")


def get(url: str):
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def fails(ran, code, *says):
    assert ran.code == code, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for text in says:
        assert text in ran.err


@pytest.fixture
async def broker(tmp_path):
    async with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


def test_the_ready_line_tells_where_and_then_it_answers(serve):
    served = serve()
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", served.http)
    assert re.fullmatch(r"mqtt://127\.0\.0\.1:[1-9]\d*/", served.mqtt)
    health = get(f"{served.http}/healthz")
    assert health["status"] == "ok"
    assert [one["state"] for one in health["sources"]] == ["READING"]


def test_virtual_time_passes_when_it_is_told_to(serve, start):
    served = serve("--clock", "virtual")
    claim = start("claim", BUTTON, "--service", served.http, "--source", served.mqtt, "--json")
    claim.note("press the button now")
    advance = urllib.request.Request(
        f"{served.http}/v1/clock/advance", b'{"ms": 120000}', method="POST"
    )
    with urllib.request.urlopen(advance, timeout=PATIENCE_S) as answer:
        assert json.load(answer)["virtual"] is True
    assert claim.end().json["outcome"] == "TIMED_OUT"


def test_sigterm_ends_it_cleanly_open_streams_included(serve):
    served = serve()
    stream = urllib.request.urlopen(f"{served.http}/v1/stream", timeout=PATIENCE_S)
    ended = served.process.end(signal.SIGTERM)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    stream.read()
    stream.close()


def test_ctrl_c_ends_it_cleanly_too(serve):
    ended = serve().process.end(signal.SIGINT)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_can_be_stopped_while_it_starts(start, data, how):
    """A broker that takes nobody in keeps it from being ready."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen()
        url = f"mqtt://127.0.0.1:{full.getsockname()[1]}/"
        process = start("serve", "--http", "127.0.0.1:0", "--mqtt", url, "--data", data)
        caller, _ = full.accept()
        with caller:
            caller.recv(1024)
            caller.sendall(CONNACK_UNAVAILABLE)
        ended = process.end(how)
    assert (ended.code, ended.out) == (0, "")


def test_a_press_over_mqtt_claims_and_counts_once(serve, start, cli):
    """The service's own ears and the command's hear the same broker."""
    served = serve()
    claim = start("claim", BUTTON, "--service", served.http, "--source", served.mqtt, "--json")
    claim.note("press the button now")
    assert cli("press", BUTTON, "--click", "DOUBLE", "--mqtt", served.mqtt).code == 0
    ended = claim.end()
    assert ended.code == 0
    assert ended.json["outcome"] == "CLAIMED"
    assert [mark["what"] for mark in ended.json["timeline"]] == ["initiated", "click", "finalized"]

    (record,) = cli("records", "--data", served.data, "--format", "json").json
    assert {**record, "claimId": record["invocation"], "exitCode": 0} == ended.json
    dispositions = [
        one["disposition"] for one in cli("events", "--data", served.data, "--json").json
    ]
    assert dispositions == ["MATCHED"]


def test_devices_are_added_while_it_serves(serve, cli):
    served = serve()
    assert cli("devices", "add", BUTTON, "--data", served.data).code == 0
    assert cli("press", BUTTON, "--mqtt", served.mqtt).code == 0
    events = []
    while not events:
        events = cli("events", BUTTON, "--data", served.data, "--json").json
    assert events[0]["disposition"] == "NO_CLAIM"


def test_a_data_folder_in_use_names_its_user(serve, start):
    served = serve()
    second = start("serve", "--http", "127.0.0.1:0", "--data", served.data)
    fails(second.end(), 4, f"process {served.process.popen.pid}", "--data")


def test_a_claim_of_its_own_on_a_served_folder_says_what_to_do(serve, cli):
    served = serve()
    ran = cli("claim", BUTTON, "--source", "sim:", "--data", served.data)
    fails(ran, 4, "in use", "--service")


def test_a_port_in_use(start, data):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = start("serve", "--http", f"127.0.0.1:{port}", "--data", data).end()
    fails(ran, 4, f"Port {port} on 127.0.0.1 is in use", "--http")


def test_a_port_in_use_by_the_embedded_broker(start, data):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = start(
            "serve", "--http", "127.0.0.1:0", "--mqtt", f"embedded:{port}", "--data", data
        ).end()
    fails(ran, 4, f"127.0.0.1:{port}", "another port")


def test_a_broker_that_is_not_there(cli, data, monkeypatch):
    monkeypatch.setattr("orchestrator.runtime.serving._READING_WITHIN_S", 0.5)
    url = f"mqtt://127.0.0.1:{free_port()}/"
    ran = cli("serve", "--http", "127.0.0.1:0", "--mqtt", url, "--data", data)
    fails(ran, 4, url, "nobody listens", "start the broker")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--http", "8080"], "HOST:PORT"),
        (["--http", "127.0.0.1:99999"], "HOST:PORT"),
        (["--mqtt", "embedded:x"], "embedded:PORT"),
        (["--mqtt", "redis://x"], "mqtt://HOST:PORT/"),
        (["--mqtt", "mqtt://"], "names no broker"),
        (["--profile", "production"], "needs a broker of its own"),
        (["--profile", "production", "--mqtt", "embedded"], "production profile does not take it"),
        (["--window", "5"], "window"),
        (["--clock", "virtual", "--profile", "demo"], "--profile dev --clock virtual"),
        (
            ["--clock", "virtual", "--profile", "production", "--mqtt", "none"],
            "--profile dev --clock virtual",
        ),
        (["--source", "carrier-pigeon:"], "carrier-pigeon:"),
        (["--source", "sim:"], "clickclaim press"),
    ],
)
def test_wrong_arguments_are_told_before_anything_starts(cli, data, arguments, says):
    ran = cli("serve", "--http", "127.0.0.1:0", *arguments, "--data", data)
    fails(ran, 2, says)


def test_a_folder_that_cannot_be_used_ends_it(start, data):
    data.mkdir()
    (data / "clickclaim.sqlite").write_text("not a database at all, far from it")
    fails(start("serve", "--http", "127.0.0.1:0", "--data", data).end(), 4, "not a database")


@pytest.mark.slow
@pytest.mark.mosquitto
async def test_production_wants_a_key_and_a_signed_click(serve, start, broker, data, tmp_path):
    secret = tmp_path / "button.key"
    secret.write_text("00112233445566778899aabbccddeeff")
    assert start("devices", "add", BUTTON, "--data", data).end().code == 0
    made = start("keys", "create", "--data", data, "--json").end().json
    served = serve("--profile", "production", "--mqtt", broker.url)
    assert served.mqtt == broker.url

    nobody = start("claim", BUTTON, "--service", served.http, "--timeout", "20").end()
    assert nobody.code == 4
    assert "MissingAuthenticationToken" in nobody.err

    station = {
        "AWS_ACCESS_KEY_ID": made["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["secretAccessKey"],
    }
    claim = start("claim", BUTTON, "--service", served.http, "--json", env=station)
    claim.note("press the button now")
    assert start("press", BUTTON, "--mqtt", broker.url).end().code == 0
    assert "EVIDENCE_TOO_WEAK" in claim.note("did not count")
    assert start("devices", "key", BUTTON, "--key-file", secret, "--data", data).end().code == 0
    pressed = start("press", BUTTON, "--mqtt", broker.url, "--key-file", secret).end()
    assert "signed" in pressed.out
    ended = claim.end()
    assert (ended.code, ended.json["account"]) == (0, made["account"])
    assert ended.json["timeline"][1]["authenticated"] is True
    assert served.process.end(signal.SIGTERM).code == 0


def test_what_was_claimed_is_there_after_a_restart(serve, cli):
    served = serve()
    assert cli("claim", BUTTON, "--service", served.http, "--source", "sim:?after=0").code == 0
    served.process.end(signal.SIGTERM)
    again = serve()
    refused = cli("claim", BUTTON, "--service", again.http, "--json")
    assert (refused.code, refused.json["outcome"]) == (1, "REFUSED")


def test_logs_are_json_lines_on_stderr(serve):
    served = serve("--log-level", "info")
    get(f"{served.http}/healthz")
    ended = served.process.end(signal.SIGTERM)
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert any(line["logger"] == "clickclaim.api" for line in lines)


def test_current_aws_clients_find_the_model(cli, tmp_path):
    installed = cli("aws-model", "install", "--json").json["written"]
    assert all(path.startswith(str(tmp_path)) for path in installed)
    assert cli("aws-model", "remove", "--json").json["removed"] == installed
    assert cli("aws-model", "remove").out == "Nothing was installed.\n"


def test_the_demo_ends_by_itself_and_says_what_to_try_next(start):
    ran = start("demo", "--quick").end()
    assert ran.code == 0
    assert "CLAIMED G030DEMO00000001" in ran.out
    assert "clickclaim serve" in ran.out.partition("Next")[2]
