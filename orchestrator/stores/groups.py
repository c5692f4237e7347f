"""Group commit: the units that wait go into one transaction, and nobody is answered before it.

Statements run on the loop's thread, the commit in an executor. Both halves matter: each statement
of ``sqlite3`` lets go of the interpreter's lock, and a thread beside a busy loop waits up to 5 ms
to get it back, thirty thousand times a second; a commit waits for the disk, and the loop must not.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final, NamedTuple, TypeVar

from orchestrator.stores.cache import RowCache
from orchestrator.stores.faults import is_busy, is_of_the_database, store_error
from orchestrator.stores.files import BUSY_S, Database, set_busy_wait
from orchestrator.stores.rows import Key, Row
from orchestrator.stores.statements import Cursor, apply, reads_whole_tables
from orchestrator.units import Committed, Conflict, Op

# About 10 ms of statements: so long may the loop be kept from everything else.
MAX_GROUP: Final = 256

Outcome = Committed | Conflict | Exception
_T = TypeVar("_T")
_COMMITTED: Final = Committed()


class _Waiting(NamedTuple):
    """A unit, and who waits for it."""

    ops: Sequence[Op]
    answer: asyncio.Future[Committed | Conflict]
    long: bool
    """May take long: goes alone, and aside."""


class GroupCommit:
    """All writing of one open database, in groups, one group at a time."""

    def __init__(self, database: Database, cache: RowCache, executor: Executor) -> None:
        self._path = database.path
        self._connection = database.write
        self._cursor = database.write.cursor(Cursor)
        self._cache = cache
        self._executor = executor
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None

    def submit(self, ops: Sequence[Op]) -> asyncio.Future[Committed | Conflict]:
        """Let a unit into the next group. The future is done when its outcome is durable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Committed | Conflict] = loop.create_future()
        self._waiting.append(_Waiting(ops, answer, any(map(reads_whole_tables, ops))))
        if self._worker is None:
            # A task starts after what is ready now has run: that much is in the first group.
            self._worker = loop.create_task(self._work(), name="store: group commit")
        return answer

    async def finish(self) -> None:
        """Return when nothing waits any more."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def run_aside(self, work: Callable[[], _T]) -> _T:
        """Do ``work`` in the executor, after what it is doing."""
        future = self._executor.submit(work)
        # An executor that has done it already needs no detour through the loop.
        return future.result() if future.done() else await asyncio.wrap_future(future)

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                for unit, outcome in zip(group, await self._store(group), strict=True):
                    if unit.answer.done():
                        continue  # whoever waited was cancelled; the unit was not
                    if isinstance(outcome, Exception):
                        unit.answer.set_exception(outcome)
                    else:
                        unit.answer.set_result(outcome)
        finally:
            self._worker = None

    def _next_group(self) -> list[_Waiting]:
        """All that wait, up to the limit or to one that goes alone."""
        group = [self._waiting.popleft()]
        if group[0].long:
            return group
        while self._waiting and len(group) < MAX_GROUP and not self._waiting[0].long:
            group.append(self._waiting.popleft())
        return group

    async def _store(self, group: list[_Waiting]) -> Sequence[Outcome]:
        """Commit a group: an outcome for each unit, or the same StoreError for all."""
        try:
            await self._begin()
            outcomes = (
                await self.run_aside(lambda: self._run_each(group))
                if group[0].long
                else self._run_all(group)
            )
            if outcomes is None:
                self._connection.execute("ROLLBACK")
                await self._begin()
                outcomes = self._run_each(group)
            changes = self._cursor.changes
            self._cache.commit_begins(changes)
            await self.run_aside(self._commit)
            self._cache.commit_landed(changes)
        except sqlite3.Error as error:
            self._undo()
            # One error each: an exception raised in many tasks would gather all their tracebacks.
            return [store_error(error, self._path) for _unit in group]
        except Exception as error:  # noqa: BLE001 - whatever it is, they all wait to hear of it
            self._undo()
            return [error for _unit in group]
        return outcomes

    async def _begin(self) -> None:
        """Start writing; if another process is writing, wait for it aside."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            await self.run_aside(self._begin_patiently)

    def _begin_patiently(self) -> None:
        set_busy_wait(self._connection, BUSY_S)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        finally:
            set_busy_wait(self._connection, 0)

    def _run_all(self, group: list[_Waiting]) -> list[Outcome] | None:
        """Every unit without a savepoint; None when one of them must be undone.

        A savepoint costs a third of a unit's time, and is hardly ever needed: units compare
        first, and a unit whose first operation fails has written nothing.
        """
        cursor = self._cursor
        cursor.changes = {}
        outcomes: list[Outcome] = []
        for ops, _answer, _long in group:
            outcome: Outcome = _COMMITTED
            try:
                for number, op in enumerate(ops):
                    if not apply(cursor, op):
                        if number:
                            return None
                        outcome = Conflict(op)
                        break
            except Exception as error:
                if is_of_the_database(error):
                    raise
                return None
            outcomes.append(outcome)
        return outcomes

    def _run_each(self, group: list[_Waiting]) -> list[Outcome]:
        """Every unit in a savepoint of its own."""
        changes: dict[Key, Row | None] = {}
        outcomes = []
        for ops, _answer, _long in group:
            self._cursor.changes = {}
            outcomes.append(self._run_one(ops))
            if outcomes[-1] is _COMMITTED:
                changes |= self._cursor.changes
        self._cursor.changes = changes
        return outcomes

    def _run_one(self, ops: Sequence[Op]) -> Outcome:
        cursor = self._cursor
        cursor.execute("SAVEPOINT unit")
        outcome: Outcome = _COMMITTED
        try:
            failed = next((op for op in ops if not apply(cursor, op)), None)
            if failed is not None:
                outcome = Conflict(failed)
        except Exception as error:
            if is_of_the_database(error):
                raise
            outcome = error
        if outcome is not _COMMITTED:
            cursor.execute("ROLLBACK TO unit")
        cursor.execute("RELEASE unit")
        return outcome

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _undo(self) -> None:
        """Leave the transaction, unless SQLite has left it already, as it does on a full disk."""
        self._cache.commit_failed()
        if self._connection.in_transaction:
            # Where this fails too, the next BEGIN says so to those who come then.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
