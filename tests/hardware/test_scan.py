"""What is attached, and what advertises, as rows."""

import os
from types import SimpleNamespace

import pytest

from hardware.scan import Survey, attached, is_encrypted
from hardware.source import SourceRefusedError
from hardware.sources.ble_radio import BTHOME_UUID, MIBEACON_UUID, Advertisement

LBS = "00001523-1212-efde-1523-785feabcd123"
FFE0 = "0000ffe0-0000-1000-8000-00805f9b34fb"


def port(device, vid=None, pid=None, serial_number=None, product=None):
    return SimpleNamespace(
        device=str(device), vid=vid, pid=pid, serial_number=serial_number, product=product,
        manufacturer=None, location=None,
    )  # fmt: skip


@pytest.fixture
def node(tmp_path):
    node = tmp_path / "ttyACM0"
    node.touch()
    return node


def test_a_board_is_named_by_its_serial_number(node, tmp_path):
    pico = port(node, 0x2E8A, 0x0005, "E6614103E7", "Board in FS mode")
    [row] = attached(lambda: [pico], tmp_path / "sysfs")
    assert row.source == "serial:usb=2e8a:0005:E6614103E7"
    assert (row.what, row.family) == ("Raspberry Pi Pico with MicroPython", "native")
    assert (row.device, row.product, row.problem) == (str(node), "Board in FS mode", "")


@pytest.mark.parametrize(
    ("vid", "pid", "what"),
    [
        (0x0403, 0x6001, "any board behind an FTDI bridge"),
        (0x239A, 0x80F4, "Adafruit board"),
        (0x0D28, 0x0204, "BBC micro:bit, or another DAPLink board"),
        (0x1234, 0x5678, "unknown board"),
        (None, None, "serial port of this machine"),
    ],
)
def test_what_a_port_probably_is(node, tmp_path, vid, pid, what):
    [row] = attached(lambda: [port(node, vid, pid)], tmp_path)
    assert (row.what, row.source) == (what, f"serial:{node}")


def test_a_port_one_may_not_open_says_what_to_do(node, tmp_path):
    gone = port(tmp_path / "ttyACM9")
    [row] = attached(lambda: [gone], tmp_path)
    assert row.problem


def test_ports_come_in_their_order(node, tmp_path):
    ports = [port("/dev/ttyUSB1"), port("/dev/ttyACM0")]
    rows = attached(lambda: ports, tmp_path)
    assert [row.device for row in rows] == ["/dev/ttyACM0", "/dev/ttyUSB1"]


def test_a_keyboard_like_button_is_shown_with_why_it_is_not_heard(tmp_path):
    for name, content in {"idVendor": "1d34", "idProduct": "000d", "product": "Button"}.items():
        folder = tmp_path / "1-2"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(content + "\n")
    (tmp_path / "1-3").mkdir()
    [row] = attached(list, tmp_path)
    assert (row.what, row.source, row.product) == ("Dream Cheeky Big Red Button", None, "Button")
    assert "no source hears it" in row.problem


def test_without_pyserial_the_remedy_is_the_extra(tmp_path):
    def comports():
        raise ModuleNotFoundError("No module named 'serial'", name="serial")

    with pytest.raises(SourceRefusedError, match=r"pip install 'clickclaim\[serial\]'"):
        attached(comports, tmp_path)


def test_this_machine_can_be_looked_at():
    assert isinstance(attached(), list)


def on_air(address="A4:C1:38:8D:18:B2", name=None, rssi=-60, uuids=(), **service_data):
    known = {"bthome": BTHOME_UUID, "mibeacon": MIBEACON_UUID}
    return Advertisement(
        address=address,
        name=name,
        rssi_dbm=rssi,
        service_uuids=tuple(uuids),
        service_data=tuple((known[key], bytes.fromhex(data)) for key, data in service_data.items()),
        manufacturer_data=(),
        device=None,
    )


def survey_of(*heard):
    survey = Survey()
    for advertisement in heard:
        survey.heard(advertisement)
    return survey.rows()


def test_a_plain_bthome_button_tells_its_battery():
    [row] = survey_of(on_air(name="SBBT-002C", rssi=-48, bthome="40000701643a01"))
    assert (row.family, row.encrypted, row.battery_percent) == ("bthome", False, 100)
    assert (row.name, row.rssi_dbm, row.source) == ("SBBT-002C", -48, "ble:")


def test_an_encrypted_button_says_only_that():
    [row] = survey_of(on_air(bthome="450aeb84467f85ba0100003188788c"))
    assert (row.family, row.encrypted, row.battery_percent) == ("bthome", True, None)


def test_what_one_advertisement_told_the_next_need_not():
    first = on_air(name="SBBT-002C", rssi=-80, bthome="40000701643a01")
    [row] = survey_of(first, on_air(rssi=-50, bthome="4000083a01"), on_air(rssi=-55))
    assert (row.name, row.battery_percent, row.rssi_dbm) == ("SBBT-002C", 100, -55)
    assert (row.family, row.encrypted, row.advertisements) == ("bthome", False, 3)


@pytest.mark.parametrize(
    ("name", "uuids", "family"),
    [
        ("Nordic_LBS", [LBS], "nordic_lbs"),
        ("BBC micro:bit [zugav]", [], "microbit"),
        ("iTAG            ", [FFE0], "itag"),
        ("CC2650 SensorTag", [], "sensortag"),
    ],
)
def test_a_button_to_connect_to_is_known_by_name_or_service(name, uuids, family):
    [row] = survey_of(on_air(name=name, uuids=uuids))
    assert (row.family, row.encrypted) == (family, None)
    assert row.source == "ble:?gatt=A4:C1:38:8D:18:B2"


def test_buttons_stand_before_others_and_near_before_far():
    rows = survey_of(
        on_air("00:00:5E:00:53:01", name="Headphones", rssi=-30),
        on_air("00:00:5E:00:53:02", bthome="403a01", rssi=-90),
        on_air("00:00:5E:00:53:03", bthome="403a01", rssi=-40),
    )
    assert [row.address[-1] for row in rows] == ["3", "2", "1"]
    assert (rows[2].family, rows[2].source) == (None, None)


def test_a_crowd_does_not_fill_the_memory():
    crowd = [on_air(f"00:00:5E:00:{n >> 8:02X}:{n & 255:02X}") for n in range(1_500)]
    assert len(survey_of(*crowd)) == 1_000


@pytest.mark.parametrize(
    ("uuid", "value", "encrypted"),
    [
        (BTHOME_UUID, "44", False),
        (BTHOME_UUID, "45", True),
        (BTHOME_UUID, "", None),
        (MIBEACON_UUID, "5858", True),
        (MIBEACON_UUID, "5030", False),
        (MIBEACON_UUID, "58", None),
        (FFE0, "01", None),
    ],
)
def test_the_first_bytes_say_whether_a_key_is_needed(uuid, value, encrypted):
    assert is_encrypted(uuid, bytes.fromhex(value)) is encrypted


def test_the_access_of_a_port_is_that_of_this_user(node, tmp_path):
    [row] = attached(lambda: [port(node)], tmp_path)
    assert (row.problem == "") is os.access(node, os.R_OK | os.W_OK)
