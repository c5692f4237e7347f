"""Fixtures of the lab: a guest resumed for each test, its air, and its USB sockets."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# The lab's modules are a package of this folder, which is on nobody's path.
sys.path.insert(0, str(Path(__file__).parent))

from buttonlab import build, machine, radio, recipe, snapshot
from buttonlab.project import pack_project


@pytest.fixture(scope="session")
def image() -> build.Image:
    return build.image_for(recipe.for_this_host())


@pytest.fixture(scope="session")
def guest_snapshot(image: build.Image) -> Path:
    try:
        return snapshot.require(image)
    except snapshot.NotBuiltError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def project() -> bytes:
    return pack_project(recipe.REPOSITORY)


@pytest.fixture
async def bench(
    image: build.Image, guest_snapshot: Path, project: bytes
) -> AsyncIterator[machine.Machine]:
    """A fresh guest with the work tree's packages in it; no adapter, nothing plugged in."""
    async with machine.resume(image, guest_snapshot) as resumed:
        await resumed.guest.send_project(project)
        yield resumed


@pytest.fixture
async def air(bench: machine.Machine) -> AsyncIterator[radio.Air]:
    """The guest has a Bluetooth adapter; what is placed on the air it can hear."""
    async with radio.adapter(bench.radio_socket) as around:
        await bench.guest.run("/lab/bluetooth", "attach")
        yield around
