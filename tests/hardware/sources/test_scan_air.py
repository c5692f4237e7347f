"""A survey of the air through bleak and a small org.bluez."""

import asyncio

import pytest

from hardware.scan import advertising
from hardware.source import SourceAwayError
from hardware.sources.ble_radio import BTHOME_UUID

BUTTON = "A4:C1:38:8D:18:B2"


async def test_the_air_is_listened_to_for_a_while(bluez):
    heard = asyncio.Event()
    survey = asyncio.create_task(advertising(0.3, on_heard=lambda _: heard.set()))
    await bluez.count("StartDiscovery")
    bluez.advertise("00:00:5E:00:53:07", name="Headphones", rssi=-30)
    bluez.advertise(BUTTON, name="SBBT-002C", service_data={BTHOME_UUID: b"\x40\x01\x64\x3a\x01"})
    await asyncio.wait_for(heard.wait(), 30)
    button, other = await survey
    assert (button.address, button.family, button.battery_percent) == (BUTTON, "bthome", 100)
    assert (other.name, other.family, other.rssi_dbm) == ("Headphones", None, -30)
    assert bluez.calls[-2:] == ["StopDiscovery", "SetDiscoveryFilter"]


async def test_without_a_radio_the_survey_says_so(bluez):
    bluez.remove_adapter()
    with pytest.raises(SourceAwayError, match="there is no Bluetooth adapter"):
        await advertising(5)
