"""A fleet says what the device core says, and its plan repeats."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.core.wire import WireError
from firmware_sim.world.fleet import FleetPlan
from firmware_sim.world.slots import MemorySlot
from hardware.click import RawFrame
from hardware.families import native


def test_a_fleet_button_says_what_the_device_core_says():
    plan = FleetPlan(devices=3, boot_id=1, seed=4)
    device = ButtonDevice(plan.device_id(2), ClickCounter(MemorySlot()), (MqttEncoder("default"),))
    for counter in range(1, 60):
        (frame,) = device.say(plan.click_type(2, counter))
        assert plan.topic(2) == frame.channel
        assert plan.payload(2, counter) == frame.payload


def test_a_press_id_is_what_the_decoder_calls_the_click():
    plan = FleetPlan(devices=3, boot_id=77)
    frame = RawFrame(
        transport="mqtt", source="t", heard_ms=0, payload=plan.payload(1, 5), channel=plan.topic(1)
    )
    (click,) = native.decode(frame, (), None)
    assert click.press_id == plan.press_id(5)
    assert plan.counter_of(click.press_id) == 5
    assert plan.index_of(click.address) == 1


@pytest.mark.parametrize(
    "device_id",
    [
        "FLEET000003",
        "FLEET00001",
        "FLEET-00001",
        "OTHER000001",
        "FLEET\u0660\u0660\u0660\u0660\u0660\u0661",
        "",
    ],
)
def test_other_devices_are_none_of_the_fleet(device_id):
    assert FleetPlan(devices=3, boot_id=1).index_of(device_id) is None


@pytest.mark.parametrize("press_id", [None, "", "2.5", "1", "1.x", "x.1", "01.5"])
def test_press_ids_of_other_runs_are_none_of_the_fleet(press_id):
    assert FleetPlan(devices=3, boot_id=1).counter_of(press_id) is None


def test_every_button_has_its_turn_in_each_round_and_the_seed_repeats_them():
    plan = FleetPlan(devices=50, boot_id=1, seed=9)
    turns = list(islice(plan.turns(), 150))
    assert turns == list(islice(plan.turns(), 150))
    assert [set(turns[at : at + 50]) for at in (0, 50, 100)] == [set(range(50))] * 3
    assert turns[:50] != turns[50:100]
    assert turns != list(islice(FleetPlan(devices=50, boot_id=1, seed=10).turns(), 150))


def test_a_fleet_says_all_kinds_of_clicks_and_mostly_single_ones():
    plan = FleetPlan(devices=1000, boot_id=1)
    said = Counter(plan.click_type(index, 1) for index in range(1000))
    assert set(said) == {"SINGLE", "DOUBLE", "LONG"}
    assert said["SINGLE"] > 800


@pytest.mark.parametrize("devices", [0, -1, 1_000_001])
def test_a_fleet_of_an_impossible_size_is_refused(devices):
    with pytest.raises(ValueError, match="a fleet has 1 to 1000000 buttons"):
        FleetPlan(devices=devices, boot_id=1)


@pytest.mark.parametrize(
    "wrong", [{"prefix": "a b"}, {"prefix": "x" * 30}, {"namespace": "Not"}, {"boot_id": 2**32}]
)
def test_names_that_no_button_can_say_are_refused(wrong):
    with pytest.raises(WireError):
        FleetPlan(**{"devices": 3, "boot_id": 1, **wrong})
