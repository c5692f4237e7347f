"""Whole clicks through real brokers: every bad message of the field, and nothing lost by it."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.brokers import BOTH, publish, running
from tests.ingest.world import KEY, MINE, payload, topic

U32_MAX = 2**32 - 1


@pytest.fixture(params=BOTH)
async def broker_port(request, tmp_path):
    async with running(request.param, tmp_path / "broker") as port:
        yield port


@pytest.fixture
async def world(durable, broker_port):
    """Listens on the broker; B1 has a key and a claim in progress, B2 neither."""
    durable.port = broker_port
    durable.notices = []
    source = await durable.ingest.open(
        f"mqtt://127.0.0.1:{broker_port}/", on_notice=durable.notices.append
    )
    await durable.registry.add("default", ["B1", "B2"])
    await durable.registry.set_key("default", "B1", "hmac", KEY)
    await durable.run(source)
    await durable.service.initiate(MINE, "B1")
    yield durable
    await durable.stop()


async def told(world, body, *, device_id="B1", retain=False):
    before = len(world.reports)
    await publish(world.port, topic(device_id), body, retain=retain)
    return (await world.reported(before + 1))[before]


async def good_click_still_claims(world, counter=100):
    """What came before has broken nothing: the real click is matched and the claim finalized."""
    await publish(world.port, topic(), payload(counter=counter, key=KEY))
    heard = await world.until(lambda: [r for r in world.reports if _press(r) == f"7.{counter}"])
    assert [r.disposition for r in heard] == ["MATCHED"]
    assert await world.service.finalize(MINE, "B1") == "CLAIMED"


def _press(report):
    return report.event.press_id if report.event else None


async def test_a_click_claims(world):
    await good_click_still_claims(world)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "JSON"),
        (b"", "JSON"),
        (b"\xff\xfe\x00", "JSON"),
        (b"[1,2]", "object"),
        (b'{"clickType":"SINGLE"}', "lacks"),
        (payload(key=KEY).replace(b'"counter":1', b'"counter":"1"'), "counter"),
        (payload(key=KEY).replace(b'"counter":1', b'"counter":-1'), "counter"),
        (payload(key=KEY).replace(b'"counter":1', b'"counter":4294967296'), "counter"),
        (payload(key=KEY).replace(b"SINGLE", b"TICKLE"), "clickType"),
        (payload(key=KEY)[:-5], "has no end"),
        (b'{"a":' * 3000, "bytes"),
    ],
    ids=lambda value: value[:24].decode(errors="replace") if isinstance(value, bytes) else value,
)
async def test_what_is_no_click_of_ours_is_ignored_with_its_reason(world, body, reason):
    report = await told(world, body)
    assert report.disposition is None
    assert reason.lower() in report.reason.lower()
    await good_click_still_claims(world)
    assert len(await world.events()) == 1


async def test_a_megabyte_is_dropped_and_told(world):
    await publish(world.port, topic(), bytes(1_000_000))
    await good_click_still_claims(world)
    assert "1000000 bytes" in world.notices[0]


async def test_a_click_on_another_devices_topic_does_not_fit_that_devices_key(world):
    report = await told(world, payload("B2", key=KEY), device_id="B1")
    assert report.disposition is None
    assert "wrong key or forged" in report.reason
    await good_click_still_claims(world)


async def test_a_click_of_one_device_serves_no_other(world):
    await told(world, payload("B2"), device_id="B2")
    assert [e.disposition for e in await world.events("B2")] == ["NO_CLAIM"]
    assert await world.events("B1") == []
    await good_click_still_claims(world)


async def test_a_wrong_auth_is_ignored(world):
    report = await told(world, payload(key=b"somebody else's key, 32 bytes ok"))
    assert "wrong key or forged" in report.reason
    await good_click_still_claims(world)


async def test_an_auth_that_signs_something_else_is_ignored(world):
    signed = json.loads(payload(counter=5, key=KEY))
    signed["counter"] = 6
    report = await told(world, json.dumps(signed))
    assert "wrong key or forged" in report.reason
    await good_click_still_claims(world)


async def test_an_old_counter_is_replayed_and_never_counts(world):
    await told(world, payload(counter=9, key=KEY))
    assert await world.service.unclaim(MINE, "B1") == "UNCLAIMED"
    await world.service.initiate(MINE, "B1")
    report = await told(world, payload(counter=8, key=KEY))
    assert report.disposition == "REPLAYED"
    await good_click_still_claims(world)


async def test_the_same_counter_again_is_a_duplicate(world):
    await told(world, payload(counter=9, key=KEY))
    report = await told(world, payload(counter=9, key=KEY))
    assert report.disposition == "DUPLICATE"
    assert [(e.disposition, e.repeats) for e in await world.events()] == [("MATCHED", 1)]


async def test_the_highest_counter_unsigned_kills_no_button(world):
    """Forged frames with the largest numbers, for a device with a key and for one without."""
    forged = payload(boot_id=U32_MAX, counter=U32_MAX)
    assert (await told(world, forged)).disposition is None
    await good_click_still_claims(world)
    assert (
        await told(world, payload("B2", U32_MAX, boot_id=U32_MAX), device_id="B2")
    ).disposition == "NO_CLAIM"
    await world.service.initiate(MINE, "B2")
    assert (await told(world, payload("B2", 1), device_id="B2")).disposition == "MATCHED"


async def test_a_clock_in_1970_decides_nothing(world):
    report = await told(world, payload(counter=3, key=KEY, reported_ms=1_000))
    assert report.disposition == "MATCHED"
    assert report.event.reported_ms == 1_000
    assert report.event.received_ms > 1_600_000_000_000
    assert await world.service.finalize(MINE, "B1") == "CLAIMED"


async def test_a_retained_copy_is_stale(world, broker_port):
    """Heard under another name, for which the broker cannot also have queued the message."""
    await world.stop()
    await publish(broker_port, topic(), payload(counter=3, key=KEY), retain=True)
    source = await world.ingest.open(f"mqtt://localhost:{broker_port}/")
    await world.run(source)
    report = (await world.reported(1))[0]
    assert (report.disposition, report.event.device_id) == ("STALE", "B1")
    assert "retained" in report.reason
    # amqtt takes in what we publish only when its retained copy is acknowledged: the marker too.
    while source.heard_until_ms is None:
        await asyncio.sleep(0.01)
    await good_click_still_claims(world)


async def test_a_click_of_another_namespace_is_not_ours(world):
    await publish(world.port, topic(namespace="elsewhere"), payload(key=KEY))
    await world.reported(1)
    assert world.reports[0].disposition == "UNKNOWN_DEVICE"
    assert await world.events("B1") == []
    await good_click_still_claims(world)


async def test_many_clicks_of_many_buttons_are_all_on_record(world):
    await world.registry.add("default", [f"M{n}" for n in range(20)])
    async with asyncio.TaskGroup() as group:
        for n in range(20):
            for counter in range(1, 4):
                group.create_task(publish(world.port, topic(f"M{n}"), payload(f"M{n}", counter)))
    await world.reported(60, timeout_s=30)
    for n in range(20):
        assert len(await world.events(f"M{n}")) == 3
