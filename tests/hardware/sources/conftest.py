"""What the tests of the sources share: a clock, a simulated port, and the ports of a machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware_sim.links.pty import PtyLink

# Helpers that are too long for a conftest stand beside it.
sys.path.insert(0, str(Path(__file__).parent))


class FixedClock:
    """A clock that stands still until it is told."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.time_ms = now_ms

    def now_ms(self) -> int:
        return self.time_ms


@dataclass
class FakePortInfo:
    """A row of ``comports()``, as pyserial gives it."""

    device: str
    vid: int | None = 0x2E8A
    pid: int | None = 0x0005
    serial_number: str | None = "E6614103E7"
    product: str | None = "Board in FS mode"
    manufacturer: str | None = "MicroPython"
    location: str | None = "1-1"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def port_info() -> type[FakePortInfo]:
    return FakePortInfo


@pytest.fixture
def link(tmp_path):
    """A simulated button that is plugged in."""
    with PtyLink(tmp_path / "ttyACM0") as plugged:
        yield plugged


BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {more}
  </policy>
</busconfig>
"""


class PrivateBus:
    """A system bus of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:path={folder / 'bus'}"
        self._daemon: subprocess.Popen[str] | None = None

    def start(self, more: str = "") -> None:
        program = shutil.which("dbus-daemon")
        if program is None:
            pytest.fail("dbus-daemon is missing: install the package `dbus`")
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(socket=self.folder / "bus", more=more))
        self._daemon = subprocess.Popen(
            [program, f"--config-file={config}", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._daemon.stdout is not None
        assert self._daemon.stdout.readline(), "dbus-daemon did not start"

    def stop(self) -> None:
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.terminate()
            daemon.communicate(timeout=5)


@pytest.fixture
def system_bus(monkeypatch):
    """A private dbus-daemon, which everybody in this process takes for the system bus."""
    with tempfile.TemporaryDirectory() as folder:  # a socket path must be short
        bus = PrivateBus(Path(folder))
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        bus.start()
        yield bus
        bus.stop()


@pytest.fixture
async def bluez(system_bus):
    """A fake org.bluez with one adapter."""
    from fake_bluez import FakeBluez, leave_bleak

    fake = FakeBluez()
    await fake.start()
    fake.add_adapter()
    yield fake
    await fake.stop()
    await leave_bleak()
