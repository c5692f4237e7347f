"""The lab itself: real BlueZ and real kernel USB behave as the other tests rely on."""

from pathlib import Path

import pytest
from buttonlab import usb
from buttonlab.machine import Machine
from buttonlab.radio import LBS_BUTTON, Air, BthomeButton, LbsButton

# Each resumes a guest whose processor is emulated; on a busy machine that takes its time.
pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]

PROGRAMS = Path(__file__).parent / "programs"
BEACON, LBS = "C4:00:00:00:00:01", "C4:00:00:00:00:02"

# bthome.io/format, by hand: version 2, trigger based; packet 1, battery 100 %, button press.
ONE_PRESS = bytes.fromhex("44 0001 0164 3a01")


async def test_the_guest_has_the_time_of_now(bench: Machine) -> None:
    import time

    said = await bench.guest.run("date", "+%s")
    assert abs(int(said) - time.time()) < 5


async def test_all_that_a_bench_installs_can_be_imported(bench: Machine) -> None:
    await bench.guest.run("python3", "-W", "error", "/lab/warm.py")


async def test_bluez_hears_service_data_byte_for_byte(bench: Machine, air: Air) -> None:
    button = BthomeButton(air, BEACON)
    scanning = await bench.guest.python(PROGRAMS / "scan.py")
    await scanning.line("SCANNING")
    await button.advertise(ONE_PRESS)
    line = await scanning.line(f"HEARD {BEACON} SBBT-002C")
    assert f"'0000fcd2-0000-1000-8000-00805f9b34fb': '{ONE_PRESS.hex()}'" in line


async def test_a_restart_of_bluetoothd_leaves_a_running_scan_deaf(bench: Machine, air: Air) -> None:
    scanning = await bench.guest.python(PROGRAMS / "scan.py")
    await scanning.line("SCANNING")
    assert "Discovering: yes" in await bench.guest.run("bluetoothctl", "show")
    await bench.guest.run("/lab/bluetooth", "stop")
    await bench.guest.run("/lab/bluetooth", "start")
    shown = await bench.guest.run("sh", "-c", WHEN_POWERED)
    assert "Discovering: no" in shown
    # And bleak does not notice: the program has not ended, nor said a word.
    assert scanning.story.split() == ["SCANNING"]
    again = await bench.guest.python(PROGRAMS / "scan.py")
    await again.line("SCANNING")
    await BthomeButton(air, BEACON).advertise(ONE_PRESS)
    await again.line(f"HEARD {BEACON}")


async def test_a_peripheral_notifies_is_lost_and_found_again(bench: Machine, air: Air) -> None:
    button = LbsButton(air, LBS)
    await button.switch_on()
    client = await bench.guest.python(PROGRAMS / "subscribe.py", LBS, LBS_BUTTON)
    for _ in range(2):
        await client.line("SUBSCRIBED")
        await button.heard()
        await button.press()
        assert await client.line("NOTIFIED") == "NOTIFIED 01"
        assert await client.line("NOTIFIED") == "NOTIFIED 00"
        await button.go_out_of_range()
        await client.line("LOST")
        await button.come_near()


async def test_usb_keeps_its_serial_number_through_a_replug(bench: Machine) -> None:
    reader = await bench.guest.python(PROGRAMS / "read_port.py", "BTN-0001")
    async with usb.in_hand(bench, "BTN-0001") as button:
        for port in ("1", "2"):
            await button.plug(port)
            line = await reader.line("PLUGGED")
            assert line == f"PLUGGED /dev/ttyUSB0 0403:6001 at 1-{port}"
            await reader.line("OPEN")
            await button.send(b"hello from %s\r\n" % port.encode())
            assert await reader.line("LINE") == f"LINE hello from {port}"
            await button.unplug()
            assert await reader.line("UNPLUGGED") == "UNPLUGGED SerialException"


# The adapter is powered up some time after the daemon has started.
WHEN_POWERED = """
until bluetoothctl show | grep -q 'Powered: yes'; do sleep 0.05; done
bluetoothctl show
"""
