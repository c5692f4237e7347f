"""What goes on a board: its main.py, what the boards share, the device core, and config.json."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import firmware_sim.core
from firmware_sim.core.wire import WireError, events_topic
from hardware.boards.catalogue import BOARDS, BoardInfo, list_boards

__all__ = [
    "BoardInfo",
    "FlashError",
    "Wifi",
    "bind_key",
    "flash_files",
    "list_boards",
    "mpremote_line",
    "write_secret",
]

CONFIG: Final = "config.json"
# What stands at the top of a laid-out folder, in the order in which it is copied.
TOP: Final = ("main.py", CONFIG, "common", "firmware_sim")

_HERE: Final = Path(__file__).parent
_CORE: Final = Path(firmware_sim.core.__file__).parent
_MARK: Final = "laid_out_by"

# HMAC-SHA-256 gains nothing from more than its block; fewer than 16 bytes can be guessed.
_HMAC_BYTES: Final = range(16, 65)
_BIND_KEY_BYTES: Final = 16
# IEEE 802.11: a name has up to 32 bytes. WPA2: a passphrase has 8 to 63 characters, or the key
# itself is given as 64 hex digits.
_SSID_BYTES: Final = range(1, 33)
_PASSWORD_CHARS: Final = range(8, 65)
_MQTT_PORT: Final = 1883
_LOOPBACK: Final = ("localhost", "127.", "::1", "0.0.0.0")  # noqa: S104 - refused, not bound


class FlashError(ValueError):
    """The files cannot be laid out. The message names what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Wifi:
    """A network to join."""

    ssid: str
    password: str = field(default="", repr=False)
    """Empty for a network without one."""


def flash_files(
    board: str,
    dest: Path,
    *,
    device_id: str,
    key: bytes | None = None,
    namespace: str = "default",
    wifi: Wifi | None = None,
    mqtt_url: str | None = None,
    ble: bool = False,
    ble_key: bytes | None = None,
    button_pin: int | None = None,
    battery_pin: int | None = None,
    battery_ratio: float = 1.0,
    deep_sleep: bool = True,
    test_mode: bool = False,
) -> list[Path]:
    """Lay out the files of one board in ``dest``: the paths written, config.json (0600) first.

    ``dest`` is made when it is missing. A folder that was laid out before is laid out anew; any
    other that is not empty is refused. ``deep_sleep`` counts on boards that have it. With ``ble``,
    advertisements are encrypted as ``bind_key`` says. Raises FlashError before anything is
    written; no message shows a key or a password.
    """
    info = _board(board)
    config = json.loads((_HERE / "template.json").read_text(encoding="utf-8"))
    config |= {
        "device_id": _device_id(namespace, device_id),
        "namespace": namespace,
        "key": _hmac_key(key).hex(),
        "ble": ble,
        "ble_key": bind_key(key, ble_key).hex() if ble else "",
        "test_mode": test_mode,
        "deep_sleep": deep_sleep and info.sleeps,
        "wifi": _wifi(wifi),
        "mqtt": _mqtt(mqtt_url),
        **_pins(info, button_pin, battery_pin, battery_ratio, deep_sleep=deep_sleep),
    }
    if config["mqtt"] and not config["wifi"]:
        raise FlashError("MQTT needs Wi-Fi: give the network's name and password as well")
    if config["wifi"] and not config["mqtt"]:
        raise FlashError("Wi-Fi alone carries no click: give the broker's URL, mqtt://HOST/")
    _refuse_foreign(dest)
    try:
        return _write(info, dest, config)
    except OSError as error:
        raise FlashError(f"{dest} cannot be written: {error.strerror or error}") from error


def bind_key(key: bytes | None, ble_key: bytes | None) -> bytes:
    """The key that opens the advertisements, empty when they are plain.

    It is ``ble_key``; without one, ``key`` itself, so that a device with a key never speaks in the
    clear. Raises FlashError when that has not the 16 bytes that BTHome wants.
    """
    chosen = ble_key if ble_key is not None else key
    if not chosen:
        return b""
    if len(chosen) != _BIND_KEY_BYTES:
        raise FlashError(
            f"a BTHome bind key has {_BIND_KEY_BYTES} bytes, this key has {len(chosen)}:"
            " give a bind key of its own"
        )
    return chosen


def mpremote_line(dest: Path) -> str:
    """The line that copies a laid-out folder to the board on USB and starts it."""
    sources = " ".join(shlex.quote(str(dest / name)) for name in TOP)
    return f"mpremote cp -r {sources} : + reset"


def _board(name: str) -> BoardInfo:
    info = BOARDS.get(name.replace("-", "_").lower())
    if info is None:
        raise FlashError(f"there is no firmware for {name!r}; there is for {', '.join(BOARDS)}")
    return info


def _device_id(namespace: str, device_id: str) -> str:
    try:
        events_topic(namespace, device_id)
    except WireError as refusal:
        raise FlashError(refusal.message) from None
    return device_id


def _hmac_key(key: bytes | None) -> bytes:
    if not key:
        return b""
    if len(key) not in _HMAC_BYTES:
        raise FlashError(
            f"a device key has {_HMAC_BYTES[0]} to {_HMAC_BYTES[-1]} bytes, two hex digits each;"
            f" this one has {len(key)}"
        )
    return key


def _wifi(wifi: Wifi | None) -> dict[str, str] | None:
    if wifi is None:
        return None
    if len(wifi.ssid.encode()) not in _SSID_BYTES:
        raise FlashError(f"a Wi-Fi name has 1 to 32 bytes, {wifi.ssid[:40]!r} has not")
    if wifi.password and len(wifi.password) not in _PASSWORD_CHARS:
        raise FlashError(
            f"a Wi-Fi password has 8 to 63 characters, this one has {len(wifi.password)}"
        )
    return {"ssid": wifi.ssid, "password": wifi.password}


def _mqtt(url: str | None) -> dict[str, str | int] | None:
    if url is None:
        return None
    example = "write it as mqtt://user:password@host:1883/"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise FlashError(f"the broker's URL is none ({error}); {example}") from None
    if parts.scheme == "mqtts":
        raise FlashError("the boards speak MQTT without TLS; clicks are signed, give mqtt://")
    if parts.scheme != "mqtt" or not host:
        raise FlashError(f"the broker's URL has no mqtt:// or no host; {example}")
    if host.startswith(_LOOPBACK):
        raise FlashError(
            f"{host} means the board itself to the board; give the address that this machine"
            " has in the network"
        )
    return {
        "host": host,
        "port": port or _MQTT_PORT,
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }


def _pins(
    info: BoardInfo,
    button_pin: int | None,
    battery_pin: int | None,
    battery_ratio: float,
    *,
    deep_sleep: bool,
) -> dict[str, Any]:
    button_pin = info.button_pin if button_pin is None else button_pin
    wakes = info.sleeps and deep_sleep
    fit = info.waking_pins if wakes else info.button_pins
    if button_pin not in fit:
        why = "can end its deep sleep" if wakes else "has a pull-up and is free"
        raise FlashError(
            f"GPIO {button_pin} of the {info.title} is not one that {why};"
            f" use one of {_numbers(fit)}"
        )
    if battery_pin is not None and (
        battery_pin not in info.battery_pins or battery_pin == button_pin
    ):
        raise FlashError(
            f"GPIO {battery_pin} of the {info.title} cannot measure a battery;"
            f" use one of {_numbers(info.battery_pins - {button_pin})}"
        )
    if not 1 <= battery_ratio <= 100:
        raise FlashError(
            f"battery ratio {battery_ratio:g} is not the cell's voltage divided by the pin's,"
            " 1 to 100; two equal resistors make it 2"
        )
    return {
        "button_pin": button_pin,
        "battery_pin": battery_pin,
        "battery_ratio": battery_ratio,
    }


def _numbers(pins: frozenset[int]) -> str:
    return ", ".join(str(pin) for pin in sorted(pins))


def _refuse_foreign(dest: Path) -> None:
    try:
        if not dest.exists() or (dest.is_dir() and not any(dest.iterdir())):
            return
        said = json.loads((dest / CONFIG).read_bytes()) if dest.is_dir() else None
    except (OSError, ValueError):
        said = None
    if not isinstance(said, dict) or _MARK not in said:
        raise FlashError(
            f"{dest} is not empty and was not laid out by clickclaim; name a new or empty folder"
        )


def _write(info: BoardInfo, dest: Path, config: dict[str, Any]) -> list[Path]:
    """Config first: it marks the folder as ours, so that a layout cut short can be repeated."""
    dest.mkdir(parents=True, exist_ok=True)
    written = [write_secret(dest / CONFIG, json.dumps(config, indent=2) + "\n")]
    for place, source in _sources(info):
        target = dest / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        written.append(target)
    return written


def _sources(info: BoardInfo) -> list[tuple[Path, Path]]:
    """(place on the board, file here) of all that is the same for every button."""
    package = Path("firmware_sim")
    found = [(Path("main.py"), _HERE / info.name / "main.py")]
    found += [(Path("common") / file.name, file) for file in sorted(_HERE.glob("common/*.py"))]
    found.append((package / "__init__.py", _CORE.parent / "__init__.py"))
    found += [
        (package / "core" / file.relative_to(_CORE), file) for file in sorted(_CORE.rglob("*.py"))
    ]
    return found


def write_secret(path: Path, text: str) -> Path:
    """Write a file that nobody else may read at any moment; whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(path)
    return path
