"""Seeds to verdicts: one in a folder of its own, twice to compare, many in processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
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
# In a process of a pool: the pool's own folder, which goes with the pool however a process ends.
_POOL_FOLDER: Final[ContextVar[Path | None]] = ContextVar("_POOL_FOLDER", default=None)


@contextmanager
def _folder() -> Iterator[Path]:
    memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    where = _POOL_FOLDER.get() or memory
    folder = Path(tempfile.mkdtemp(prefix="clickclaim-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pool_of(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes to live worlds in, that inherit no thread and no lock from this one.

    Ctrl-C is for this process alone. Where the body does not come to its end, theirs is at once.
    """
    others = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")
    with _folder() as folder:
        pool = ProcessPoolExecutor(jobs, spawn, initializer=_live_below, initargs=(folder,))
        try:
            # Each begins with its first work, and keeps the mask of signals that it began with.
            heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            for _ in range(jobs):
                pool.submit(int)
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            yield pool
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def run_plan(plan: Plan, *, twice: bool = False) -> Verdict:
    """The verdict on one world; when run twice, differing traces are a violation as well."""
    verdict = _live(plan)
    if twice and not verdict.violation:
        again = _live(plan)
        if again.trace != verdict.trace:
            why = f"not deterministic: traces {verdict.trace[:16]} and {again.trace[:16]}"
            return replace(verdict, violation=again.violation or why, last=again.last)
    return verdict


def run_seed(seed: int, *, twice: bool = False) -> Verdict:
    """The verdict on a seed's world, as ``run_plan``."""
    return run_plan(draw_plan(seed), twice=twice)


def run_seeds(seeds: Iterable[int], *, jobs: int = 1, twice: bool = False) -> Generator[Verdict]:
    """The verdicts in order of the seeds, without what stations were told."""
    run = partial(_run_slim, twice=twice)
    if jobs == 1:
        yield from map(run, seeds)
        return
    with pool_of(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=_CHUNK)


def _run_slim(seed: int, *, twice: bool) -> Verdict:
    return replace(run_seed(seed, twice=twice), told=())


def _live(plan: Plan) -> Verdict:
    with _folder() as folder:
        return World(plan, folder).run()


def _live_below(folder: Path) -> None:
    _POOL_FOLDER.set(folder)
