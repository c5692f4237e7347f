"""How much memory a simulated button's connection takes, measured in processes of their own.

A process that has worked before has freed memory to give away, and a fleet fits into it: so each
figure is the difference of two fresh processes, one with a small fleet and one with a large one.

    python -m benchmarks.fleet_memory URL DEVICES [--objects]     bytes that one such process takes
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import subprocess
import sys
import time
import tracemalloc
from dataclasses import dataclass

from firmware_sim.links.fleet import Fleet
from firmware_sim.links.limits import resident_bytes
from firmware_sim.world.fleet import FleetPlan

# Large enough that what a process frees while it starts is used up, too.
SMALL = 2_000
# Large enough for the difference to be megabytes, and soon connected.
LARGE = 8_000


@dataclass(frozen=True)
class Memory:
    """Bytes for each connection. The kernel's socket buffers are the kernel's, and not in it."""

    resident: int
    """Of the process's resident memory, with all that Python and the C library keep for it."""
    objects: int
    """Of Python's own objects, as it allocates them."""


def memory_each(url: str) -> Memory:
    """Measure connections to the broker at ``url``."""
    return Memory(resident=_difference(url), objects=_difference(url, "--objects"))


def _difference(url: str, *options: str) -> int:
    small, large = (_taken(url, count, *options) for count in (SMALL, LARGE))
    return round((large - small) / (LARGE - SMALL))


def _taken(url: str, devices: int, *options: str) -> int:
    command = [sys.executable, "-m", "benchmarks.fleet_memory", url, str(devices), *options]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def _connected(url: str, devices: int, *, objects: bool) -> int:
    """Bytes that this process takes while so many are connected."""
    async with Fleet(FleetPlan(devices=devices, boot_id=int(time.time())), url) as fleet:
        await fleet.connect()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if objects else resident_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(prog="fleet_memory")
    parser.add_argument("url")
    parser.add_argument("devices", type=int)
    parser.add_argument("--objects", action="store_true")
    asked = parser.parse_args()
    if asked.objects:
        tracemalloc.start()
    print(asyncio.run(_connected(asked.url, asked.devices, objects=asked.objects)))


if __name__ == "__main__":
    main()
