"""Supervisor and real sources together: outages come and go, and frames are heard again."""

import asyncio
import contextlib
import time

import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, SerialEncoder
from firmware_sim.links.button import SimulatedButton
from firmware_sim.links.errors import LinkError
from firmware_sim.world.slots import MemorySlot
from hardware.click import Click
from hardware.decode import Decoder
from hardware.keys import NoKeys
from hardware.source import SourceAwayError
from hardware.sources import open_source
from hardware.sources.ble_radio import BTHOME_UUID
from hardware.supervisor import Backoff, Supervisor

BUTTON = "A4:C1:38:8D:18:B2"

# A pause so long that only a wake can have ended it.
ASLEEP = Backoff(first_ms=60_000, cap_ms=60_000, floor_ms=5)


class WallClock:
    def now_ms(self):
        return time.time_ns() // 1_000_000


@pytest.fixture
async def heard_by():
    """Starts supervisors; each hands its frames and states to queues."""
    tasks = []

    def start(spec, **options):
        frames, states = asyncio.Queue(), asyncio.Queue()
        source = open_source(spec, clock=WallClock(), **options)
        supervisor = Supervisor(
            source,
            clock=WallClock(),
            on_state=lambda change: states.put_nowait(change.now.state),
            backoff=ASLEEP,
        )

        async def collect():
            async with contextlib.aclosing(supervisor.frames()) as all_frames:
                async for frame in all_frames:
                    frames.put_nowait(frame)

        tasks.append(asyncio.create_task(collect()))
        return supervisor, frames, states

    yield start
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(states, wanted):
    while await asyncio.wait_for(states.get(), 30) != wanted:
        pass


async def test_a_serial_button_is_unplugged_in_the_middle_and_plugged_in_again(link, heard_by):
    supervisor, frames, states = heard_by(f"serial:{link.path}", comports=list, poll_s=0.01)
    await supervisor.wait_reading(30)
    link.write(b"one\n")
    assert (await asyncio.wait_for(frames.get(), 30)).payload == b"one"
    link.unplug()
    await until(states, "COOLING")
    with pytest.raises(SourceAwayError, match="unplugged"):
        await supervisor.wait_reading(0.01)
    link.plug()
    await supervisor.wait_reading(30)
    link.write(b"two\n")
    assert (await asyncio.wait_for(frames.get(), 30)).payload == b"two"


async def test_a_simulated_button_on_a_port_is_heard_and_understood(link, heard_by):
    supervisor, frames, _ = heard_by(f"serial:{link.path}", comports=list)
    await supervisor.wait_reading(30)
    device = ButtonDevice("G030PM0000000001", ClickCounter(MemorySlot()), (SerialEncoder(),))
    button = SimulatedButton(device, link)
    said = await button.click("LONG")
    [click] = Decoder(NoKeys()).decode(await asyncio.wait_for(frames.get(), 30))
    assert isinstance(click, Click)
    assert (click.address, click.click_type) == (said.device_id, "LONG")
    link.unplug()
    with pytest.raises(LinkError, match="is unplugged; plug it in"):
        await button.click()


async def test_a_port_that_is_not_there_yet_is_waited_for(link, heard_by):
    link.unplug()
    supervisor, frames, states = heard_by(f"serial:{link.path}", comports=list, poll_s=0.01)
    await until(states, "COOLING")
    link.plug()
    await supervisor.wait_reading(30)
    link.write(b"hello\n")
    assert (await asyncio.wait_for(frames.get(), 30)).payload == b"hello"


async def test_bluetoothd_restarts_during_the_wait(bluez, heard_by):
    supervisor, frames, states = heard_by("ble:")
    await supervisor.wait_reading(30)
    await bluez.stop()
    await until(states, "COOLING")
    await bluez.start()
    bluez.add_adapter()
    await supervisor.wait_reading(30)
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    assert (await asyncio.wait_for(frames.get(), 30)).address == BUTTON


async def test_the_adapter_is_plugged_in_late(bluez, heard_by):
    bluez.remove_adapter()
    supervisor, _, states = heard_by("ble:")
    await until(states, "COOLING")
    assert "there is no Bluetooth adapter" in supervisor.situation.reason
    bluez.add_adapter()
    await supervisor.wait_reading(30)
    assert supervisor.situation.reason == ""
