"""`clickclaim flash-files`: lay out the firmware of a board, and say what to type next."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.cli.app import new_app, usage
from orchestrator.cli.options import DEFAULT, AsJson, Namespace
from orchestrator.cli.output import print_json, print_table, say

app = new_app("Lay out the firmware for a board of yours.")

_KEY_BYTES = {"hmac": 32, "bthome": 16}
_Kind = Literal["hmac", "bthome"]


@app.command()
def flash_files(
    board: Annotated[str | None, typer.Argument(metavar="BOARD", help="pico_w or esp32.")] = None,
    dest: Annotated[
        Path | None, typer.Argument(metavar="DEST", help="A new or empty folder.")
    ] = None,
    device_id: Annotated[
        str | None, typer.Option("--device-id", metavar="DEVICE", help="Device id of the button.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="HEX", help="Device key. Your shell may remember it."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="Device key in hex digits.")
    ] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make the keys, in files beside DEST.")
    ] = False,
    wifi_ssid: Annotated[
        str | None, typer.Option("--wifi-ssid", metavar="NAME", help="Wi-Fi to join, for MQTT.")
    ] = None,
    wifi_password_file: Annotated[
        Path | None, typer.Option("--wifi-password-file", metavar="FILE", help="Its password.")
    ] = None,
    mqtt: Annotated[
        str | None, typer.Option("--mqtt", metavar="URL", help="Broker: mqtt://user:pass@host/.")
    ] = None,
    ble: Annotated[
        bool, typer.Option("--ble", help="Advertise clicks as BTHome; encrypted with a key.")
    ] = False,
    ble_key_file: Annotated[
        Path | None,
        typer.Option(
            "--ble-key-file", metavar="FILE", help="Bind key of 16 bytes. Default: the device key."
        ),
    ] = None,
    button_pin: Annotated[
        int | None, typer.Option("--button-pin", metavar="GPIO", help="Where the button hangs.")
    ] = None,
    battery_pin: Annotated[
        int | None, typer.Option("--battery-pin", metavar="GPIO", help="Where the cell hangs.")
    ] = None,
    battery_ratio: Annotated[
        float, typer.Option("--battery-ratio", help="Voltage of the cell by that of the pin.")
    ] = 1.0,
    deep_sleep: Annotated[
        bool, typer.Option(help="Sleep between presses, on boards that can.")
    ] = True,
    namespace: Namespace = DEFAULT,
    list_: Annotated[bool, typer.Option("--list", help="List the boards and their pins.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lay out what goes on a board: main.py, the device core, and a config.json that is filled in.

    Nothing is sent to the board: the line that does it is printed. No key is.
    """
    from hardware.boards.flash import FlashError, Wifi
    from hardware.boards.flash import flash_files as lay_out

    if list_:
        _list(as_json=as_json)
        return
    if board is None or dest is None or device_id is None:
        usage(
            "Which board, which folder and which device id?",
            "clickclaim flash-files pico_w button-1 --device-id DEVICE --new-key",
        )
    if wifi_password_file is not None and wifi_ssid is None:
        usage("--wifi-password-file needs --wifi-ssid.")
    if sum((key is not None, key_file is not None, new_key)) > 1:
        usage("Give one of --key, --key-file and --new-key.")
    if ble_key_file is not None and not ble:
        usage("--ble-key-file needs --ble.")
    if ble_key_file is not None and new_key:
        usage("--new-key makes the bind key too; leave out --ble-key-file.")
    made = _new_keys(dest, ble=ble) if new_key else {}
    hmac = made["hmac"] if made else _given_key(key, key_file)
    wifi = None
    if wifi_ssid is not None:
        password = "" if wifi_password_file is None else _text(wifi_password_file)
        wifi = Wifi(wifi_ssid, password)
    try:
        written = lay_out(
            board,
            dest,
            device_id=device_id,
            key=hmac,
            namespace=namespace,
            wifi=wifi,
            mqtt_url=mqtt,
            ble=ble,
            ble_key=made.get("bthome") or _key_in(ble_key_file),
            button_pin=button_pin,
            battery_pin=battery_pin,
            battery_ratio=battery_ratio,
            deep_sleep=deep_sleep,
        )
        key_files = _keep(dest, made)
    except FlashError as error:
        usage(f"{error}.")
    given: dict[_Kind, Path] = {"hmac": key_file} if key_file else {}
    if ble_key_file:
        given["bthome"] = ble_key_file
    steps = _next(dest, device_id, namespace, key_files | given, signed=hmac is not None, ble=ble)
    _report(board, dest, written, key_files, steps, as_json=as_json)


def _list(*, as_json: bool) -> None:
    from hardware.boards.catalogue import list_boards

    boards = list_boards()
    if as_json:
        print_json(
            [
                {
                    "board": one.name,
                    "title": one.title,
                    "buttonPin": one.button_pin,
                    "buttonPins": sorted(one.button_pins),
                    "batteryPins": sorted(one.battery_pins),
                    "wakingPins": sorted(one.waking_pins),
                }
                for one in boards
            ]
        )
        return
    print_table(
        ("board", "what it is", "button at", "or at GPIO", "battery at GPIO", "deep sleep"),
        [
            (
                one.name,
                one.title,
                f"GPIO {one.button_pin}",
                _numbers(one.button_pins),
                _numbers(one.battery_pins),
                f"ended by {_numbers(one.waking_pins)}" if one.sleeps else "no",
            )
            for one in boards
        ],
    )


def _numbers(pins: frozenset[int]) -> str:
    return " ".join(str(pin) for pin in sorted(pins))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        usage(f"{file} cannot be read: {getattr(error, 'strerror', 'not text')}.")


def _given_key(key: str | None, key_file: Path | None) -> bytes | None:
    if key is not None:
        return _parsed("--key", key)
    return _key_in(key_file)


def _key_in(file: Path | None) -> bytes | None:
    return None if file is None else _parsed(str(file), _text(file))


def _parsed(where: str, text: str) -> bytes:
    compact = text.strip().replace(":", "").replace("-", "").replace(" ", "")
    try:
        secret = bytes.fromhex(compact)
    except ValueError:
        usage(f"{where} is not a key in hex digits. Copy it again from where it was shown.")
    if not secret:
        usage(f"{where} holds no key.", "let one be made: --new-key")
    return secret


def _key_file(dest: Path, kind: _Kind) -> Path:
    """Beside the folder, not in it: it goes to the service, not to the board."""
    named = dest if dest.name not in {"", ".."} else dest.resolve()
    return named.with_name(f"{named.name}.{kind}.key")


def _new_keys(dest: Path, *, ble: bool) -> dict[_Kind, bytes]:
    kinds: tuple[_Kind, ...] = ("hmac", "bthome") if ble else ("hmac",)
    kept = [_key_file(dest, kind) for kind in kinds if _key_file(dest, kind).exists()]
    if kept:
        usage(
            f"{kept[0]} exists: a new key would shut out the button that has it.",
            "use it with --key-file (and the bthome one with --ble-key-file), or move it away",
        )
    return {kind: secrets.token_bytes(_KEY_BYTES[kind]) for kind in kinds}


def _keep(dest: Path, made: dict[_Kind, bytes]) -> dict[_Kind, Path]:
    from hardware.boards.flash import write_secret

    return {
        kind: write_secret(_key_file(dest, kind), secret.hex() + "\n")
        for kind, secret in made.items()
    }


def _next(
    dest: Path,
    device_id: str,
    namespace: str,
    key_files: dict[_Kind, Path],
    *,
    signed: bool,
    ble: bool,
) -> list[str]:
    """The lines to type, in order."""
    from hardware.boards.flash import mpremote_line

    where = "" if namespace == DEFAULT else f" --namespace {namespace}"
    steps = [mpremote_line(dest), f"clickclaim devices add {device_id}{where}"]
    if signed:
        file = shlex.quote(str(key_files["hmac"])) if "hmac" in key_files else "FILE"
        steps.append(f"clickclaim devices key {device_id} --key-file {file}{where}")
    if ble and (signed or "bthome" in key_files):
        chosen = key_files.get("bthome") or key_files.get("hmac")
        file = shlex.quote(str(chosen)) if chosen else "FILE"
        steps.append(f"clickclaim devices key {device_id} --kind bthome --key-file {file}{where}")
    if ble:
        steps.append(f"clickclaim devices alias ADDRESS {device_id}{where}")
    return steps


def _report(
    board: str,
    dest: Path,
    written: list[Path],
    key_files: dict[_Kind, Path],
    steps: list[str],
    *,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "board": board,
                "folder": str(dest),
                "files": [file.relative_to(dest).as_posix() for file in written],
                "keyFiles": {kind: str(file) for kind, file in key_files.items()},
                "next": steps,
            }
        )
        return
    say(f"{len(written)} files for {board} in {dest}; config.json holds secrets, keep it to you")
    for kind, file in key_files.items():
        say(f"{file}: the new {kind} key, for the service")
    say("Next, with MicroPython on the board and the board on USB:")
    for step in steps:
        say(f"  {step}")
    if any(" alias " in step for step in steps):
        say("ADDRESS is what the board says behind '# ble:' on its serial port when it starts.")
