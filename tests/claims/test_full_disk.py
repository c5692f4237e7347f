"""A store that is full when a deadline comes: the attempt ends as soon as there is room."""

from __future__ import annotations

import asyncio
import logging

from orchestrator.domain.errors import StoreFullError
from tests.claims.bench import MINE, Bench


async def test_a_deadline_that_meets_a_full_disk_is_kept_when_there_is_room(caplog):
    bench = Bench()
    attempt = await bench.service.initiate(MINE, "B1")
    commit = bench.store.unit

    async def full(ops):
        raise StoreFullError("The disk has no room left.")

    bench.store.unit = full
    timer = asyncio.ensure_future(bench.service.run_deadlines())
    with caplog.at_level(logging.ERROR):
        await bench.clock.advance(130_000)
    assert not timer.done()
    assert (await bench.service.attempt(MINE, attempt.attempt_id)).outcome is None
    assert [record.getMessage() for record in caplog.records] == [
        "The disk has no room left. Claims whose time is up stay open until this is mended."
    ]
    bench.store.unit = commit
    await bench.clock.advance(5_000)
    assert (await bench.service.attempt(MINE, attempt.attempt_id)).outcome == "TIMED_OUT"
    timer.cancel()
    await asyncio.gather(timer, return_exceptions=True)
