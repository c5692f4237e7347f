"""MQTT families: what a payload may hold that its family's documents do not show."""

from __future__ import annotations

import json

import pytest

from hardware.click import Click, Ignored
from hardware.decode import Decoder
from hardware.keys import NoKeys
from tests.hardware.families.frames import message


def decode(topic: str | None, payload: object) -> list[Click | Ignored]:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return Decoder(NoKeys()).decode(message(topic, text))


@pytest.mark.parametrize("digits", [400, 4_000])
def test_a_number_larger_than_a_float_can_hold_is_not_taken(digits: int):
    huge = 10**digits
    (click,) = decode("zigbee2mqtt/desk", {"action": "single", "battery": huge})
    assert isinstance(click, Click)
    assert click.battery_percent is None
    (battery,) = decode("shellies/desk/sensor/battery", str(huge))
    assert not battery.valid
    event = {"component": "input:0", "event": "single_push", "ts": huge}
    (push,) = decode("desk/events/rpc", {"method": "NotifyEvent", "params": {"events": [event]}})
    assert isinstance(push, Click)
    assert push.counter is None
