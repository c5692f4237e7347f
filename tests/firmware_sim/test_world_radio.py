"""Frames are lost, doubled, late and overtaken as asked; each misbehaviour is as its name says."""

from random import Random

import pytest

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.world.clock import VirtualClock
from firmware_sim.world.misbehaviours import MISBEHAVIOURS, OddButton
from firmware_sim.world.radio import Air, Radio
from firmware_sim.world.slots import MemorySlot


def button(device_id="A"):
    return ButtonDevice(device_id, ClickCounter(MemorySlot()), (MqttEncoder("default"),))


class World:
    """A button with oddities, a radio, and everything that was heard."""

    def __init__(self, *names, air=None, seed=1, **broker):
        self.clock = VirtualClock()
        self.heard = []
        self.radio = Radio(self.clock, Random(seed), self.heard.append, air, **broker)
        self.button = OddButton(
            button(), self.radio.send, self.clock, Random(seed), names,
            neighbour=button("NEIGHBOUR"), begin_again=button,
        )  # fmt: skip

    def click(self, click_type="SINGLE", then_s=0):
        self.button.click(click_type)
        self.clock.advance_ms(then_s * 1000)

    @property
    def numbers(self):
        return [(one.frame.click.boot_id, one.frame.click.counter) for one in self.heard]


def test_a_perfect_air_delivers_once_and_at_once():
    world = World()
    world.click()
    world.click("DOUBLE")
    assert [(one.at_ms, one.frame.click.click_type) for one in world.heard] == [
        (0, "SINGLE"),
        (0, "DOUBLE"),
    ]
    assert world.numbers == [(1, 1), (1, 2)]


def test_loss_takes_its_share():
    world = World(air=Air(loss=0.3))
    for _ in range(1000):
        world.click()
    assert 630 < len(world.heard) < 770


def test_repeats_are_the_same_bytes():
    world = World(air=Air(repeats=4, repeat_gap_ms=20))
    world.click(then_s=1)
    assert [one.at_ms for one in world.heard] == [0, 20, 40, 60, 80]
    assert len({one.frame.payload for one in world.heard}) == 1


def test_delay_stays_in_its_bounds():
    world = World(air=Air(delay_ms=(10, 50)))
    for _ in range(100):
        world.click(then_s=1)
    delays = [one.at_ms % 1000 for one in world.heard]
    assert (min(delays), max(delays)) == (10, 50)


def test_some_are_overtaken():
    world = World(air=Air(overtaken=0.3))
    for _ in range(50):
        world.button.click("SINGLE")
        world.clock.advance_ms(100)
    world.clock.advance_ms(1000)
    assert world.numbers != sorted(world.numbers)
    assert len(world.numbers) == 50


def test_the_same_seed_is_the_same_fate():
    fates = []
    for _ in range(2):
        world = World(air=Air(loss=0.5, repeats=2, delay_ms=(0, 90), overtaken=0.2), seed=4)
        for _ in range(20):
            world.click(then_s=1)
        fates.append([(one.at_ms, one.frame.payload) for one in world.heard])
    assert fates[0] == fates[1]


def test_a_receiver_that_is_away_hears_nothing_unless_the_broker_queues():
    for queues in (False, True):
        world = World(queues=queues)
        world.radio.receiver_leaves()
        world.click(then_s=5)
        world.radio.receiver_returns()
        assert [(one.queued, one.at_ms) for one in world.heard] == [(True, 5000)] * queues
        world.click(then_s=1)
        assert not world.heard[-1].queued


def test_a_retained_copy_comes_with_the_subscription():
    world = World(retains=True)
    world.click(then_s=1)
    world.radio.receiver_leaves()
    world.radio.receiver_returns()
    assert [one.retained for one in world.heard] == [False, True]
    assert world.heard[0].frame.payload == world.heard[1].frame.payload


def test_repeats_for_ever_end_with_the_next_click_only():
    world = World("repeats-for-ever")
    world.click(then_s=33)
    assert world.numbers == [(1, 1)] * 5
    world.click(then_s=17)
    assert world.numbers == [(1, 1)] * 5 + [(1, 2)] * 3


def test_counter_on_every_beacon_makes_one_click_look_like_five():
    world = World("counter-on-every-beacon")
    world.click("LONG", then_s=10)
    assert world.numbers == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]
    assert {one.frame.click.click_type for one in world.heard} == {"LONG"}


def test_phantom_second_press_comes_25_to_40_s_later():
    for seed in range(20):
        world = World("phantom-second-press", seed=seed)
        world.click(then_s=60)
        assert world.numbers == [(1, 1), (1, 2)]
        assert 25_000 <= world.heard[1].at_ms <= 40_000


def test_cross_fire_is_signed_by_the_neighbour():
    world = World("cross-fire")
    world.click()
    world.clock.advance_ms(1)
    assert [one.frame.click.device_id for one in world.heard] == ["A", "NEIGHBOUR"]


def test_the_first_press_after_a_rest_is_missed():
    world = World("missed-first-press")
    for then_s in (1, 1, 11, 1, 1):
        world.click(then_s=then_s)
    assert [one.at_ms for one in world.heard] == [1000, 2000, 14_000]


def test_a_restart_at_zero_says_the_same_number_each_time():
    world = World("restart-at-zero")
    world.click(then_s=1)
    world.click(then_s=1)
    assert world.numbers == [(1, 1), (1, 1)]


def test_an_unknown_oddity_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="cross-fire, missed-first-press"):
        World("explodes")
    with pytest.raises(ValueError, match="no misbehaviour of a button"):
        World("retained-copy")


@pytest.mark.parametrize("name", ["cross-fire", "restart-at-zero"])
def test_an_oddity_without_its_partner_is_refused(name):
    with pytest.raises(ValueError, match="needs"):
        OddButton(button(), print, VirtualClock(), Random(1), [name])


def test_the_catalogue_names_a_source_for_each():
    assert len(MISBEHAVIOURS) == 8
    for name, one in MISBEHAVIOURS.items():
        assert name == one.name
        assert one.what
        assert one.source
