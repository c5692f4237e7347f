"""What is laid out for a board, what is refused, and that no secret leaves config.json."""

from __future__ import annotations

import ast
import json
import stat
from pathlib import Path

import pytest

import hardware.boards.flash
from hardware.boards.catalogue import BOARDS
from hardware.boards.flash import FlashError, Wifi, flash_files, list_boards, mpremote_line

KEY = bytes(range(16))
SOURCE = Path(hardware.boards.flash.__file__).parent
CORE = SOURCE.parents[1] / "firmware_sim" / "core"
# Modules of the firmware images; everything else must be laid out.
ON_THE_CHIP = {
    "binascii", "bluetooth", "cryptolib", "errno", "esp32", "hashlib", "json", "machine",
    "network", "os", "socket", "struct", "sys", "time", "ucryptolib",
}  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize("board", list(BOARDS))
def test_exactly_what_goes_on_the_board_is_laid_out(board, tmp_path):
    dest = tmp_path / "new" / "folder"
    written = flash_files(board, dest, device_id="BTN-1", key=KEY)
    laid_out = content(dest)
    assert sorted(path.relative_to(dest).as_posix() for path in written) == sorted(laid_out)
    expected = {"main.py": (SOURCE / board / "main.py").read_bytes()}
    expected |= {f"common/{p.name}": p.read_bytes() for p in (SOURCE / "common").glob("*.py")}
    expected |= {
        f"firmware_sim/core/{name}": data
        for name, data in content(CORE).items()
        if name.endswith(".py")
    }
    del laid_out["config.json"], laid_out["firmware_sim/__init__.py"]
    assert laid_out == expected


@pytest.mark.parametrize("board", list(BOARDS))
def test_every_import_of_the_board_is_on_it(board, tmp_path):
    flash_files(board, tmp_path / "b", device_id="BTN-1")
    for path in (tmp_path / "b").rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                if name.split(".")[0] in ON_THE_CHIP or name == "collections.abc":
                    continue  # the latter stands under TYPE_CHECKING
                place = tmp_path / "b" / name.replace(".", "/")
                assert place.with_suffix(".py").exists() or place.is_dir(), (path.name, name)


def test_config_json_is_filled_in_and_for_its_owner_alone(tmp_path):
    dest = tmp_path / "b"
    flash_files(
        "esp32",
        dest,
        device_id="BTN-1",
        key=KEY,
        namespace="lab",
        wifi=Wifi("ünï", "long enough"),
        mqtt_url="mqtt://us%40er:p%3Aw@broker.lan:1884/",
        ble=True,
        battery_pin=35,
        battery_ratio=2,
    )
    assert stat.S_IMODE((dest / "config.json").stat().st_mode) == 0o600
    said = config_of(dest)
    assert said["device_id"] == "BTN-1"
    assert said["namespace"] == "lab"
    assert said["key"] == said["ble_key"] == KEY.hex()
    assert said["wifi"] == {"ssid": "ünï", "password": "long enough"}
    assert said["mqtt"] == {
        "host": "broker.lan", "port": 1884, "username": "us@er", "password": "p:w",
    }  # fmt: skip
    assert (said["button_pin"], said["battery_pin"], said["battery_ratio"]) == (27, 35, 2)
    assert said["deep_sleep"] is True
    assert list(said) == list(json.loads((SOURCE / "template.json").read_text()))


def test_a_board_without_deep_sleep_is_not_asked_for_it(tmp_path):
    flash_files("pico_w", tmp_path / "b", device_id="BTN-1", deep_sleep=True)
    assert config_of(tmp_path / "b")["deep_sleep"] is False


def test_a_folder_of_ours_is_laid_out_anew_and_keeps_what_is_not_ours(tmp_path):
    dest = tmp_path / "b"
    flash_files("pico_w", dest, device_id="BTN-1")
    (dest / "main.py").write_text("edited")
    (dest / "note.txt").write_text("box 4")
    flash_files("pico-w", dest, device_id="BTN-2")
    assert config_of(dest)["device_id"] == "BTN-2"
    assert (dest / "main.py").read_bytes() == (SOURCE / "pico_w" / "main.py").read_bytes()
    assert (dest / "note.txt").read_text() == "box 4"


def test_a_layout_that_was_cut_short_can_be_repeated(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    dest = tmp_path / "b"
    with monkeypatch.context() as patched:
        patched.setattr("hardware.boards.flash.shutil.copyfile", full)
        with pytest.raises(FlashError, match="No space left on device"):
            flash_files("pico_w", dest, device_id="BTN-1")
    assert len(flash_files("pico_w", dest, device_id="BTN-1")) == len(content(dest))


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": "x"},
        {"config.json": "{}"},
        {"config.json": "[1]"},
        {"config.json": "no json"},
        {"main.py": "print()"},
    ],
    ids=str,
)
def test_a_folder_that_is_not_ours_is_left_alone(files, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = content(tmp_path)
    with pytest.raises(FlashError, match="was not laid out by clickclaim; name a new or empty"):
        flash_files("pico_w", tmp_path, device_id="BTN-1")
    assert content(tmp_path) == before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "b").write_text("")
    with pytest.raises(FlashError, match="not empty"):
        flash_files("pico_w", tmp_path / "b", device_id="BTN-1")


WITH_WIFI = {"wifi": Wifi("lab", "long enough")}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"device_id": ""}, "device id has 0 characters; it must have 1 to 32"),
        ({"device_id": "a/b"}, "device id has the character '/'"),
        ({"namespace": "Lab"}, "namespace 'Lab' is not"),
        ({"key": b"short"}, "16 to 64 bytes, two hex digits each; this one has 5"),
        ({"key": bytes(65)}, "this one has 65"),
        ({"key": bytes(32), "ble": True}, "16 bytes, this key has 32: give a bind key of its own"),
        ({"ble": True, "ble_key": bytes(15)}, "16 bytes, this key has 15"),
        (WITH_WIFI, "Wi-Fi alone carries no click: give the broker's URL"),
        ({"mqtt_url": "mqtt://10.0.0.5"}, "MQTT needs Wi-Fi"),
        ({"wifi": Wifi("")}, "a Wi-Fi name has 1 to 32 bytes"),
        ({"wifi": Wifi("ü" * 17)}, "a Wi-Fi name has 1 to 32 bytes"),
        ({"wifi": Wifi("lab", "short")}, "8 to 63 characters, this one has 5"),
        ({**WITH_WIFI, "mqtt_url": "mqtts://h/"}, "MQTT without TLS"),
        ({**WITH_WIFI, "mqtt_url": "http://h/"}, "no mqtt:// or no host"),
        ({**WITH_WIFI, "mqtt_url": "mqtt:///"}, "no mqtt:// or no host"),
        ({**WITH_WIFI, "mqtt_url": "mqtt://h:99999/"}, "the broker's URL is none"),
        ({**WITH_WIFI, "mqtt_url": "mqtt://localhost/"}, "means the board itself"),
        ({**WITH_WIFI, "mqtt_url": "mqtt://127.0.1.1/"}, "means the board itself"),
        ({"button_pin": 34}, "GPIO 34 of the ESP32 is not one that can end its deep sleep"),
        ({"button_pin": 18}, "use one of 4, 13, 14, 25"),
        ({"button_pin": 1, "deep_sleep": False}, "is not one that has a pull-up and is free"),
        ({"battery_pin": 25}, "GPIO 25 of the ESP32 cannot measure a battery; use one of 32, 33"),
        ({"button_pin": 32, "battery_pin": 32}, "cannot measure a battery; use one of 33"),
        ({"battery_ratio": 0.5}, "two equal resistors make it 2"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_before_anything_is_written(said, message, tmp_path):
    with pytest.raises(FlashError) as refused:
        flash_files("esp32", tmp_path / "b", **{"device_id": "BTN-1", **said})
    assert message in str(refused.value)
    assert not (tmp_path / "b").exists()


def test_an_unknown_board_is_told_which_there_are(tmp_path):
    with pytest.raises(FlashError, match=r"no firmware for 'uno'; there is for pico_w, esp32"):
        flash_files("uno", tmp_path / "b", device_id="BTN-1")


@pytest.mark.parametrize(
    "said",
    [
        {"key": b"secret"},
        {"key": b"secret" * 4, "ble": True},
        {"wifi": Wifi("lab", "secret")},
        {"mqtt_url": "mqtts://user:secret@host/"},
        {"mqtt_url": "mqtt://user:secret@host:99999/"},
        {"mqtt_url": "mqtt://user:secret@localhost/"},
    ],
    ids=["short key", "long key", "wifi", "tls", "port", "host"],
)
def test_no_message_shows_a_secret(said, tmp_path):
    with pytest.raises(FlashError) as refused:
        flash_files("pico_w", tmp_path / "b", **{"device_id": "BTN-1", **WITH_WIFI, **said})
    assert "secret" not in str(refused.value)
    assert b"secret".hex() not in str(refused.value)
    assert "secret" not in repr(said.get("wifi"))


def test_the_pins_of_the_catalogue_are_possible():
    assert [board.name for board in list_boards()] == ["esp32", "pico_w"]
    for board in list_boards():
        assert board.button_pin in board.button_pins
        assert board.waking_pins <= board.button_pins
        if board.sleeps:
            assert board.button_pin in board.waking_pins
        assert (SOURCE / board.name / "main.py").exists()
        assert (SOURCE / board.name / "README.md").exists()


def test_the_line_to_type_copies_what_was_laid_out(tmp_path):
    dest = tmp_path / "a folder"
    flash_files("pico_w", dest, device_id="BTN-1")
    line = mpremote_line(dest)
    assert line.startswith(f"mpremote cp -r '{dest}/main.py' ")
    assert line.endswith(" : + reset")
    assert all(f"'{path}'" in line for path in dest.iterdir())
