"""Seeds to verdicts: one in a folder of its own, twice to compare, many in processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from orchestrator.simulation.plan import Plan, draw_plan
from orchestrator.simulation.world import Verdict, World

# Files that no disk needs to spin for, where the system has such a place.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a fresh folder is made below it
# So few seeds go to a process at once that the last ones are not all in one.
_CHUNK: Final = 4


@contextmanager
def _folder() -> Iterator[Path]:
    where = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="clickclaim-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pool_of(jobs: int) -> ProcessPoolExecutor:
    """Processes to live worlds in, that inherit no thread and no lock from this one."""
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def run_plan(plan: Plan) -> Verdict:
    """The verdict on one world."""
    with _folder() as folder:
        return World(plan, folder).run()


def run_seed(seed: int, *, twice: bool = False) -> Verdict:
    """The verdict on a seed's world; when run twice, differing traces are a violation as well."""
    verdict = run_plan(draw_plan(seed))
    if twice and not verdict.violation:
        again = run_plan(draw_plan(seed))
        if again.trace != verdict.trace:
            why = f"not deterministic: traces {verdict.trace[:16]} and {again.trace[:16]}"
            return replace(verdict, violation=again.violation or why, last=again.last)
    return verdict


def run_seeds(seeds: Iterable[int], *, jobs: int = 1, twice: bool = False) -> Iterator[Verdict]:
    """The verdicts in order of the seeds, without what stations were told."""
    run = partial(_run_slim, twice=twice)
    if jobs == 1:
        yield from map(run, seeds)
        return
    with pool_of(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=_CHUNK)


def _run_slim(seed: int, *, twice: bool) -> Verdict:
    return replace(run_seed(seed, twice=twice), told=())
