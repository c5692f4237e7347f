"""Which port a spec means, and what to do when it will not open."""

import errno
import grp
import os

import pytest

from hardware.source import SourceAwayError, SourceRefusedError, SourceSpecError
from hardware.sources.ports import PortSpec, UsbId, access_remedy, explain_open_error, find_port


def test_a_path_with_a_baud_rate():
    wanted = PortSpec.parse("serial:/dev/ttyACM0?baud=9600")
    assert (wanted.path, wanted.baud, wanted.is_url) == ("/dev/ttyACM0", 9600, False)
    assert wanted.heard_directly


def test_the_baud_rate_is_taken_out_of_a_url_and_the_rest_left_in():
    wanted = PortSpec.parse("serial:rfc2217://host:2217?ign_set_control&baud=9600&timeout=3")
    assert wanted.path == "rfc2217://host:2217?ign_set_control&timeout=3"
    assert wanted.baud == 9600


@pytest.mark.parametrize(
    ("spec", "direct"),
    [
        ("serial:/dev/ttyACM0", True),
        ("serial:usb=2e8a:0005", True),
        ("serial:hwgrep://2E8A:0005", True),
        ("serial:socket://10.0.0.7:4000", False),
        ("serial:rfc2217://10.0.0.7:4000", False),
        ("serial:loop://", False),
        ("serial:/dev/pts/3", False),
    ],
)
def test_only_hardware_of_this_machine_is_heard_directly(spec, direct):
    assert PortSpec.parse(spec).heard_directly is direct


def test_a_serial_number_may_hold_colons():
    usb = PortSpec.parse("serial:usb=2E8A:5:a1:b2:c3").usb
    assert usb == UsbId(0x2E8A, 5, "a1:b2:c3")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("serial:", "names no port"),
        ("serial:/dev/ttyACM0?baud=fast", "'fast' is not a number"),
        ("serial:/dev/ttyACM0?baud=0", "is not a number"),
        ("serial:/dev/ttyACM0?parity=E", "unknown option 'parity=E'"),
        ("serial:usb=pico", "usb= wants VID:PID"),
    ],
)
def test_a_spec_nobody_can_understand_says_what_is_wrong(spec, words):
    with pytest.raises(SourceSpecError, match=words):
        PortSpec.parse(spec)


def test_a_board_is_found_by_its_serial_number_wherever_it_is(port_info):
    ports = [port_info("/dev/ttyACM0", serial_number="AAA"), port_info("/dev/ttyACM7")]
    wanted = PortSpec.parse("serial:usb=2e8a:0005:E6614103E7")
    assert find_port(wanted, ports) == ("/dev/ttyACM7", ports[1])


def test_the_first_interface_of_a_board_is_taken(port_info):
    ports = [port_info("/dev/ttyACM0"), port_info("/dev/ttyACM1")]
    assert find_port(PortSpec.parse("serial:usb=2e8a:0005"), ports)[0] == "/dev/ttyACM0"


def test_two_boards_of_one_model_need_a_serial_number(port_info):
    ports = [port_info("/dev/ttyACM0", serial_number="A"), port_info("/dev/ttyACM1")]
    with pytest.raises(SourceRefusedError, match="several boards fit: A, E6614103E7"):
        find_port(PortSpec.parse("serial:usb=2e8a:0005"), ports)


def test_a_board_that_is_not_attached_is_away(port_info):
    with pytest.raises(SourceAwayError, match="no board 2e8a:0005:X is attached"):
        find_port(PortSpec.parse("serial:usb=2e8a:0005:X"), [port_info("/dev/ttyACM0")])


def test_after_a_replug_the_same_board_is_preferred_to_the_same_path(port_info, tmp_path):
    here, there = tmp_path / "ttyACM0", tmp_path / "ttyACM1"
    here.touch()
    there.touch()
    neighbour, ours = port_info(str(here), serial_number="OTHER"), port_info(str(there))
    remembered = UsbId(0x2E8A, 5, "E6614103E7")
    wanted = PortSpec.parse(f"serial:{here}")
    assert find_port(wanted, [neighbour, ours], remembered) == (str(there), ours)
    # A station that takes one board after the other through one port goes on with the next.
    assert find_port(wanted, [neighbour], remembered) == (str(here), neighbour)


def test_a_symbolic_link_to_a_port_is_that_port(port_info, tmp_path):
    node, link = tmp_path / "ttyACM0", tmp_path / "by-id"
    node.touch()
    link.symlink_to(node)
    info = port_info(str(node))
    assert find_port(PortSpec.parse(f"serial:{link}"), [info]) == (str(link), info)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EAGAIN])
def test_a_busy_port_may_become_free(number):
    error = explain_open_error("serial:/dev/x", "/dev/x", OSError(number, "busy"))
    assert isinstance(error, SourceAwayError)
    assert "is busy; close the program that has it open: fuser -v /dev/x" in str(error)


def test_the_remedy_names_the_group_of_the_node(tmp_path):
    strangers = [group for group in grp.getgrall() if group.gr_gid not in {0, *os.getgroups()}]
    node = tmp_path / "node"
    node.touch()
    node.chmod(0o660)
    if os.geteuid() == 0:
        os.chown(node, 0, strangers[0].gr_gid)
        assert f"sudo usermod -aG {strangers[0].gr_name} $USER" in access_remedy(str(node))
    node.chmod(0o600)
    assert "udev rule" in access_remedy(str(node))


def test_the_remedy_for_a_node_that_is_gone_is_still_a_sentence(tmp_path):
    assert "ls -l" in access_remedy(str(tmp_path / "gone"))
