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


def blu_event(name: str, **data: object) -> dict[str, object]:
    data = {"encryption": False, "BTHome_version": 2, "pid": 205, **data}
    event = {"component": "script:2", "id": 2, "event": name, "data": data, "ts": 1682877399.22}
    return {"src": "gateway", "method": "NotifyEvent", "params": {"events": [event]}}


def test_the_first_scripts_wrote_a_blu_buttons_names_otherwise():
    said = blu_event("oh-blu.data", Battery=88, Button=2, addr="b4:35:22:00:00:01")
    (click,) = decode("gateway/events/rpc", said)
    assert (click.family, click.address) == ("shelly_blu", "b4:35:22:00:00:01")
    assert (click.click_type, click.battery_percent) == ("DOUBLE", 88)
    assert click.counter == {"packet_id": 205}


def test_a_relayed_blu_button_stays_one_where_a_shelly_is_expected():
    said = json.dumps(blu_event("shelly-blu", button=[0, 3], address="b4:35:22:00:00:01"))
    frame = message("gateway/events/rpc", said)
    (click,) = Decoder(NoKeys()).read(frame, "shelly")
    assert (click.family, click.click_type, click.button) == ("shelly_blu", "TRIPLE", 2)


def test_an_event_without_a_time_has_that_of_its_notification():
    event = {"component": "input:0", "event": "single_push"}
    said = {"src": "desk", "method": "NotifyEvent", "params": {"ts": 1700000000.5}}
    said["params"]["events"] = [event]
    (click,) = decode("desk/events/rpc", said)
    assert click.counter == {"ts": 1700000000.5}
    assert click.press_id is not None


@pytest.mark.parametrize("ending", ["set", "get", "availability"])
def test_what_is_said_to_a_zigbee_device_or_about_it_is_no_press_of_it(ending: str):
    (ignored,) = decode(f"zigbee2mqtt/desk/{ending}", {"action": "single"})
    assert isinstance(ignored, Ignored)
    assert ignored.address == "desk"


@pytest.mark.parametrize(
    ("action", "click_type", "button"),
    [
        ("up_held", "HOLD", "up"),
        ("skip_forward", "SINGLE", "skip_forward"),
        ("skip_backward", "SINGLE", "skip_backward"),
        ("released", "RELEASE", None),
        ("hold_released_left", "RELEASE", None),
        ("press_twice", "DOUBLE", None),
        ("tripple_up", "TRIPLE", "up"),
        ("button_top_left_release", "SINGLE", "button_top_left"),
        ("button_top_left_longpress", "LONG", "button_top_left"),
        ("button_top_left_longpress_release", "RELEASE", None),
        ("brightness_move_stop", "RELEASE", None),
        ("yellow", "SINGLE", "yellow"),
        ("hexagon", "SINGLE", "hexagon"),
        ("both", "SINGLE", "both"),
    ],
)
def test_words_of_single_makers(action: str, click_type: str, button: str | None):
    (found,) = decode("zigbee2mqtt/desk", {"action": action})
    assert found.click_type == click_type
    assert not isinstance(found, Click) or found.button == button


@pytest.mark.parametrize(
    ("action", "click_type", "button"),
    [
        ("on_1", "SINGLE", "on_1"),
        ("off_l4", "SINGLE", "off_l4"),
        ("toggle_s1", "SINGLE", "toggle_s1"),
        ("off_bottom_right", "SINGLE", "off_bottom_right"),
        ("brightness_step_up_row_3", "SINGLE", "brightness_step_up_row_3"),
        ("hue_step_down", "SINGLE", "hue_step_down"),
        ("cover_open_s5", "SINGLE", "cover_open_s5"),
        ("recall_1_2", "SINGLE", "recall_1_2"),
        ("recall_3_row_1", "SINGLE", "recall_3_row_1"),
        ("brightness_move_up_2", "HOLD", "brightness_move_up_2"),
        ("brightness_move_stop_2", "RELEASE", None),
        ("brightness_stop_row_4", "RELEASE", None),
    ],
)
def test_a_row_of_keys_behind_the_word_belongs_to_the_button(action, click_type, button):
    (found,) = decode("zigbee2mqtt/desk", {"action": action})
    assert found.click_type == click_type
    assert not isinstance(found, Click) or found.button == button


@pytest.mark.parametrize(
    "action",
    ["rotate_left", "dial_rotate_left_step", "region_1_enter", "disarm", "shake", "row_1", "_left"],
)
def test_what_was_turned_shaken_or_seen_is_no_press(action: str):
    (ignored,) = decode("zigbee2mqtt/desk", {"action": action})
    assert isinstance(ignored, Ignored)
    assert (ignored.valid, ignored.click_type) == (True, None)


@pytest.mark.parametrize(
    ("topic", "text"),
    [("zigbee2mqtt/lamp", "on"), ("zigbee2mqtt-2/heater/preset", "hold"), ("zigbee2mqtt/lamp", "")],
)
def test_plain_text_that_may_be_anything_is_no_press(topic: str, text: str):
    (ignored,) = decode(topic, text)
    assert isinstance(ignored, Ignored)
    assert not ignored.valid


def test_a_battery_in_words_is_none():
    (click,) = decode("zigbee2mqtt/desk", {"click": "single", "battery": "full"})
    assert (click.click_type, click.battery_percent) == ("SINGLE", None)


def test_what_a_script_relays_is_found_in_its_wrappings_but_not_at_any_depth():
    said: dict[str, object] = {
        "BTHome_version": 2,
        "pid": 7,
        "button": 1,
        "addr": "b4:35:22:00:00:01",
    }
    for _ in range(3):
        said = {"data": said}
    (click,) = decode("gateway/ble", said)
    assert (click.family, click.click_type) == ("shelly_blu", "SINGLE")
    (ignored,) = decode("gateway/ble", {"data": said})
    assert isinstance(ignored, Ignored)


def test_an_aws_button_is_known_without_its_voltage():
    (click,) = decode(None, {"serialNumber": "G030JF0000000001", "clickType": "DOUBLE"})
    assert (click.family, click.click_type) == ("aws_iot_button", "DOUBLE")


def test_an_aws_payload_without_a_serial_number_is_refused_for_that():
    (ignored,) = decode("iotbutton/G030JF0000000001", {"clickType": "SINGLE"})
    assert isinstance(ignored, Ignored)
    assert ignored.reason == "the payload has no serialNumber"


def test_a_gateways_own_topic_is_no_address_of_a_button():
    (ignored,) = decode("home/OpenMQTTGateway/BTtoMQTT", {"button": 1})
    assert isinstance(ignored, Ignored)
    assert ignored.address is None


def test_an_input_without_a_component_is_known_by_its_id():
    events = [{"id": place, "event": "single_push", "ts": 7.5} for place in (0, 2)]
    said = {"src": "desk", "method": "NotifyEvent", "params": {"events": events}}
    clicks = [found for found in decode("desk/events/rpc", said) if isinstance(found, Click)]
    assert [click.button for click in clicks] == [0, 2]
    assert len({click.press_id for click in clicks}) == 2


def test_a_components_own_number_is_no_input():
    event = {"component": "bthomesensor:203", "id": 203, "event": "single_push", "ts": 7.5}
    (click,) = decode(None, {"method": "NotifyEvent", "params": {"events": [event]}})
    assert isinstance(click, Click)
    assert click.button is None


def test_an_action_without_a_topic_is_a_press_of_nobody_known():
    (click,) = decode(None, {"action": "double", "battery": 50})
    assert isinstance(click, Click)
    assert (click.click_type, click.address) == ("DOUBLE", "")


@pytest.mark.parametrize("depth", range(880, 1_000, 8))
def test_a_deep_value_where_a_number_belongs_raises_nothing(depth: int):
    deep = "[" * depth + "]" * depth
    event = '{"event":"single_push","ts":7.5,"idx":' + deep + ',"id":' + deep + "}"
    assert decode("desk/events/rpc", '{"params":{"events":[' + event + "]}}")
