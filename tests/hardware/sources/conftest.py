"""What the tests of the sources share: a clock, a simulated port, and the ports of a machine."""

from __future__ import annotations

import sys
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
