"""What was on air, and why a radio failed."""

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)

from hardware.source import SourceAwayError, SourceRefusedError
from hardware.sources.ble_radio import explain_radio_error, is_on_air
from hardware.sources.bluez import adapter_problem

PRESS = {"ServiceData": {"fcd2": b"\x40"}, "RSSI": -60, "Connected": False}


@pytest.mark.parametrize(
    ("before", "changes", "on_air"),
    [
        (None, {}, True),
        (PRESS, {}, True),  # an equal repeat is announced as well
        (PRESS, {"RSSI": -61}, True),
        (PRESS, {"ServiceData": {"fcd2": b"\x41"}}, True),
        (PRESS, {"Connected": True}, False),
        (PRESS, {"Connected": True, "RSSI": -61}, True),
        (PRESS, {"Name": "learnt while connected"}, False),
    ],
)
def test_a_change_counts_when_an_advertisement_made_it(before, changes, on_air):
    assert is_on_air(before, PRESS | changes) is on_air


def test_without_a_signal_strength_nothing_was_on_air():
    silent = {"ServiceData": {"fcd2": b"\x40"}, "Connected": False}
    assert not is_on_air(PRESS, silent)
    assert not is_on_air(None, silent)


AWAY = {"NO_BLUETOOTH", "POWERED_OFF", "UNKNOWN"}


@pytest.mark.parametrize("reason", list(BleakBluetoothNotAvailableReason))
def test_every_reason_of_the_driver_is_away_or_refused(reason):
    error = explain_radio_error("ble:", BleakBluetoothNotAvailableError("why", reason))
    assert isinstance(error, SourceAwayError if reason.name in AWAY else SourceRefusedError)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "sudo systemctl start bluetooth"),
        ("org.bluez.Error.NotReady", "bluetoothctl power on"),
        ("org.freedesktop.DBus.Error.AccessDenied", "usermod -aG bluetooth"),
        ("org.bluez.Error.InProgress", "InProgress"),
    ],
)
def test_an_error_of_bluez_names_the_next_step(name, words):
    assert words in str(explain_radio_error("ble:", BleakDBusError(name, ["text"])))


def test_a_radio_that_hangs_or_says_nothing_is_still_explained():
    assert "restart bluetooth" in str(explain_radio_error("ble:", TimeoutError()))
    assert "BleakError" in str(explain_radio_error("ble:", BleakError()))


@pytest.mark.parametrize(
    ("running", "adapters", "wanted", "words"),
    [
        (False, {}, None, "bluetoothd is not running"),
        (True, {}, None, "there is no Bluetooth adapter"),
        (True, {"hci0": False, "hci1": False}, None, "hci0, hci1 is off"),
        (True, {"hci0": False, "hci1": True}, "hci0", "hci0 is off"),
        (True, {}, "hci0", "attached now: none"),
    ],
)
def test_what_keeps_us_from_hearing(running, adapters, wanted, words):
    problem = adapter_problem(running=running, adapters=adapters, wanted=wanted)
    assert problem is not None
    assert words in "; ".join(problem)


@pytest.mark.parametrize("wanted", [None, "hci1"])
def test_one_adapter_that_is_on_is_enough(wanted):
    adapters = {"hci0": False, "hci1": True}
    assert adapter_problem(running=True, adapters=adapters, wanted=wanted) is None
