"""A small scenario to change: one slot, one operator, four buttons."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_sim.world.scenario import parse_scenario
from orchestrator.simulation.scenarios.results import Result
from orchestrator.simulation.scenarios.run import run_scenario

SMALL = """
title = "Small"
profile = "production"

[[devices]]
prefix = "B-"
count = 4
switch = "clean"

[[operators]]
name = "ann"
hand = "steady"
time_to_press_s = [1, 2]

[[arrivals]]
station = "desk"
devices = "B-"
operator = "ann"
pause_s = [1, 2]
"""


@pytest.fixture
def small() -> str:
    return SMALL


@pytest.fixture
def live() -> Callable[..., Result]:
    """Live the small scenario after these replacements and with this at its end."""

    def run(*changes: tuple[str, str], more: str = "", seed: int = 1) -> Result:
        text = SMALL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return run_scenario("small.toml", parse_scenario(text + more, "small.toml"), seed)

    return run
