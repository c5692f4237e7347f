"""Whose click it is, and what vouches for it: aliases, keys, evidence."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hardware.click import RawFrame
from orchestrator.clocks import VirtualClock
from orchestrator.domain.addresses import canonical_address
from orchestrator.ingest.translate import own_device_id
from orchestrator.settings import for_profile
from orchestrator.stores.memory import MemoryStore
from orchestrator.stores.sqlite import SqliteStore
from tests.ingest.world import KEY, MINE, World

MAC = "A4:C1:38:8D:18:B2"
MAC_ID = "A4C1388D18B2"
BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"
BUTTON_LEVEL = "00001524-1212-efde-1523-785feabcd123"
BIND_KEY = bytes(range(16))


def advertisement(world, service_data: bytes, *, direct: bool = True) -> RawFrame:
    return RawFrame(
        transport="ble-advertisement",
        source="ble:",
        heard_ms=world.clock.now_ms(),
        payload=service_data,
        address=MAC,
        channel=BTHOME,
        direct=direct,
    )


def encrypted(counter: int, objects: bytes) -> bytes:
    """BTHome v2 service data, by bthome.io/encryption."""
    info, count = b"\x45", counter.to_bytes(4, "little")
    nonce = bytes.fromhex(MAC_ID) + b"\xd2\xfc" + info + count
    sealed = AESCCM(BIND_KEY, tag_length=4).encrypt(nonce, objects, b"")
    return info + sealed[:-4] + count + sealed[-4:]


@pytest.fixture
async def production():
    world = World(MemoryStore(), VirtualClock(), for_profile("production"))
    await world.registry.add("default", ["B1", MAC_ID])
    await world.run()
    yield world
    await world.stop()


@pytest.mark.parametrize("text", [MAC, MAC.lower(), MAC.replace(":", "-"), MAC_ID, MAC_ID.lower()])
def test_a_bluetooth_address_is_one_button_in_every_spelling(text):
    assert canonical_address(text) == MAC_ID


@pytest.mark.parametrize(
    "text", ["living room", "A4C1388D18B", "A4:C1-38:8D:18:B2", "G030PM01", ""]
)
def test_what_is_no_bluetooth_address_stays_as_it_is(text):
    assert canonical_address(text) == text


@pytest.mark.parametrize(
    ("family", "address", "device_id"),
    [
        ("native", "B1", "B1"),
        ("aws_iot_button", "G030PM0123456789", "G030PM0123456789"),
        ("aws_iot_button", "no id/at all", None),
        ("bthome", MAC, MAC_ID),
        ("theengs", MAC_ID, MAC_ID),
        ("zigbee2mqtt", "button1", None),
        ("zigbee2mqtt", MAC_ID, None),
        ("tasmota", "tasmota_8D18B2", None),
        ("serial_level", "E6614C311B6A9F32", None),
    ],
)
def test_an_address_is_a_device_id_by_itself_or_needs_an_alias(family, address, device_id):
    assert own_device_id(family, address) == device_id


async def test_a_bluetooth_address_becomes_its_twelve_digits(world):
    await world.run()
    await world.service.initiate(MINE, MAC_ID)
    (report,) = await world.told(advertisement(world, bytes.fromhex("40005201643a01")))
    assert (report.disposition, report.device_id) == ("MATCHED", MAC_ID)


@pytest.mark.parametrize("spelling", [MAC, MAC_ID, MAC.lower(), MAC.replace(":", "-")])
async def test_an_alias_comes_first(world, spelling):
    await world.registry.add("default", ["G030PM0123456789"])
    await world.registry.alias("default", spelling, "G030PM0123456789")
    await world.run()
    (report,) = await world.told(advertisement(world, bytes.fromhex("40005201643a01")))
    assert (report.disposition, report.device_id) == ("NO_CLAIM", "G030PM0123456789")


async def test_a_name_without_an_alias_is_remembered_as_an_unknown_device(world):
    await world.run()
    frame = world.frame(channel="zigbee2mqtt/living room", payload=b'{"action":"single"}')
    (report,) = await world.told(frame)
    assert (report.disposition, report.device_id) == ("UNKNOWN_DEVICE", None)
    assert "clickclaim devices alias 'living room' DEVICE" in report.reason
    (unknown,) = await world.store.unknown_devices("default")
    assert (unknown.address, unknown.family) == ("living room", "zigbee2mqtt")


async def test_a_device_id_that_nobody_registered_is_remembered_too(world):
    await world.run()
    (report,) = await world.told(world.frame("B9"))
    assert (report.disposition, report.device_id) == ("UNKNOWN_DEVICE", "B9")
    assert [u.address for u in await world.store.unknown_devices("default")] == ["B9"]


async def test_a_topic_of_any_length_does_no_harm(world):
    await world.run()
    channel = f"zigbee2mqtt/{'x' * 60_000}"
    (report,) = await world.told(world.frame(channel=channel, payload=b'{"action":"single"}'))
    assert report.device_id is None
    assert all(len(u.address) <= 256 for u in await world.store.unknown_devices("default"))


async def test_our_own_topic_names_the_namespace(world):
    await world.registry.add("factory", ["B1"])
    await world.run()
    (report,) = await world.told(world.frame(namespace="factory"))
    assert (report.namespace, report.disposition) == ("factory", "NO_CLAIM")
    assert await world.events("B1", "default") == []


async def test_what_names_no_namespace_belongs_to_that_of_the_ingest():
    world = World(MemoryStore(), VirtualClock(), namespace="factory")
    await world.registry.add("factory", [MAC_ID])
    await world.run()
    (report,) = await world.told(advertisement(world, bytes.fromhex("40005201643a01")))
    assert (report.namespace, report.disposition) == ("factory", "NO_CLAIM")
    await world.stop()


# --- evidence ------------------------------------------------------------------------------------


async def test_production_takes_a_signed_click_from_a_broker(production):
    await production.registry.set_key("default", "B1", "hmac", KEY)
    await production.service.initiate(MINE, "B1")
    (report,) = await production.told(production.frame(key=KEY))
    assert report.disposition == "MATCHED"
    assert report.event.evidence.authenticated
    assert report.event.evidence.heard_by == "broker"


async def test_production_takes_no_unsigned_click_from_a_broker(production):
    await production.service.initiate(MINE, "B1")
    (report,) = await production.told(production.frame())
    assert report.disposition == "EVIDENCE_TOO_WEAK"


async def test_production_takes_what_the_stations_own_radio_heard(production):
    await production.service.initiate(MINE, MAC_ID)
    (report,) = await production.told(advertisement(production, bytes.fromhex("40005201643a01")))
    assert (report.disposition, report.event.evidence.heard_by) == ("MATCHED", "station")


async def test_production_takes_nothing_that_a_test_key_opened(production):
    await production.registry.set_key("default", "B1", "hmac", KEY, simulated=True)
    await production.service.initiate(MINE, "B1")
    (report,) = await production.told(production.frame(key=KEY))
    assert report.disposition == "SIMULATED_REFUSED"


@pytest.mark.parametrize("source", ["replay:night.jsonl", "sim:", "sim:?click=DOUBLE"])
async def test_what_is_played_or_invented_is_simulated_whatever_it_says(production, source):
    await production.service.initiate(MINE, "B1")
    frame = production.frame(source=source, direct=True, simulated=False)
    (report,) = await production.told(frame)
    assert report.disposition == "SIMULATED_REFUSED"


# --- keys ----------------------------------------------------------------------------------------


async def test_a_wrong_signature_is_no_click_and_says_wrong_key(world):
    await world.registry.add("default", ["B1"])
    await world.registry.set_key("default", "B1", "hmac", KEY)
    await world.run()
    (report,) = await world.told(world.frame(key=b"another key of 32 bytes, or so!!"))
    assert report.disposition is None
    assert "wrong key" in report.reason
    assert await world.events() == []


async def test_a_device_with_a_key_takes_no_unsigned_click(world):
    await world.registry.add("default", ["B1"])
    await world.registry.set_key("default", "B1", "hmac", KEY)
    await world.run()
    (report,) = await world.told(world.frame())
    assert "downgrade" in report.reason


async def test_a_key_that_another_process_changes_counts_from_the_next_frame_on(durable, tmp_path):
    await durable.registry.add("default", ["B1"])
    await durable.run()
    assert (await durable.told(durable.frame(counter=1)))[0].disposition == "NO_CLAIM"
    other = World(await SqliteStore.open(tmp_path / "data", exclusive=False), durable.clock)
    await other.registry.set_key("default", "B1", "hmac", KEY)
    unsigned, signed = await durable.told(
        durable.frame(counter=2), durable.frame(counter=3, key=KEY)
    )
    assert "downgrade" in unsigned.reason
    assert signed.event.evidence.authenticated
    await other.store.close()


async def test_two_devices_decoded_at_the_same_time_use_each_their_own_key(world):
    keys = {f"B{n}": bytes([n] * 32) for n in range(1, 9)}
    await world.registry.add("default", list(keys))
    for device_id, key in keys.items():
        await world.registry.set_key("default", device_id, "hmac", key)
    await world.run()
    reports = await world.told(*[world.frame(one, key=key) for one, key in keys.items()])
    assert [r.event.evidence.authenticated for r in reports] == [True] * 8


async def test_a_bind_key_opens_an_encrypted_advertisement(world):
    await world.registry.add("default", [MAC_ID])
    await world.registry.set_key("default", MAC_ID, "bthome", BIND_KEY)
    await world.run()
    (report,) = await world.told(advertisement(world, encrypted(500, bytes.fromhex("00073a01"))))
    assert (report.disposition, report.event.evidence.authenticated) == ("NO_CLAIM", True)


async def test_a_press_recorded_before_a_later_beacon_is_an_old_one(world):
    await world.registry.add("default", [MAC_ID])
    await world.registry.set_key("default", MAC_ID, "bthome", BIND_KEY)
    await world.run()
    recorded = encrypted(500, bytes.fromhex("00073a01"))
    beacon = encrypted(501, bytes.fromhex("00083a00"))
    heard, played_back = await world.told(
        advertisement(world, beacon), advertisement(world, recorded)
    )
    assert heard.disposition is None
    assert played_back.disposition == "REPLAYED"


async def test_beacons_are_remembered_between_two_writes(world):
    await world.registry.add("default", [MAC_ID])
    await world.registry.set_key("default", MAC_ID, "bthome", BIND_KEY)
    await world.run()
    for counter in (500, 502):
        await world.told(advertisement(world, encrypted(counter, bytes.fromhex("00083a00"))))
    stored = (await world.store.device("default", MAC_ID)).repeats
    assert stored["mark"] == [500]  # the second came within the minute
    (report,) = await world.told(advertisement(world, encrypted(501, bytes.fromhex("00073a01"))))
    assert report.disposition == "REPLAYED"


async def test_a_reset_counter_forgets_beacons_too(world):
    await world.registry.add("default", [MAC_ID])
    await world.registry.set_key("default", MAC_ID, "bthome", BIND_KEY)
    await world.run()
    for counter in (600, 601):
        beacon = encrypted(counter, bytes.fromhex("00083a00"))
        await world.told(advertisement(world, beacon))
    await world.registry.reset_counter("default", MAC_ID)
    press = encrypted(1, bytes.fromhex("00013a01"))
    (report,) = await world.told(advertisement(world, press))
    assert report.disposition == "NO_CLAIM"


# --- contacts timed here -------------------------------------------------------------------------


def level(world, closed: bool, **said) -> RawFrame:
    facts = {
        "transport": "ble-notify",
        "source": "ble:",
        "heard_ms": world.clock.now_ms(),
        "payload": b"\x01" if closed else b"\x00",
        "address": MAC,
        "channel": BUTTON_LEVEL,
        "direct": True,
    }
    return RawFrame(**(facts | said))


async def test_a_contact_becomes_a_click_when_time_has_passed(world):
    await world.run()
    await world.service.initiate(MINE, MAC_ID)
    pressed_ms = world.clock.now_ms()
    await world.told(level(world, closed=True))
    await world.clock.advance(90)
    await world.told(level(world, closed=False))
    await world.clock.advance(390)
    assert [r.disposition for r in world.reports] == [None, None]
    await world.clock.advance(20)
    click = (await world.reported(3))[2]
    assert (click.disposition, click.event.click_type) == ("MATCHED", "SINGLE")
    assert click.event.received_ms == pressed_ms


async def test_a_contact_that_stays_closed_is_a_long_press_while_it_is_held(world):
    await world.registry.add("default", [MAC_ID])
    await world.run()
    await world.told(level(world, closed=True))
    await world.clock.advance(1_600)
    assert (await world.reported(2))[1].event.click_type == "LONG"


async def test_a_link_that_drops_takes_its_press_with_it(world):
    await world.registry.add("default", [MAC_ID])
    await world.run()
    await world.told(level(world, closed=True))
    await world.told(level(world, closed=True, link_lost=True, payload=b""))
    await world.clock.advance(5_000)
    assert [r.event for r in world.reports] == [None, None]


async def test_levels_that_a_station_kept_for_us_are_timed_by_their_own_times(world):
    """They come half a minute late, and together: still one short click."""
    await world.registry.add("default", [MAC_ID])
    await world.run()
    then_ms = world.clock.now_ms() - 30_000
    down, up = await world.ingest.receive_frames(
        MINE,
        [
            level(world, closed=True, heard_ms=then_ms),
            level(world, closed=False, heard_ms=then_ms + 90),
        ],
    )
    assert (down.disposition, up.disposition) == (None, None)
    await world.clock.advance(500)
    click = (await world.reported(3))[2]
    assert (click.event.click_type, click.event.received_ms) == ("SINGLE", then_ms)


async def test_levels_that_a_station_sends_again_are_no_second_click(world):
    """The answer got lost; and the second time the way took longer, so that they seem later."""
    await world.registry.add("default", [MAC_ID])
    await world.run()
    for behind_ms in (0, 7):
        now_ms = world.clock.now_ms() + behind_ms
        down = level(world, closed=True, heard_ms=now_ms)
        up = level(world, closed=False, heard_ms=now_ms + 90)
        await world.ingest.receive_frames(MINE, [down, up], "i1")
    await world.clock.advance(2_000)
    await world.reported(3)
    clicks = [one.event.click_type for one in world.reports if one.event is not None]
    assert clicks == ["SINGLE"]


async def test_a_press_that_comes_late_in_two_posts_is_not_taken_for_a_long_one(world):
    await world.registry.add("default", [MAC_ID])
    await world.run()
    then_ms = world.clock.now_ms() - 30_000
    await world.ingest.receive_frames(MINE, [level(world, closed=True, heard_ms=then_ms)])
    await world.clock.advance(100)
    up = level(world, closed=False, heard_ms=then_ms + 90)
    await world.ingest.receive_frames(MINE, [up])
    await world.clock.advance(500)
    assert (await world.reported(3))[2].event.click_type == "SINGLE"


async def test_the_end_of_a_recording_waits_for_the_click_it_ends_with(world):
    await world.registry.add("default", [MAC_ID])
    running = asyncio.create_task(world.ingest.run([world.source]))
    await world.ingest.wait_reading(30)
    await world.told(level(world, closed=True))
    await world.clock.advance(50)
    await world.told(level(world, closed=False))
    world.source.end()
    await world.clock.advance(500)
    async with asyncio.timeout(30):
        await running
    assert world.reports[-1].event.click_type == "SINGLE"
