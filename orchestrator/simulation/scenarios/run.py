"""A scenario's name or file to its result: what is supplied, in a folder of its own, timed."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final

from firmware_sim.world.scenario import Scenario, parse_scenario
from firmware_sim.world.tables import ScenarioError, check_seed, nearest
from orchestrator.simulation.scenarios.results import Result, judge
from orchestrator.simulation.scenarios.world import Progress, ScenarioWorld

SUPPLIED: Final = Path(__file__).parent
# Many times what a day with every table in it takes. A device or a pipe may have no end at all.
_MOST_BYTES: Final = 1 << 20
# Files that no disk needs to spin for, where the system has such a place.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a fresh folder is made below it


def supplied() -> dict[str, Path]:
    """The scenarios that come with clickclaim, by name."""
    return {one.stem: one for one in sorted(SUPPLIED.glob("*.toml"))}


def load(name: str) -> Scenario:
    """The scenario in this file, or the supplied one of this name; ScenarioError if none."""
    return parse_scenario(text_of(name), _path_of(name).name)


def text_of(name: str) -> str:
    """What stands in it, right or wrong; ScenarioError if that cannot be read."""
    path = _path_of(name)
    if name not in supplied():
        if path.is_dir():
            raise ScenarioError(f"{name} is a folder; name a scenario's file in it")
        if not path.exists():
            raise ScenarioError(f"{name}: no such file, nor a supplied scenario; {_meant(name)}")
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise ScenarioError(f"{name} is larger than {_MOST_BYTES >> 20} MiB, which no scenario is")
    try:
        # With or without the byte order mark that some editors put in front.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"{name} is not UTF-8 text, as TOML has to be: see its byte {error.start}"
        ) from None


def _path_of(name: str) -> Path:
    return supplied().get(name, Path(name))


def run_scenario(
    name: str, scenario: Scenario, seed: int | None = None, on_progress: Progress | None = None
) -> Result:
    """Live the scenario, with its own seed or this one. ``name`` is how a user asks for it."""
    seed = scenario.seed if seed is None else check_seed(seed)
    began_s = time.perf_counter()
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="clickclaim-", dir=where) as folder:
        measured = ScenarioWorld(scenario, seed, Path(folder), on_progress).run()
    return Result(
        name=name,
        scenario=scenario,
        measured=measured,
        checks=judge(scenario, measured),
        real_s=time.perf_counter() - began_s,
    )


def _meant(name: str) -> str:
    return nearest(Path(name).stem, list(supplied()))
