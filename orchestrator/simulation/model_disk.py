"""A model of a store and its disk: commits take time and many share one; the rows are in memory.

It answers as production's SQLite store does, which the same tests show, and cannot lose power or
fill up. Where a world has neither of these, it costs a fraction of what real files do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import NoReturn

from orchestrator.stores.checks import check_unit
from orchestrator.stores.groups import MAX_GROUP
from orchestrator.stores.memory import MemoryStore
from orchestrator.stores.tables import Tables
from orchestrator.units import Committed, Conflict, Op

_Answer = asyncio.Future[Committed | Conflict]
_Group = list[tuple[Sequence[Op], _Answer]]
_Outcome = Committed | Conflict | Exception


class ModelDisk:
    """What ``disk.Disk`` is to a SQLite store, for stores in memory.

    A commit takes so much virtual time and lands at its beginning or at its end, as there.
    """

    def __init__(
        self,
        seed: random.Random,
        loop: asyncio.AbstractEventLoop,
        *,
        takes_s: tuple[float, float] = (0.0, 0.0),
        tables: Tables | None = None,
    ) -> None:
        self._random = seed
        self._loop = loop
        self._takes_s = takes_s
        self._tables = Tables() if tables is None else tables
        self.gone = False
        """Whoever wrote to it was killed: what has not landed never will."""

    @property
    def tore(self) -> bool:
        """Never: nothing is written that could be torn."""
        return False

    @property
    def full(self) -> bool:
        """Never."""
        return False

    @full.setter
    def full(self, is_full: bool) -> None:
        if is_full:
            _cannot_fail()

    def cut_power(self, how: str) -> None:  # noqa: ARG002 - as ``Disk.cut_power``
        """Not here."""
        _cannot_fail()

    def pull_plug(self) -> None:
        """Not here."""
        _cannot_fail()

    def heal(self) -> None:
        """Nothing is ever wrong with it."""

    async def open(self) -> ModelStore:
        """A store over what is on it."""
        return ModelStore(self, self._tables, self._loop)

    def after_cut(self) -> ModelDisk:
        """The disk as the next start finds it, after the service was killed."""
        self.gone = True
        return ModelDisk(self._random, self._loop, takes_s=self._takes_s, tables=self._tables)

    def draw(self) -> tuple[float, bool]:
        """How long the next commit takes, and whether it lands at the beginning of that time."""
        if not self._takes_s[1]:
            return 0.0, True
        return self._random.uniform(*self._takes_s), self._random.random() < 0.5


class ModelStore(MemoryStore):
    """A ``Store`` for one life of a service. Units that wait share a commit, as in SQLite's."""

    def __init__(self, disk: ModelDisk, tables: Tables, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(tables)
        self._disk = disk
        self._loop = loop
        self._waiting: _Group = []
        self._busy = False

    async def unit(self, ops: Sequence[Op]) -> Committed | Conflict:
        """As ``Store.unit``."""
        check_unit(ops)
        answer: _Answer = self._loop.create_future()
        self._waiting.append((ops, answer))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._commit)
        return await answer

    def _commit(self) -> None:
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        wait_s, at_once = self._disk.draw()
        if not wait_s:
            self._answer(group, self._land(group))
        elif at_once:
            self._loop.call_later(wait_s, self._answer, group, self._land(group))
        else:
            self._loop.call_later(wait_s, self._land_late, group)

    def _land(self, group: _Group) -> list[_Outcome]:
        return [self._outcome(ops) for ops, _ in group]

    def _land_late(self, group: _Group) -> None:
        if not self._disk.gone:
            self._answer(group, self._land(group))

    def _outcome(self, ops: Sequence[Op]) -> _Outcome:
        try:
            return self.apply(ops)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked gets it
            return error

    def _answer(self, group: _Group, outcomes: list[_Outcome]) -> None:
        for (_, answer), outcome in zip(group, outcomes, strict=True):
            if answer.done():
                continue  # whoever waited was cancelled; the unit was not
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
        self._busy = bool(self._waiting)
        if self._busy:
            self._commit()


def _cannot_fail() -> NoReturn:
    raise ValueError(
        "a model of a disk neither loses power nor fills up: give this world real files"
    )
