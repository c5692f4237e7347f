"""Two brokers, and a source that is closed again whatever happens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import pytest

from hardware.sources.mqtt import MqttSource
from orchestrator.broker import EmbeddedBroker
from tests.brokers import Mosquitto


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def mosquitto(tmp_path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture(params=["amqtt", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
async def broker_port(request, tmp_path) -> AsyncIterator[int]:
    """What every broker can do is asked of both."""
    if request.param == "mosquitto":
        async with Mosquitto(tmp_path / "mosquitto") as broker:
            yield broker.port
        return
    embedded = EmbeddedBroker()
    yield await embedded.start()
    await embedded.stop()


@pytest.fixture
async def source_of() -> AsyncIterator[Callable[..., MqttSource]]:
    """Makes sources; those still open at the end of the test are closed."""
    made: list[MqttSource] = []

    def make(spec: str, **options) -> MqttSource:
        options.setdefault("now_ms", now_ms)
        made.append(MqttSource(spec, **options))
        return made[-1]

    yield make
    for source in made:
        await source.close()
