"""One button's bookkeeping, without a socket: at least once, in order, a few at a time."""

from __future__ import annotations

import pytest

from firmware_sim.links.errors import LinkError
from firmware_sim.links.fleet_button import FleetButton
from firmware_sim.world.fleet import FleetPlan

PLAN = FleetPlan(devices=1, boot_id=1)
CONNACK = bytes([0x20, 2, 0, 0])


def puback(*packet_ids):
    return b"".join(bytes([0x40, 2, one >> 8, one & 0xFF]) for one in packet_ids)


def connected(button=None):
    button = button or FleetButton(0)
    button.connect(None, "mqtt://broker:1/", 0.0)
    assert button.hear(CONNACK) == 0
    assert button.connected
    return button


def said(data):
    """Packet ids of the PUBLISH packets in these bytes."""
    ids = []
    while data:
        assert data[0] == 0x32
        length, at = (data[1], 2) if data[1] < 128 else (data[1] - 128 + 128 * data[2], 3)
        topic_end = at + 2 + int.from_bytes(data[at : at + 2])
        ids.append(int.from_bytes(data[topic_end : topic_end + 2]))
        data = data[at + length :]
    return ids


def test_a_click_is_said_once_and_is_done_with_its_puback():
    button = connected()
    button.pressed = 1
    assert said(button.speak(PLAN)) == [1]
    assert button.speak(PLAN) == b""
    assert not button.has_acknowledged(1)
    assert button.hear(puback(1)) == 1
    assert button.has_acknowledged(1)
    assert not button.has_acknowledged(2)


def test_no_more_than_sixteen_clicks_are_under_way():
    button = connected()
    button.pressed = 40
    assert said(button.speak(PLAN)) == list(range(1, 17))
    assert button.hear(puback(1, 2, 3)) == 3
    assert said(button.speak(PLAN)) == [17, 18, 19]


def test_what_was_not_acknowledged_is_said_again_on_the_next_connection():
    button = connected()
    button.pressed = 3
    button.speak(PLAN)
    button.hear(puback(1))
    button.disconnect()
    button.pressed += 1
    assert not button.connected
    connected(button)
    assert said(button.speak(PLAN)) == [2, 3, 4]


def test_acknowledgements_out_of_order_are_counted_once_each_and_survive_a_new_connection():
    button = connected()
    button.pressed = 4
    button.speak(PLAN)
    assert button.hear(puback(3)) == 1
    assert (button.acknowledged, button.has_acknowledged(3), button.has_acknowledged(2)) == (
        0,
        True,
        False,
    )
    button.disconnect()
    connected(button)
    assert said(button.speak(PLAN)) == [1, 2, 4]
    assert button.hear(puback(1, 2)) == 2
    assert button.acknowledged == 3
    assert button.early is None
    assert button.hear(puback(4)) == 1


def test_packet_ids_come_round_and_are_never_nought():
    button = connected()
    button.pressed = button.said = button.acknowledged = 65_534
    button.pressed += 3
    assert said(button.speak(PLAN)) == [65_535, 1, 2]
    assert button.hear(puback(65_535, 1)) == 2
    assert button.acknowledged == 65_536


def test_an_acknowledgement_of_nothing_is_the_broker_s_fault():
    button = connected()
    button.pressed = 1
    button.speak(PLAN)
    with pytest.raises(LinkError, match="acknowledges packet 9, which is not under way"):
        button.hear(puback(9))


def test_answers_may_come_in_pieces():
    button = connected()
    button.pressed = 2
    button.speak(PLAN)
    data = puback(1, 2)
    assert [button.hear(data[at : at + 3]) for at in (0, 3, 6)] == [0, 1, 1]


def test_silence_is_noticed_only_when_something_was_said():
    button = connected()
    assert not button.lacks_answer(1000.0, 10)
    button.said_s = 5.0
    assert not button.lacks_answer(15.0, 10)
    assert button.lacks_answer(15.1, 10)
    button.heard_s = 5.0
    assert not button.lacks_answer(1000.0, 10)
