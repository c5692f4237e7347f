"""What `doctor` looks at on this machine, and how to mend what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Level = Literal["ok", "note", "problem"]

# A service with a thousand buttons on its broker and as many clients needs this many at least.
_OPEN_FILES: Final = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    remedy: str = ""


def check_up(folder: Path) -> Iterator[Finding]:
    """Everything, in the order in which somebody would mend it."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _environment,
        lambda: _data_folder(folder),
        _extras,
        _serial_ports,
        _bluetooth,
        _broker,
        _open_files,
    )
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    version = importlib.metadata.version("clickclaim")
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok", f"clickclaim {version}, Python {python}, SQLite {sqlite3.sqlite_version}")


def _environment() -> Iterator[Finding]:
    """Other distributions have packages called hardware and orchestrator as well."""
    ours = Path(__file__).parents[2]
    for name in ("firmware_sim", "hardware", "orchestrator"):
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).parents[1] if spec and spec.origin else None
        if found != ours:
            yield Finding(
                "problem",
                f"the package {name} comes from {found}, not from clickclaim",
                "give clickclaim an environment of its own: python3 -m venv clickclaim-env",
            )
    if sys.prefix == sys.base_prefix:
        yield Finding(
            "note",
            "this is the system's Python; its packages 'hardware' and 'orchestrator' may collide",
            "python3 -m venv clickclaim-env && clickclaim-env/bin/pip install clickclaim",
        )


def _data_folder(folder: Path) -> Iterator[Finding]:
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding(
            "problem", f"data folder {folder} cannot be written", f"chmod u+rwx {nearest}"
        )
    elif not folder.exists():
        yield Finding("ok", f"data folder {folder} will be made when it is needed")
    else:
        free_mb = shutil.disk_usage(folder).free // 1_000_000
        level: Level = "ok" if free_mb >= 100 else "problem"
        remedy = "" if level == "ok" else "free some space, or choose another folder with --data"
        yield Finding(level, f"data folder {folder}, {free_mb} MB free", remedy)


def _extras() -> Iterator[Finding]:
    for module, extra, what in (
        ("serial", "serial", "USB and serial buttons"),
        ("bleak", "ble", "Bluetooth buttons"),
    ):
        if importlib.util.find_spec(module) is None:
            yield Finding(
                "note", f"{what}: the driver is missing", f"pip install 'clickclaim[{extra}]'"
            )
        else:
            yield Finding("ok", f"{what}: the driver is installed")


def _serial_ports() -> Iterator[Finding]:
    if importlib.util.find_spec("serial") is None:
        return
    from hardware.scan import attached  # noqa: PLC0415 - loads the driver

    for port in attached():
        if port.problem:
            yield Finding("problem", f"{port.device or port.what}: cannot be used", port.problem)
        else:
            yield Finding("ok", f"{port.source}: {port.what}")


def _bluetooth() -> Iterator[Finding]:
    if importlib.util.find_spec("bleak") is None or sys.platform != "linux":
        return
    adapters = sorted(one.name for one in Path("/sys/class/bluetooth").glob("hci*"))
    if not adapters:
        yield Finding("note", "no Bluetooth adapter", "plug one in, if you have Bluetooth buttons")
        return
    bus = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "")
    if not bus and not Path("/run/dbus/system_bus_socket").exists():
        yield Finding(
            "problem",
            f"{', '.join(adapters)} is there and D-Bus is not running",
            "sudo apt-get install bluez dbus && sudo systemctl start dbus bluetooth",
        )
        return
    yield Finding("ok", f"Bluetooth adapter {', '.join(adapters)}")


def _broker() -> Iterator[Finding]:
    if importlib.util.find_spec("amqtt") is None:
        yield Finding("problem", "the embedded broker is missing", "pip install amqtt")
    else:
        yield Finding("ok", "embedded broker, for dev and demo")
    mosquitto = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if mosquitto:
        yield Finding("ok", f"Mosquitto at {mosquitto}, for production")
    else:
        yield Finding(
            "note",
            "no Mosquitto here: production needs a broker of its own, here or elsewhere",
            "sudo apt-get install mosquitto",
        )


def _open_files() -> Iterator[Finding]:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _OPEN_FILES:
        yield Finding("note", f"only {soft} open files are allowed", f"ulimit -n {hard}")
    else:
        yield Finding("ok", f"{soft} open files allowed")
