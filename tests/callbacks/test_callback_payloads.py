"""What a callback says, held against the published examples."""

from __future__ import annotations

import json

from orchestrator.domain.callbacks import click_payload, health_payload
from orchestrator.domain.devices import Device
from orchestrator.domain.events import DeviceEvent, Evidence

# 18 July 2019, 23:47:55.015 UTC: 18095 days of 86,400 s and 85,675.015 s, worked out by hand.
CLICKED_MS = (18_095 * 86_400 + 85_675) * 1000 + 15


def device(**changes):
    return Device(namespace="default", device_id="G030PM0123456789", **changes)


def event(**changes):
    fields = {
        "event_id": "e1",
        "namespace": "default",
        "device_id": "G030PM0123456789",
        "click_type": "SINGLE",
        "received_ms": CLICKED_MS,
        "disposition": "DELIVERED",
        "reason": "",
        "evidence": Evidence(heard_by="broker"),
        "source": "mqtt://broker:1883/",
        "family": "native",
        "remaining_life": 99.85,
    }
    return DeviceEvent(**{**fields, **changes})


def test_a_click_callback_has_the_published_members_in_the_published_order():
    assert json.dumps(click_payload(device(), event())) == (
        '{"deviceEvent": {"buttonClicked": {"clickType": "SINGLE",'
        ' "reportedTime": "2019-07-18T23:47:55.015Z"}},'
        ' "deviceInfo": {"attributes": {}, "type": "button", "deviceId": "G030PM0123456789",'
        ' "remainingLife": 99.85}}'
    )


def test_reported_time_is_when_the_click_was_received_whatever_the_button_believes():
    payload = click_payload(device(), event(reported_ms=0))
    assert payload["deviceEvent"]["buttonClicked"]["reportedTime"] == "2019-07-18T23:47:55.015Z"


def test_a_whole_second_still_has_three_digits():
    payload = click_payload(device(), event(received_ms=0))
    assert payload["deviceEvent"]["buttonClicked"]["reportedTime"] == "1970-01-01T00:00:00.000Z"


def test_a_device_in_no_placement_has_no_placement_info():
    assert "placementInfo" not in click_payload(device(), event())


def test_a_health_callback_names_the_threshold_and_the_life_that_is_left():
    payload = health_payload(device(reported_life=9.5, attributes={"line": "4"}), 10)
    assert json.dumps(payload) == (
        '{"deviceEvent": {"deviceHealthMonitor": {"condition": {"remainingLifeLowerThan": 10}}},'
        ' "deviceInfo": {"attributes": {"line": "4"}, "type": "button",'
        ' "deviceId": "G030PM0123456789", "remainingLife": 9.5}}'
    )
