"""The Bluetooth source: bleak's real BlueZ backend against a small org.bluez on a private bus."""

import asyncio
import logging

import pytest
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from hardware.source import SourceAwayError, SourceRefusedError, SourceSpecError
from hardware.sources import open_source
from hardware.sources.ble import BleBackend, BleSource, BleSpec
from hardware.sources.ble_radio import BTHOME_UUID, MIBEACON_UUID

BUTTON = "A4:C1:38:8D:18:B2"
LBS = "00001523-1212-efde-1523-785feabcd123"
LBS_BUTTON = "00001524-1212-efde-1523-785feabcd123"


@pytest.fixture
async def source_of(clock):
    """Builds sources, and closes them afterwards."""
    sources = []

    def build(spec="ble:", **options):
        sources.append(BleSource(spec, now_ms=clock.now_ms, **options))
        return sources[-1]

    yield build
    for source in sources:
        await source.close()


async def heard(source):
    return await asyncio.wait_for(source.read(), 30)


async def test_an_advertisement_becomes_a_frame(bluez, source_of, clock):
    source = source_of()
    await source.open()
    bluez.advertise(
        BUTTON,
        service_data={BTHOME_UUID: bytes.fromhex("403a04")},
        name="SBBT-002C",
        rssi=-48,
        manufacturer_data={0x0BA9: b"\x01\x02"},
        uuids=(BTHOME_UUID,),
    )
    frame = await heard(source)
    assert (frame.transport, frame.source, frame.heard_ms) == (
        "ble-advertisement", "ble:", clock.time_ms,
    )  # fmt: skip
    assert (frame.address, frame.channel, frame.payload) == (
        BUTTON, BTHOME_UUID, bytes.fromhex("403a04"),
    )  # fmt: skip
    assert (frame.name, frame.rssi_dbm, frame.direct) == ("SBBT-002C", -48, True)
    assert frame.manufacturer_data == ((0x0BA9, b"\x01\x02"),)
    assert frame.service_uuids == (BTHOME_UUID,)


async def test_the_registry_opens_it(bluez, clock):
    source = open_source("ble:?adapter=hci0", clock=clock)
    await source.open()
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    assert (await heard(source)).payload == b"\x40\x3a\x01"
    await source.close()


async def test_each_service_data_of_a_button_is_a_frame_and_others_are_not(bluez, source_of):
    source = source_of()
    await source.open()
    other = "0000feaa-0000-1000-8000-00805f9b34fb"
    bluez.advertise(
        BUTTON, service_data={other: b"\x00", BTHOME_UUID: b"\x40", MIBEACON_UUID: b"\x50"}
    )
    assert [(await heard(source)).channel for _ in range(2)] == [BTHOME_UUID, MIBEACON_UUID]


async def test_all_service_data_is_handed_over_when_asked_for(bluez, source_of):
    source = source_of("ble:?all=1")
    await source.open()
    other = "0000feaa-0000-1000-8000-00805f9b34fb"
    bluez.advertise(BUTTON, service_data={other: b"\x00"})
    assert (await heard(source)).channel == other


async def test_equal_repeats_are_all_heard(bluez, source_of):
    source = source_of()
    await source.open()
    for _ in range(3):
        bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x00\x05\x3a\x01"})
    assert len({(await heard(source)).payload for _ in range(3)}) == 1


async def test_a_change_that_is_no_advertisement_repeats_no_press(bluez, source_of):
    source = source_of()
    await source.open()
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    await heard(source)
    bluez.change(BUTTON, Connected=True)
    bluez.change(BUTTON, Paired=True)
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x02"})
    assert (await heard(source)).payload == b"\x40\x3a\x02"


async def test_passive_listening_is_used_where_bluez_has_it(system_bus, source_of):
    from fake_bluez import FakeBluez, leave_bleak

    bluez = FakeBluez(passive=True)
    await bluez.start()
    bluez.add_adapter()
    source = source_of()
    await source.open()
    assert "RegisterMonitor" in bluez.calls
    assert "StartDiscovery" not in bluez.calls
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    assert (await heard(source)).address == BUTTON
    await source.close()
    assert bluez.calls[-1] == "UnregisterMonitor"
    await bluez.stop()
    await leave_bleak()


async def test_active_listening_takes_its_place_where_not(bluez, source_of):
    await source_of().open()
    assert bluez.calls == ["RegisterMonitor", "SetDiscoveryFilter", "StartDiscovery"]


async def test_no_adapter(bluez, source_of):
    bluez.remove_adapter()
    with pytest.raises(SourceAwayError, match=r"there is no Bluetooth adapter; plug one in"):
        await source_of().open()


async def test_an_adapter_that_is_not_there_by_name(bluez, source_of):
    with pytest.raises(SourceAwayError, match=r"no Bluetooth adapter hci7; .*attached now: hci0"):
        await source_of("ble:?adapter=hci7").open()


async def test_an_adapter_that_is_off(bluez, source_of):
    bluez.power(False)
    with pytest.raises(SourceAwayError, match=r"hci0 is off; .*bluetoothctl power on"):
        await source_of().open()


async def test_the_adapter_that_is_on_is_taken(bluez, source_of):
    bluez.power(False)
    bluez.add_adapter("hci1")
    source = source_of()
    await source.open()
    assert source._adapter == "hci1"


async def test_no_bluetoothd(system_bus, source_of):
    with pytest.raises(SourceAwayError, match="bluetoothd is not running; sudo systemctl start"):
        await source_of().open()


async def test_no_system_bus(monkeypatch, tmp_path, source_of):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(SourceAwayError, match="there is no D-Bus system bus"):
        await source_of().open()


async def test_a_bus_that_does_not_let_us_speak_to_bluez(system_bus, source_of):
    from fake_bluez import FakeBluez

    system_bus.stop()
    system_bus.start(more='<deny send_destination="org.bluez"/>')
    bluez = FakeBluez()
    await bluez.start()
    with pytest.raises(SourceRefusedError, match=r"usermod -aG bluetooth"):
        await source_of().open()
    await bluez.stop()


async def test_without_bleak_the_remedy_is_the_extra(monkeypatch, source_of):
    for name in [*__import__("sys").modules]:
        if name.partition(".")[0] in {"bleak", "dbus_fast"}:
            monkeypatch.delitem(__import__("sys").modules, name)
    monkeypatch.setitem(__import__("sys").modules, "dbus_fast", None)
    with pytest.raises(SourceRefusedError, match=r"pip install 'clickclaim\[ble\]'"):
        await source_of().open()


async def test_bluetoothd_restarts_and_the_source_hears_again(bluez, source_of):
    source = source_of()
    await source.open()
    reading = asyncio.create_task(source.read())
    await bluez.stop()
    with pytest.raises(SourceAwayError, match="bluetoothd is not running"):
        await asyncio.wait_for(reading, 30)
    await source.close()  # stopping the scan fails, and nobody hears of it
    with pytest.raises(SourceAwayError, match="bluetoothd is not running"):
        await source.open()
    await source.close()
    waking = asyncio.create_task(source.wait_for_wake())
    await bluez.start()
    bluez.add_adapter()
    await asyncio.wait_for(waking, 30)
    await source.open()
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    assert (await heard(source)).address == BUTTON


async def test_the_adapter_is_pulled_and_comes_back(bluez, source_of):
    source = source_of()
    await source.open()
    reading = asyncio.create_task(source.read())
    bluez.remove_adapter()
    with pytest.raises(SourceAwayError, match="there is no Bluetooth adapter"):
        await asyncio.wait_for(reading, 30)
    await source.close()
    waking = asyncio.create_task(source.wait_for_wake())
    await bluez.count("StopDiscovery")
    bluez.add_adapter(powered=False)
    bluez.power(True)
    await asyncio.wait_for(waking, 30)
    await source.open()


async def test_the_adapter_is_switched_off(bluez, source_of):
    source = source_of()
    await source.open()
    bluez.power(False)
    with pytest.raises(SourceAwayError, match="adapter hci0 is off"):
        await heard(source)


async def test_another_adapter_going_is_no_trouble(bluez, source_of):
    bluez.add_adapter("hci1")
    source = source_of("ble:?adapter=hci0")
    await source.open()
    bluez.remove_adapter("hci1")
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    assert (await heard(source)).address == BUTTON


async def test_the_system_bus_ends(bluez, system_bus, source_of):
    source = source_of()
    await source.open()
    system_bus.stop()
    with pytest.raises(SourceAwayError, match="bluetoothd is not running"):
        await heard(source)


async def test_a_quiet_radio_is_started_again_and_the_source_stays(bluez, source_of):
    source = source_of(quiet_s=0.02)
    await source.open()
    await bluez.count("StartDiscovery", 3)
    bluez.advertise(BUTTON, service_data={BTHOME_UUID: b"\x40\x3a\x01"})
    assert (await heard(source)).address == BUTTON


async def test_a_radio_that_will_not_start_again_is_away(bluez, source_of):
    source = source_of(quiet_s=0.02)
    await source.open()
    bluez.refuses["StartDiscovery"] = "org.bluez.Error.NotReady"
    with pytest.raises(SourceAwayError, match="adapter is off; switch it on"):
        await heard(source)


@pytest.fixture
async def lbs(bluez, source_of):
    """A source connected to an LBS button."""
    bluez.offer(BUTTON, {LBS: [LBS_BUTTON, "00001525-1212-efde-1523-785feabcd123"]})
    source = source_of(f"ble:?gatt={BUTTON.lower()}", connect_s=5, retry_s=0.01)
    opening = asyncio.create_task(source.open())
    await bluez.count("StartDiscovery")
    bluez.advertise(BUTTON, name="Nordic_LBS", uuids=(LBS,))
    await asyncio.wait_for(opening, 30)
    return source


async def test_a_level_button_is_heard_as_soon_as_the_source_is_open(bluez, lbs):
    bluez.notify(BUTTON, LBS_BUTTON, b"\x01")
    bluez.notify(BUTTON, LBS_BUTTON, b"\x00")
    down, up = await heard(lbs), await heard(lbs)
    assert (down.transport, down.address, down.channel) == ("ble-notify", BUTTON, LBS_BUTTON)
    assert (down.payload, up.payload) == (b"\x01", b"\x00")
    assert (down.service_uuids, down.name, down.direct) == ((LBS,), "Nordic_LBS", True)
    assert bluez.calls.count("StartNotify") == 1  # not the LED


async def test_a_link_lost_in_mid_press_is_told_and_made_again(bluez, lbs):
    bluez.notify(BUTTON, LBS_BUTTON, b"\x01")
    bluez.drop(BUTTON)
    assert (await heard(lbs)).payload == b"\x01"
    lost = await heard(lbs)
    assert (lost.link_lost, lost.address, lost.payload, lost.channel) == (True, BUTTON, b"", None)
    while bluez.calls.count("StartNotify") < 2:  # it advertises until somebody connects
        bluez.advertise(BUTTON, name="Nordic_LBS", uuids=(LBS,))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0)
    bluez.notify(BUTTON, LBS_BUTTON, b"\x01")
    again = await heard(lbs)
    assert (again.payload, again.link_lost) == (b"\x01", False)


async def test_links_are_told_lost_before_the_outage(bluez, lbs):
    await bluez.stop()
    assert (await heard(lbs)).link_lost
    with pytest.raises(SourceAwayError, match="bluetoothd"):
        await heard(lbs)


async def test_closing_disconnects(bluez, lbs):
    await lbs.close()
    assert "Disconnect" in bluez.calls
    assert not bluez.objects[bluez.path_of(BUTTON)]["org.bluez.Device1"]["Connected"]


async def test_a_button_that_is_not_there_keeps_the_source_from_opening(bluez, source_of):
    source = source_of(f"ble:?gatt={BUTTON}", connect_s=0.05)
    with pytest.raises(SourceAwayError, match=rf"no connection to {BUTTON} \(not heard\); wake"):
        await source.open()


async def test_a_radio_lost_while_a_button_is_waited_for_ends_the_wait(bluez, source_of):
    source = source_of(f"ble:?gatt={BUTTON}", connect_s=30)
    opening = asyncio.create_task(source.open())
    await bluez.count("StartDiscovery")
    bluez.power(False)
    with pytest.raises(SourceAwayError, match="adapter hci0 is off"):
        await asyncio.wait_for(opening, 30)


async def test_a_peer_without_a_button_is_named(bluez, source_of):
    bluez.offer(BUTTON, {"0000180f-0000-1000-8000-00805f9b34fb": []})
    source = source_of(f"ble:?gatt={BUTTON}", connect_s=30)
    opening = asyncio.create_task(source.open())
    await bluez.count("StartDiscovery")
    bluez.advertise(BUTTON)
    with pytest.raises(SourceAwayError, match="it has no button we know"):
        await opening


async def test_a_peer_that_wants_pairing_says_how(bluez, source_of):
    bluez.offer(BUTTON, {LBS: [LBS_BUTTON]})
    bluez.refuses["StartNotify"] = "org.bluez.Error.NotPermitted"
    source = source_of(f"ble:?gatt={BUTTON}", connect_s=0.3)
    opening = asyncio.create_task(source.open())
    await bluez.count("StartDiscovery")
    bluez.advertise(BUTTON)
    with pytest.raises(SourceAwayError, match=f"it wants pairing: bluetoothctl pair {BUTTON}"):
        await opening


async def test_auto_connects_to_what_looks_like_a_button(bluez, source_of):
    bluez.offer(BUTTON, {LBS: [LBS_BUTTON]})
    source = source_of("ble:?gatt=auto")
    await source.open()
    assert "RegisterMonitor" not in bluez.calls  # names come in scan responses
    bluez.advertise("00:00:5E:00:53:07", name="Headphones")
    bluez.advertise(BUTTON, name="Nordic_LBS", uuids=(LBS,))
    await bluez.count("StartNotify")
    assert bluez.calls.count("Connect") == 1
    await asyncio.sleep(0)
    bluez.notify(BUTTON, LBS_BUTTON, b"\x01")
    assert (await heard(source)).payload == b"\x01"


async def test_a_slow_reader_is_said_once_and_loses_repeats_only(clock, caplog):
    seen = 0
    everything = asyncio.Event()

    def count(_):
        nonlocal seen
        seen += 1
        if seen == 1_100:
            everything.set()

    class Crowd(BaseBleakScanner):
        """A radio that hears 1,100 advertisements at once."""

        def __init__(self, callback, service_uuids, scanning_mode, **options):
            super().__init__(callback, service_uuids)

        async def start(self):
            self.seen_devices = {}
            asyncio.get_running_loop().call_soon(self._all_at_once)

        async def stop(self):
            pass

        def _all_at_once(self):
            for number in range(1_100):
                data = AdvertisementData(
                    None, {}, {BTHOME_UUID: number.to_bytes(2, "big")}, [], None, -60, ()
                )
                device = self.create_or_update_device(BUTTON, BUTTON, None, None, data)
                self.call_detection_callbacks(device, data)

    source = BleSource(
        "ble:",
        now_ms=clock.now_ms,
        backend=BleBackend(Crowd, BaseBleakClient),
        on_advertisement=count,
    )
    with caplog.at_level(logging.WARNING, logger="hardware.sources.ble"):
        await source.open()
        await asyncio.wait_for(everything.wait(), 30)
    kept = [int.from_bytes((await heard(source)).payload) for _ in range(len(source._frames))]
    assert kept == list(range(1_000))
    assert len(caplog.records) == 1
    await source.close()


async def test_reading_a_closed_source(source_of):
    with pytest.raises(SourceAwayError, match="is not open"):
        await source_of().read()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("ble:hci0", "nothing may stand before"),
        ("ble:?gatt=kitchen", "'KITCHEN' is no address"),
        ("ble:?scan=loud", "unknown option scan=loud"),
        ("ble:?adapter=", "unknown option adapter="),
    ],
)
def test_a_spec_nobody_can_understand_says_what_is_wrong(spec, words):
    with pytest.raises(SourceSpecError, match=words):
        BleSpec.parse(spec)


def test_a_spec_with_everything():
    spec = BleSpec.parse(f"ble:?adapter=hci1&gatt={BUTTON.lower()},auto&scan=passive&all=1")
    assert (spec.adapter, spec.auto, spec.addresses) == ("hci1", True, {BUTTON})
    assert (spec.listening, spec.everything, spec.passive) == ("passive", True, True)
