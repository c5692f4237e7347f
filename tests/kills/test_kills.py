"""A service killed at seeded points under load loses nothing it said and claims nothing twice."""

from __future__ import annotations

import pytest

from tests.kills.harness import kill_again_and_again

KILLS = 50


@pytest.mark.kills
@pytest.mark.timeout(300)
async def test_fifty_kills_lose_nothing_and_claim_nothing_twice():
    reports = [report async for report in kill_again_and_again(KILLS, seed=1)]
    report = reports[-1]
    assert report.kills == KILLS
    # The load was one: claims went through, and were cut in the middle, in each of the ways.
    assert set(report.ways) == {"before", "after", "outside"}
    assert report.claimed > KILLS
    assert report.asked_again > KILLS
