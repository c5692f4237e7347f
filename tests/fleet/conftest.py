"""A real Mosquitto that keeps nothing on disk, as fast as it comes."""

from __future__ import annotations

import time

import pytest

from firmware_sim.world.fleet import FleetPlan
from tests.brokers import Mosquitto


def configured(folder, port_of, *lines):
    """Replace the configuration of a broker that is made for kill tests."""
    text = "\n".join(
        ["persistence false", "log_type none", f"listener {port_of} 127.0.0.1", *lines]
    )
    (folder / "mosquitto.conf").write_text(f"{text}\nallow_anonymous true\n")


@pytest.fixture
def make_broker(tmp_path):
    def make(*lines):
        broker = Mosquitto(tmp_path / "broker")
        configured(tmp_path / "broker", broker.port, *(lines or ("max_queued_messages 0",)))
        return broker

    return make


@pytest.fixture
async def broker(make_broker):
    async with make_broker() as broker:
        yield broker


@pytest.fixture
def plan():
    return FleetPlan(devices=300, boot_id=int(time.time()), seed=1)
