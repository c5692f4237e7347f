"""`clickclaim flash-files` as people type it: files, keys beside them, the lines to type next."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_sim.core.wire import decode_sentence, verify
from tests.hardware.boards.lives import press

CLICKCLAIM = shutil.which("clickclaim", path=str(Path(sys.executable).parent))


@pytest.fixture
def flash(tmp_path):
    """Types the command in an empty folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        assert CLICKCLAIM, "the clickclaim command is not installed beside this Python"
        return subprocess.run(
            [CLICKCLAIM, "flash-files", *arguments],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run


def test_it_says_what_to_type_next_and_never_a_key(flash, tmp_path):
    (tmp_path / "wifi").write_text("wifi hush\n")
    ran = flash(
        "pico_w", "b1", "--device-id", "BTN-1", "--new-key", "--ble", "--wifi-ssid", "lab",
        "--wifi-password-file", "wifi", "--mqtt", "mqtt://me:also%20hush@10.0.0.5/",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = [line.strip() for line in ran.stdout.splitlines()]
    assert "mpremote cp -r b1/main.py b1/config.json b1/common b1/firmware_sim : + reset" in lines
    assert "clickclaim devices add BTN-1" in lines
    assert "clickclaim devices key BTN-1 --key-file b1.hmac.key" in lines
    assert "clickclaim devices key BTN-1 --kind bthome --key-file b1.bthome.key" in lines
    assert "clickclaim devices alias ADDRESS BTN-1" in lines

    config = json.loads((tmp_path / "b1" / "config.json").read_text())
    keys = {kind: tmp_path / f"b1.{kind}.key" for kind in ("hmac", "bthome")}
    assert [path.read_text().strip() for path in keys.values()] == [
        config["key"], config["ble_key"],
    ]  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.values()} == {0o600}
    assert len({len(config["key"]), len(config["ble_key"])}) == 2
    assert config["wifi"]["password"] == "wifi hush"
    assert config["mqtt"]["password"] == "also hush"
    for secret in (config["key"], config["ble_key"], "hush"):
        assert secret not in ran.stdout


def test_new_keys_are_new_and_never_replace_any(flash, tmp_path):
    for name in ("b1", "b2"):
        assert flash("pico_w", name, "--device-id", "BTN-1", "--new-key").returncode == 0
    first, second = ((tmp_path / f"{name}.hmac.key").read_text() for name in ("b1", "b2"))
    assert first != second
    again = flash("pico_w", "b1", "--device-id", "BTN-1", "--new-key")
    assert again.returncode == 2
    assert "b1.hmac.key exists" in again.stderr
    kept = flash("pico_w", "b1", "--device-id", "BTN-1", "--key-file", "b1.hmac.key")
    assert kept.returncode == 0
    assert (tmp_path / "b1.hmac.key").read_text() == first


@pytest.mark.node
def test_what_it_lays_out_clicks_with_the_key_it_made(flash, live, tmp_path):
    assert flash("esp32", "b1", "--device-id", "BTN-1", "--new-key").returncode == 0
    (life,) = live(tmp_path / "b1", {"contact": press(1_000), "ends_at_ms": 3_000})
    click = decode_sentence(life.sentences[0].encode())
    assert (click.device_id, click.click_type) == ("BTN-1", "SINGLE")
    assert verify(click, bytes.fromhex((tmp_path / "b1.hmac.key").read_text()))


def test_json_names_the_files_and_no_key(flash, tmp_path):
    ran = flash("esp32", "b1", "--device-id", "BTN-1", "--key", "ab" * 16, "--ble", "--json")
    told = json.loads(ran.stdout)
    assert told["board"] == "esp32"
    assert {"main.py", "config.json", "common/run.py"} <= set(told["files"])
    assert told["next"][2] == "clickclaim devices key BTN-1 --key-file FILE"
    assert "ab" * 16 not in ran.stdout


def test_the_boards_are_listed_with_their_pins(flash):
    ran = flash("--list")
    assert ran.returncode == 0
    assert "Raspberry Pi Pico W" in ran.stdout
    boards = {one["board"]: one for one in json.loads(flash("--list", "--json").stdout)}
    assert boards["esp32"]["buttonPin"] == 27
    assert boards["pico_w"]["wakingPins"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Which board, which folder and which device id?"),
        (("uno", "b", "--device-id", "X"), "there is for pico_w, esp32"),
        (("esp32", "b", "--device-id", "a b"), "device id has the character ' '"),
        (("esp32", "b", "--device-id", "X", "--key", "hush"), "--key is not a key in hex digits"),
        (("esp32", "b", "--device-id", "X", "--key", "00ff"), "this one has 2"),
        (("esp32", "b", "--device-id", "X", "--key-file", "none"), "none cannot be read"),
        (("esp32", "b", "--device-id", "X", "--key", "00", "--new-key"), "Give one of --key"),
        (("esp32", ".", "--device-id", "X", "--wifi-password-file", "p"), "needs --wifi-ssid"),
        (("esp32", "b", "--device-id", "X", "--ble-key-file", "k"), "needs --ble"),
        (("esp32", "b", "--device-id", "X", "--mqtt", "mqtt://h/"), "MQTT needs Wi-Fi"),
        (("esp32", "b", "--device-id", "X", "--button-pin", "0"), "GPIO 0 of the ESP32"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_is_a_usage_error_and_lays_nothing_out(arguments, message, flash, tmp_path):
    ran = flash(*arguments)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "hush" not in ran.stderr
    assert list(tmp_path.iterdir()) == []
