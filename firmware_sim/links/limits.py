"""How many connections this machine allows one process, and what to type when that is too few."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

from firmware_sim.links.errors import LinkError

# What a process needs besides its buttons: a store, a claim service's connections, libraries.
SPARE_FILES: Final = 200
# Ports that other programs of this machine use towards the same broker; of a narrow range, half.
_SPARE_PORTS: Final = 500
# On loopback each source address has ports of its own; so many buttons share one address.
_BUTTONS_AN_ADDRESS: Final = 20_000
_MOST_ADDRESSES: Final = 200

_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
# IANA's range, which systems use that do not say theirs (RFC 6335, section 6).
_IANA_PORTS: Final = 65_535 - 49_152 + 1


def allow_files(connections: int) -> None:
    """Raise this process's soft limit of open files as far as needed. Raises LinkError."""
    needed = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise too_few_files(connections, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError):  # macOS has a limit below the one it names
        raise too_few_files(connections, soft) from None


def too_few_files(connections: int, limit: int) -> LinkError:
    """The refusal of a fleet for which this process may not open enough files."""
    most = max(0, limit - SPARE_FILES)
    smaller = f", or take --devices {most}" if most else ""
    return LinkError(
        f"a fleet of {connections} buttons",
        f"needs {connections + SPARE_FILES} open files, and this process may have {limit}",
        f"type `ulimit -n {connections + SPARE_FILES}` before it, as root or after raising the"
        f" hard limit in /etc/security/limits.conf{smaller}",
    )


def local_addresses(broker: str, connections: int) -> list[str]:
    """Source addresses to spread the connections over; none when the system is to choose.

    ``broker`` is its numeric address. Raises LinkError when ports are too few.
    """
    free = _free_ports()
    if connections <= min(free, _BUTTONS_AN_ADDRESS):
        return []
    if broker.startswith("127.") and sys.platform == "linux":
        count = -(-connections // min(free, _BUTTONS_AN_ADDRESS))
        if count <= _MOST_ADDRESSES:
            return [f"127.0.0.{last}" for last in range(1, count + 1)]
    if connections > free:
        raise too_few_ports(connections)
    return []


def too_few_ports(connections: int) -> LinkError:
    """The refusal of a fleet for which there are not enough ports towards one broker."""
    if connections <= _free_ports():
        return LinkError(
            f"a fleet of {connections} buttons",
            f"finds no more ports towards the broker, though this system has {_ports()}",
            "wait a minute, for which the system keeps those of an earlier fleet, or take fewer",
        )
    remedy = f"take --devices {_free_ports()}"
    if sys.platform == "linux":
        widen = "sysctl -w net.ipv4.ip_local_port_range='1024 65535'"
        remedy = f"widen them (as root: {widen}), or {remedy}"
    return LinkError(
        f"a fleet of {connections} buttons",
        f"needs as many ports towards one broker, and this system has {_ports()}",
        remedy,
    )


def resident_bytes() -> int:
    """Memory that this process holds now; where the system does not say, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def _free_ports() -> int:
    ports = _ports()
    return ports - min(_SPARE_PORTS, ports // 2)


def _ports() -> int:
    try:
        first, last = map(int, _PORT_RANGE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _IANA_PORTS
    return last - first + 1
