"""The net catches fish: each planted bug is found, and no name in the list has gone stale."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from orchestrator.simulation.seeds import pool_of
from tests.simulation.bugs import BUGS, planted
from tests.simulation.hunt import hunt

# Three times what the slowest one needed when this was written.
MOST_SEEDS = 200


def test_there_are_enough_of_them():
    assert len(BUGS) >= 15


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_planted_and_taken_out_again(name):
    before = [_now(target, attribute) for target, attribute, _ in BUGS[name].patches()]
    with planted(name):
        during = [_now(target, attribute) for target, attribute, _ in BUGS[name].patches()]
    after = [_now(target, attribute) for target, attribute, _ in BUGS[name].patches()]
    assert after == before
    assert during != before


@pytest.fixture(scope="module")
def hunts() -> Iterator[dict[str, Future]]:
    with pool_of(2) as pool:
        yield {name: pool.submit(hunt, name, 0, MOST_SEEDS) for name in BUGS}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(hunts, name):
    count, what = hunts[name].result()
    assert count is not None, f"{name} was not found in {MOST_SEEDS} seeds"
    assert what


def _now(target, attribute):
    return target[attribute] if isinstance(target, dict) else getattr(target, attribute)
