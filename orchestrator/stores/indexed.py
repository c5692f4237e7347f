"""Rows in memory by key, and by what else they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, Generic, TypeVar

from orchestrator.stores.rows import Row

T = TypeVar("T")

Named = Callable[[Row], Hashable | None]
"""Under which name an index finds a row; None: not at all."""

_NOTHING: Final[Mapping[Any, Row]] = {}


class Table(dict[Any, Row]):
    """Rows by key, in the order in which they came. Changed by ``put`` and ``drop`` alone."""

    def __init__(self, **indexes: Named) -> None:
        super().__init__()
        self._indexes: Final[list[tuple[Named, dict[Hashable, dict[Any, Row]]]]] = [
            (named, {}) for named in indexes.values()
        ]
        self._found = {name: index for name, (_, index) in zip(indexes, self._indexes, strict=True)}

    def under(self, index: str, name: Hashable) -> Mapping[Any, Row]:
        """The rows that this index has under this name, by key."""
        return self._found[index].get(name, _NOTHING)

    def put(self, key: Any, row: Row) -> Row | None:
        """Store a row; the one that was there, if any."""
        before = self.get(key)
        self[key] = row
        for named, index in self._indexes:
            name = named(row)
            if before is not None and (was := named(before)) != name and was is not None:
                _forget(index, was, key)
            if name is not None:
                index.setdefault(name, {})[key] = row
        return before

    def drop(self, key: Any) -> Row | None:
        """Forget a row; the one that was there, if any."""
        before = self.pop(key, None)
        if before is not None:
            for named, index in self._indexes:
                if (was := named(before)) is not None:
                    _forget(index, was, key)
        return before


class Decoded(Generic[T]):
    """The values of a table's rows, made once for each: most are read again.

    Of rows that the table has no longer, no more are kept than it has rows.
    """

    def __init__(self, decode: Callable[[Row], T], table: Table) -> None:
        self._decode = decode
        self._table = table
        self._made: dict[Any, tuple[Row, T]] = {}

    def values(self, rows: Mapping[Any, Row]) -> list[T]:
        """The values of these rows of the table, by key."""
        return [self.value(key, row) for key, row in rows.items()]

    def value(self, key: Any, row: Row) -> T:
        """The value of this row of the table."""
        made = self._made.get(key)
        if made is None or made[0] is not row:
            made = self._made[key] = (row, self._decode(row))
            if len(self._made) > 2 * len(self._table):
                self._forget_the_gone()
        return made[1]

    def _forget_the_gone(self) -> None:
        there = self._table
        self._made = {key: made for key, made in self._made.items() if there.get(key) is made[0]}


def _forget(index: dict[Hashable, dict[Any, Row]], name: Hashable, key: Any) -> None:
    rows = index[name]
    del rows[key]
    if not rows:
        del index[name]
