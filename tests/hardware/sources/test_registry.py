"""Spec strings and the drivers they load."""

import subprocess
import sys

import pytest

from hardware.source import SourceSpecError
from hardware.sources import SCHEMES, open_source


@pytest.mark.parametrize("spec", ["sim:", "carrier-pigeon:home", "/dev/ttyACM0", ""])
def test_an_unknown_scheme_lists_the_known_ones(spec, clock):
    with pytest.raises(SourceSpecError, match="write one of ble:, memory:, mqtt:"):
        open_source(spec, clock=clock)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_has_its_module_and_function(scheme):
    from hardware import sources

    module, _, function = sources._SOURCES[scheme].partition(":")
    assert callable(getattr(__import__(module, fromlist=[function]), function))


def test_importing_the_sources_loads_no_driver():
    program = (
        "import sys, hardware.sources, hardware.supervisor, hardware.scan, hardware.sources.serial,"
        " hardware.sources.ble, firmware_sim.links.pty, firmware_sim.links.ble\n"
        "print(sorted({'bleak', 'dbus_fast', 'serial', 'bumble'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert loaded.strip() == "[]"
