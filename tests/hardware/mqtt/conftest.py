"""Two brokers, and a source that is closed again whatever happens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import pytest

from hardware.sources.mqtt import MqttSource
from tests.brokers import BOTH, Mosquitto, running


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def mosquitto(tmp_path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture(params=BOTH)
async def broker_port(request, tmp_path) -> AsyncIterator[int]:
    async with running(request.param, tmp_path / "broker") as port:
        yield port


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
