"""The project's own sources on the real stacks: presses are decoded, through every outage."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from buttonlab import frames, radio, usb
from buttonlab.guest import Command
from buttonlab.machine import Machine
from buttonlab.radio import Air, BthomeButton, LbsButton

pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]

PROGRAM = Path(__file__).parent / "programs" / "hear.py"
BEACON, LBS = "C4:00:00:00:00:01", "C4:00:00:00:00:02"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")

Hear = Callable[..., Awaitable[Command]]


@pytest.fixture
def hear(bench: Machine) -> Hear:
    async def start(spec: str, *keys: str) -> Command:
        hearing = await bench.guest.python(PROGRAM, spec, *keys)
        await hearing.line("STATE CLOSED OPENING")
        return hearing

    return start


async def test_a_plain_advertisement_is_a_click(air: Air, hear: Hear) -> None:
    hearing = await hear("ble:")
    await hearing.line("OPENING READING")
    button = BthomeButton(air, BEACON)
    await button.advertise(frames.bthome(7))
    assert await hearing.line("CLICK") == f"CLICK {BEACON} SINGLE bthome asserted 7"
    await button.advertise(frames.bthome(8, frames.LONG_PRESS))
    assert await hearing.line(" LONG ") == f"CLICK {BEACON} LONG bthome asserted 8"


async def test_an_encrypted_advertisement_proves_its_sender(air: Air, hear: Hear) -> None:
    hearing = await hear("ble:", f"{BEACON}={KEY.hex()}")
    await hearing.line("OPENING READING")
    button = BthomeButton(air, BEACON)
    forged = frames.bthome_encrypted(1, address=BEACON, key=bytes(16), counter=1)
    await button.advertise(forged)
    await hearing.line(f"IGNORED {BEACON}")
    genuine = frames.bthome_encrypted(2, address=BEACON, key=KEY, counter=2)
    await button.advertise(genuine)
    assert (await hearing.line("CLICK")).startswith(f"CLICK {BEACON} SINGLE bthome authenticated")


async def test_a_connected_button_is_heard_again_after_a_lost_link(air: Air, hear: Hear) -> None:
    button = LbsButton(air, LBS)
    await button.switch_on()
    hearing = await hear(f"ble:?gatt={LBS}")
    await button.heard()
    await button.press()
    await hearing.line(f"CLICK {LBS} SINGLE nordic_lbs")
    await button.go_out_of_range()
    await hearing.line("IGNORED")
    await button.come_near()
    await button.heard()
    await button.press(held_s=1.8)
    await hearing.line(f"CLICK {LBS} LONG nordic_lbs")


async def test_a_restart_of_bluetoothd_costs_no_later_click(
    bench: Machine, air: Air, hear: Hear
) -> None:
    hearing = await hear("ble:")
    await hearing.line("OPENING READING")
    await bench.guest.run("/lab/bluetooth", "stop")
    # Going down, it switches the adapter off first; either is a good reason to name.
    assert re.search("bluetoothd|adapter", await hearing.line("READING COOLING"))
    await bench.guest.run("/lab/bluetooth", "start")
    await hearing.line("OPENING READING")
    await BthomeButton(air, BEACON).advertise(frames.bthome(1))
    await hearing.line(f"CLICK {BEACON} SINGLE")


async def test_an_adapter_may_come_late_and_be_pulled(bench: Machine, hear: Hear) -> None:
    hearing = await hear("ble:")
    assert "adapter" in await hearing.line("OPENING COOLING")
    for packet_id in (1, 2):
        async with radio.adapter(bench.radio_socket) as air:
            await bench.guest.run("/lab/bluetooth", "attach")
            await hearing.line("OPENING READING")
            await BthomeButton(air, BEACON).advertise(frames.bthome(packet_id))
            await hearing.line(f"CLICK {BEACON} SINGLE bthome asserted {packet_id}")
            await bench.guest.run("/lab/bluetooth", "detach")
        assert "adapter" in await hearing.line("READING COOLING")


async def test_a_usb_button_is_found_by_its_serial_number_wherever_it_is_plugged(
    bench: Machine, hear: Hear
) -> None:
    hearing = await hear("serial:usb=0403:6001:BTN-0001")
    await hearing.line("OPENING COOLING")
    async with usb.in_hand(bench, "BTN-0001") as button:
        for counter, port in enumerate(("1", "3"), start=1):
            await button.plug(port)
            await hearing.line("OPENING READING")
            await button.send(frames.sentence("BTN-0001", 5, counter))
            assert (await hearing.line("CLICK")).startswith("CLICK BTN-0001 SINGLE native")
            await button.unplug()
            assert "unplugged" in await hearing.line("READING COOLING")
