"""What buttons, hubs and brokers really do, one misbehaviour a test: decoded, then judged.

The numbers in the names are public issues of Koenkk/zigbee2mqtt.
"""

from __future__ import annotations

import json

from firmware_sim.core.wire import ButtonClick, encode_json, events_topic, sign
from hardware.click import Click
from hardware.decode import Decoder
from hardware.keys import DeviceKey, NoKeys
from hardware.repeats import Press, State, judge
from tests.hardware.families.frames import (
    FFE1,
    MIBEACON,
    Keys,
    advertisement,
    message,
    notification,
)

SHELLY = "B4:35:22:F5:3D:A4"
SHELLY_KEY = DeviceKey("bthome", bytes.fromhex("90bffd73cb6b26ef58a7a8eba9232036"))
SHELLY_PRESS = bytes.fromhex("450aeb84467f85ba0100003188788c")
XIAOMI = "18:C2:3C:24:37:05"
XIAOMI_KEY = DeviceKey("mibeacon", bytes.fromhex("7202a2d4201bbf82ea5bb3705657c32a"))
XIAOMI_PRESS = bytes.fromhex("58598723350537243cc218d67794020000cb2de309")


class Room:
    """A decoder, and a state for each button that is stored between any two frames."""

    def __init__(self, keys=None) -> None:
        self.decoder = Decoder(keys or NoKeys())
        self.stored: dict[str, str] = {}
        self.first_ms = -1

    def restart(self) -> None:
        self.decoder = Decoder(self.decoder._keys)

    def hear(self, *frames) -> list[str]:
        """The verdict of each click in these frames, in order."""
        verdicts = []
        for frame in frames:
            for said in self.decoder.decode(frame):
                if not isinstance(said, Click):
                    continue
                stored = self.stored.get(said.address)
                state = State.from_json(json.loads(stored) if stored else None)
                judged = judge(state, Press.of(said), frame.heard_ms)
                self.stored[said.address] = json.dumps(judged.state.to_json())
                self.first_ms = judged.first_heard_ms
                verdicts.append(judged.verdict)
        return verdicts


def plain(packet_id: int, code: int, at_ms: int):
    return advertisement(bytes([0x44, 0, packet_id, 1, 100, 0x3A, code]), at_ms=at_ms)


# --- BTHome and Shelly BLU


def test_a_blu_button_repeats_one_packet_for_seconds():
    frames = [plain(7, 1, at) for at in range(0, 2_400, 40)]
    assert Room().hear(*frames) == ["NEW"] + ["REPEAT"] * (len(frames) - 1)


def test_a_beacon_that_repeats_one_event_for_ever_is_one_press():
    frames = [plain(7, 1, at) for at in range(0, 600_000, 8_000)]
    room = Room()
    assert room.hear(*frames).count("NEW") == 1
    assert room.first_ms == 0, "so it never counts for a claim that was initiated later"


def test_the_beacon_after_the_press_is_no_press():
    room = Room()
    assert room.hear(
        plain(33, 1, 0), *(plain(35, 0, at) for at in range(8_000, 90_000, 8_000))
    ) == ["NEW"]
    assert room.hear(plain(36, 1, 95_000)) == ["NEW"]


def test_a_new_press_within_the_window_of_the_last_is_new():
    assert Room().hear(plain(7, 1, 0), plain(8, 1, 300), plain(9, 2, 900)) == ["NEW"] * 3


def test_a_restart_with_the_counter_at_zero_is_heard():
    room = Room()
    assert room.hear(plain(200, 1, 0)) == ["NEW"]
    assert room.hear(plain(0, 1, 20_000), plain(1, 1, 22_000)) == ["NEW", "NEW"]


def test_an_encrypted_press_recorded_and_played_again_is_refused_after_a_restart_too():
    room = Room(Keys({SHELLY: (SHELLY_KEY,)}))
    frame = advertisement(SHELLY_PRESS, address=SHELLY, at_ms=1_000)
    assert room.hear(frame) == ["NEW"]
    room.restart()
    later = advertisement(SHELLY_PRESS, address=SHELLY, at_ms=86_400_000)
    assert room.hear(later) == ["REPEAT"]
    assert room.first_ms == 1_000


def test_a_press_recorded_before_a_later_one_is_replayed():
    room = Room(Keys({SHELLY: (SHELLY_KEY,)}))
    state = State(mark=(443,))
    room.stored[SHELLY] = json.dumps(state.to_json())
    assert room.hear(advertisement(SHELLY_PRESS, address=SHELLY)) == ["REPLAYED"]


def test_a_forged_frame_with_a_huge_counter_does_not_even_reach_the_rule():
    room = Room(Keys({SHELLY: (SHELLY_KEY,)}))
    forged = SHELLY_PRESS[:-8] + b"\xff\xff\xff\xff" + SHELLY_PRESS[-4:]
    assert room.hear(advertisement(forged, address=SHELLY)) == []
    assert room.hear(advertisement(SHELLY_PRESS, address=SHELLY)) == ["NEW"]


# --- MiBeacon


def test_a_xiaomi_button_repeats_its_frame_and_a_recording_of_it_stays_one():
    room = Room(Keys({XIAOMI: (XIAOMI_KEY,)}))
    frames = [
        advertisement(XIAOMI_PRESS, uuid=MIBEACON, address=XIAOMI, at_ms=at)
        for at in (0, 200, 2_000, 3_600_000)
    ]
    assert room.hear(*frames) == ["NEW", "REPEAT", "REPEAT", "REPEAT"]


# --- our own


def native(counter: int, at_ms: int, *, key: bytes = b"", boot_id: int = 3, **more):
    device_id = "G030PM0123456789"
    click = sign(ButtonClick(device_id, boot_id, counter, "SINGLE"), key)
    return message(events_topic("default", device_id), encode_json(click), at_ms=at_ms, **more)


def test_a_broker_delivers_at_least_once():
    room = Room()
    assert room.hear(native(1, 0), native(1, 5), native(2, 900), native(2, 8_000_000)) == [
        "NEW",
        "REPEAT",
        "NEW",
        "REPEAT",
    ]
    assert room.first_ms == 900


def test_a_queued_press_that_was_heard_before_is_still_that_press():
    room = Room()
    assert room.hear(native(1, 0)) == ["NEW"]
    late = native(1, 500_000, queued=True, last_heard_before_ms=100_000)
    assert room.hear(late) == ["REPEAT"]
    assert room.first_ms == 0


def test_a_forged_unsigned_press_of_a_device_with_a_key_is_not_even_a_click():
    key = DeviceKey("hmac", b"sixteen byte key")
    room = Room(Keys({"G030PM0123456789": (key,)}))
    assert room.hear(native(0xFFFFFFFF, 0, boot_id=0xFFFFFFFF)) == []
    assert room.hear(native(1, 10, key=key.secret)) == ["NEW"]
    assert room.hear(native(1, 20, key=key.secret)) == ["REPEAT"]


# --- hubs and bridges


def z2m(payload: str, at_ms: int, topic: str = "zigbee2mqtt/desk", **more):
    return message(topic, payload, at_ms=at_ms, **more)


def test_three_messages_for_one_press_are_one_25943():
    one = '{"action":"2_single","battery":100,"linkquality":128,"voltage":3000}'
    nothing = '{"action":"","battery":100,"linkquality":128,"voltage":3000}'
    room = Room()
    frames = [z2m(one, 0), z2m("2_single", 3, "zigbee2mqtt/desk/action"), z2m(nothing, 4)]
    assert room.hear(*frames) == ["NEW", "REPEAT"]
    assert room.hear(z2m(one, 5_000)) == ["NEW"], "the next press"


def test_a_hub_that_publishes_each_press_twice_32015():
    seen = '{{"action":"single","last_seen":{}}}'
    room = Room()
    assert room.hear(z2m(seen.format(1_000), 0), z2m(seen.format(1_380), 400)) == ["NEW", "REPEAT"]
    assert room.hear(z2m(seen.format(9_000), 8_000)) == ["NEW"]


def test_the_last_action_published_again_after_a_restart_25566():
    seen = '{"action":"single","last_seen":1700000000123}'
    room = Room()
    assert room.hear(z2m(seen, 0)) == ["NEW"]
    room.restart()
    assert room.hear(z2m(seen, 7_200_000)) == ["REPEAT"]
    assert room.first_ms == 0


def test_a_retained_copy_says_that_it_is_one():
    (click,) = Decoder(NoKeys()).decode(z2m('{"action":"single"}', 0, retained=True))
    assert click.frame.retained, "what it means for a claim is decided where claims are known"


def test_a_long_press_that_sends_the_short_one_first_is_two_kinds_of_click():
    room = Room()
    frames = [z2m('{"action":"toggle"}', 0), z2m('{"action":"toggle_hold"}', 900)]
    assert room.hear(*frames) == ["NEW", "NEW"]


def gen1(event: str, count: int, at_ms: int):
    payload = json.dumps({"event": event, "event_cnt": count})
    return message("shellies/shellybutton1-98CDAC2E3A10/input_event/0", payload, at_ms=at_ms)


def test_a_gen1_shelly_publishes_its_last_event_every_thirty_seconds():
    room = Room()
    frames = [gen1("S", 7, at) for at in range(0, 3_600_000, 30_000)]
    assert room.hear(*frames) == ["NEW"] + ["REPEAT"] * (len(frames) - 1)
    assert room.hear(gen1("S", 7, 90_000_000)) == ["REPEAT"], "and once more when it reconnects"
    assert room.hear(gen1("S", 86, 90_001_000)) == ["NEW"], "gaps are normal"
    assert room.hear(gen1("S", 1, 90_100_000)) == ["NEW"], "it restarted"


def gen2(event: str, at_s: float, at_ms: int):
    body = {"component": "input:0", "id": 0, "event": event, "ts": at_s}
    payload = {"src": "shelly", "method": "NotifyEvent", "params": {"events": [body]}}
    return message("shelly/events/rpc", json.dumps(payload), at_ms=at_ms)


def test_a_gen2_shelly_says_the_edges_and_then_the_push():
    frames = [gen2("btn_down", 1.0, 0), gen2("btn_up", 1.1, 100), gen2("single_push", 1.4, 400)]
    assert Room().hear(*frames) == ["NEW"]


def test_a_gen2_event_delivered_again_hours_later_is_the_same():
    frames = [gen2("single_push", 1.4, 0), gen2("double_push", 9.0, 8_000)]
    assert Room().hear(*frames, gen2("single_push", 1.4, 7_200_000)) == ["NEW", "NEW", "REPEAT"]


def test_tele_period_copies_of_a_closed_switch_are_no_presses():
    frames = [
        message("tele/desk/SENSOR", '{"Switch1":"ON"}', at_ms=at)
        for at in range(0, 3_000_000, 300_000)
    ]
    room = Room()
    assert room.hear(*frames) == []
    assert room.decoder.advance(4_000_000) == []


def test_a_tasmota_button_published_twice_at_once_is_one_press():
    def press(at_ms: int):
        return message("stat/desk/RESULT", '{"Button1":{"Action":"SINGLE"}}', at_ms=at_ms)

    assert Room().hear(press(0), press(30), press(2_000)) == ["NEW", "REPEAT", "NEW"]


def test_an_aws_button_that_retries_its_publish_is_one_press():
    payload = '{"serialNumber":"G030","clickType":"SINGLE","batteryVoltage":"1500 mV"}'
    frames = [message("iotbutton/G030", payload, at_ms=at) for at in (0, 1_200, 15_000)]
    assert Room().hear(*frames) == ["NEW", "REPEAT", "NEW"]


def test_two_gateways_that_hear_the_same_advertisement_are_one_press():
    payload = '{"id":"B4:35:22:F5:3D:A4","packet":9,"batt":94,"button":1}'
    frames = [
        message(f"home/gateway{n}/BTtoMQTT/B43522F53DA4", payload, at_ms=20 * n) for n in (1, 2, 3)
    ]
    assert Room().hear(*frames) == ["NEW", "REPEAT", "REPEAT"]


def test_an_itags_double_press_is_two_singles():
    frames = [notification(b"\x01", at_ms=at, uuid=FFE1, name="iTAG") for at in (0, 20, 230)]
    assert Room().hear(*frames) == ["NEW", "REPEAT", "NEW"]
