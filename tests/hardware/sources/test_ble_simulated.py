"""A simulated button on simulated air, heard by the real source through ``backend=``."""

import asyncio
import sys

import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import BthomeEncoder, ButtonDevice
from firmware_sim.links.ble import BleAir, BleLink, advertisement
from firmware_sim.links.button import SimulatedButton
from firmware_sim.links.errors import LinkError
from firmware_sim.world.slots import MemorySlot
from hardware.click import Click
from hardware.decode import Decoder
from hardware.keys import NoKeys
from hardware.sources.ble import BleBackend, BleSource
from hardware.sources.ble_radio import BTHOME_UUID

BUTTON = "C0:98:E5:49:00:01"
LBS_BUTTON = "00001524-1212-efde-1523-785feabcd123"


@pytest.fixture
async def air():
    return BleAir()


@pytest.fixture
async def source_of(air, clock):
    from bumble_central import central_on, client_of, scanner_of

    central = await central_on(air.controller("station"))
    sources = []

    def build(spec):
        backend = BleBackend(scanner_of(central), client_of(central))
        options = {"backend": backend, "connect_s": 10, "retry_s": 0.01}
        sources.append(BleSource(spec, now_ms=clock.now_ms, **options))
        return sources[-1]

    yield build
    for source in sources:
        await source.close()
    await central.power_off()


async def heard(source):
    return await asyncio.wait_for(source.read(), 30)


async def test_a_press_is_heard_again_and_again(air, source_of):
    source = source_of("ble:")
    await source.open()
    async with BleLink(air.controller("button"), address=BUTTON) as link:
        await link.advertise(bytes.fromhex("4000073a01"))
        frames = [await heard(source) for _ in range(3)]
        assert {frame.payload.hex() for frame in frames} == {"4000073a01"}
        assert {(frame.address, frame.channel) for frame in frames} == {(BUTTON, BTHOME_UUID)}
        await link.advertise(bytes.fromhex("4000083a04"))
        while (await heard(source)).payload.hex() != "4000083a04":
            pass


async def test_a_simulated_button_is_heard_and_understood(air, source_of):
    source = source_of("ble:")
    await source.open()
    encoder = BthomeEncoder(bytes.fromhex(BUTTON.replace(":", "")))
    device = ButtonDevice("G030PM0000000001", ClickCounter(MemorySlot()), (encoder,))
    async with BleLink(air.controller("button"), address=BUTTON) as link:
        await SimulatedButton(device, link).click("DOUBLE")
        [click] = Decoder(NoKeys()).decode(await heard(source))
    assert isinstance(click, Click)
    assert (click.family, click.address, click.click_type) == ("bthome", BUTTON, "DOUBLE")


async def test_a_radio_that_is_off_sends_nothing(air):
    link = BleLink(air.controller("button"), address=BUTTON)
    with pytest.raises(LinkError, match="is off; start the link first"):
        await link.advertise(b"")


async def test_a_level_button_is_pressed_lost_and_found(air, source_of):
    async with BleLink(air.controller("button"), address=BUTTON, level_button=True) as link:
        source = source_of(f"ble:?gatt={BUTTON}")
        await source.open()
        await link.level(pressed=True)
        down = await heard(source)
        assert (down.channel, down.payload, down.address) == (LBS_BUTTON, b"\x01", BUTTON)
        await link.drop()
        assert (await heard(source)).link_lost
        while not source.connected:
            await asyncio.sleep(0.01)
        await link.level(pressed=False)
        assert (await heard(source)).payload == b"\x00"


async def test_auto_finds_the_level_button(air, source_of):
    source = source_of("ble:?gatt=auto")
    await source.open()
    async with BleLink(air.controller("button"), address=BUTTON, level_button=True) as link:
        while not source.connected:
            await asyncio.sleep(0.01)
        await link.level(pressed=True)
        assert (await heard(source)).payload == b"\x01"


def test_the_bytes_on_air_are_flags_and_service_data():
    # By hand: 3 bytes of flags; length 8, type 16, UUID D2FC little endian, the frame.
    assert advertisement(bytes.fromhex("4000073a01")).hex() == "020106" + "0816d2fc" + "4000073a01"


def test_a_frame_that_does_not_fit_is_refused():
    advertisement(bytes(24))
    with pytest.raises(LinkError, match=r"would have 32 bytes, and 31 fit; .* less than 25 bytes"):
        advertisement(bytes(25))


def test_without_bumble_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bumble.link", None)
    with pytest.raises(LinkError, match="pip install bumble"):
        BleAir()
