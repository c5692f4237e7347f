"""What this machine allows is said in full before anything is connected."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from firmware_sim.links import limits
from firmware_sim.links.errors import LinkError

LOWER = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
"""


def run(code, soft, hard):
    lowered = LOWER.format(soft=soft, hard=hard) + code
    return subprocess.run(
        [sys.executable, "-c", lowered], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_soft_limit_is_raised_by_itself():
    code = """
from firmware_sim.links.limits import allow_files
allow_files(500)
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    ran = run(code, 256, 1024)
    assert ran.stdout == "(700, 1024)\n", ran.stderr


def test_a_hard_limit_that_is_too_low_is_told_with_what_to_type():
    code = """
from orchestrator.cli import main
sys.argv = ["clickclaim", "sim", "fleet", "--mqtt", "mqtt://127.0.0.1:1/", "--devices", "5000"]
main()
"""
    ran = run(code, 256, 1024)
    assert ran.returncode == 4
    assert "needs 5200 open files, and this process may have 1024" in ran.stderr
    assert "`ulimit -n 5200`" in ran.stderr
    assert "--devices 824" in ran.stderr


def test_a_limit_below_what_the_process_itself_needs_offers_no_smaller_fleet():
    assert "--devices" not in str(limits.too_few_files(100, 64))


@pytest.fixture
def ports(tmp_path, monkeypatch):
    """The system's port range, as it would be."""

    def set_to(text):
        (tmp_path / "range").write_text(text)
        monkeypatch.setattr(limits, "_PORT_RANGE", tmp_path / "range")

    return set_to


def test_a_fleet_that_fits_leaves_the_source_address_to_the_system(ports):
    ports("32768\t60999\n")
    assert limits.local_addresses("127.0.0.1", 15_000) == []
    assert limits.local_addresses("192.0.2.1", 27_000) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8")
def test_on_loopback_a_large_fleet_is_spread_over_source_addresses(ports):
    ports("32768\t60999\n")
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert limits.local_addresses("127.0.0.1", 50_000) == addresses


def test_too_few_ports_towards_a_broker_elsewhere_are_told_with_what_to_type(ports):
    ports("32768\t60999\n")
    with pytest.raises(LinkError) as refused:
        limits.local_addresses("192.0.2.1", 30_000)
    assert "this system has 28232" in str(refused.value)
    assert "ip_local_port_range" in str(refused.value)
    assert "--devices 27732" in str(refused.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8")
@pytest.mark.parametrize(("last", "free"), [(33_267, 250), (33_000, 117), (32_768, 1)])
def test_of_a_narrow_range_half_is_left_to_other_programs(ports, last, free):
    ports(f"32768\t{last}\n")
    assert limits.local_addresses("192.0.2.1", free) == []
    assert limits.local_addresses("127.0.0.1", 3 * free) == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    with pytest.raises(LinkError, match=f"or take --devices {free}$"):
        limits.local_addresses("192.0.2.1", free + 1)


def test_ports_that_an_earlier_fleet_still_holds_are_not_called_too_few(ports):
    ports("32768\t60999\n")
    assert "wait a minute" in str(limits.too_few_ports(20_000))
    assert "widen them" in str(limits.too_few_ports(28_000))


def test_a_system_that_does_not_say_its_ports_has_iana_s(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_PORT_RANGE", tmp_path / "absent")
    with pytest.raises(LinkError, match="this system has 16384"):
        limits.local_addresses("192.0.2.1", 17_000)


def test_resident_memory_is_what_the_system_says():
    grown = bytearray(64 * 1024 * 1024)
    assert limits.resident_bytes() > len(grown)
    assert limits.resident_bytes() < resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 * 2
