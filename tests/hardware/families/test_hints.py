"""One UUID, two families; one message, several readers: who wins, and why."""

from __future__ import annotations

import pytest

from hardware.decode import Decoder, family_of
from hardware.families import Options
from hardware.keys import NoKeys
from tests.hardware.families.frames import FFE1, line, message, notification

ALERT = "00001802-0000-1000-8000-00805f9b34fb"
TI_KEYS = "f000aa00-0451-4000-b000-000000000000"


@pytest.mark.parametrize(
    ("more", "family"),
    [
        ({"name": "iTAG            "}, "itag"),
        ({"service_uuids": (ALERT,)}, "itag"),
        ({"name": "SensorTag"}, "sensortag"),
        ({"name": "CC2650 SensorTag"}, "sensortag"),
        ({"service_uuids": (TI_KEYS,)}, "sensortag"),
        ({}, "itag"),
    ],
)
def test_name_and_services_tell_an_itag_from_a_sensortag(more, family):
    assert family_of(notification(b"\x01", uuid=FFE1, **more)).name == family


def test_a_hint_decides_only_between_families_that_match():
    frame = notification(b"\x01", uuid=FFE1)
    assert family_of(frame, "sensortag").name == "sensortag"
    assert family_of(frame, "bthome").name == "itag"


def test_a_switch_mode_is_asked_for_the_switch_then_for_its_device():
    frame = message("stat/desk/RESULT", '{"Bell":{"Action":"HOLD"}}')
    for modes, click_type in (
        ({"desk": 5}, "LONG"),
        ({"desk": 5, "desk/Bell": 9}, "DOUBLE"),
        ({"other": 5}, "HOLD"),
    ):
        (click,) = Decoder(NoKeys(), Options(switch_modes=modes)).decode(frame)
        assert click.click_type == click_type


def test_a_zigbee_base_that_is_named_leaves_slashes_in_the_name():
    frame = message("home/z2m/hall/desk", '{"action":"single"}')
    decoder = Decoder(NoKeys(), Options(zigbee2mqtt_bases=("home/z2m",)))
    assert decoder.decode(frame)[0].address == "hall/desk"
    assert Decoder(NoKeys()).decode(frame)[0].address == "desk"


def test_what_nobody_knows_is_ignored_and_says_where_it_came_from():
    (ignored,) = Decoder(NoKeys()).decode(message("weather/out", "21.5"))
    assert "weather/out" in ignored.reason
    (ignored,) = Decoder(NoKeys()).decode(line(b"boot: wifi connected"))
    assert "no known button" in ignored.reason
