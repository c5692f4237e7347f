"""Rows in memory by key, and by what else they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from orchestrator.stores.rows import Kept, Row

Named = Callable[[Row], Hashable | None]
"""Under which name an index finds a row; None: not at all."""

_NOTHING: Final[Mapping[Any, Kept]] = {}


class Table(dict[Any, Kept]):
    """Rows by key, in the order in which they came. Changed by ``put`` and ``drop`` alone."""

    def __init__(self, **indexes: Named) -> None:
        super().__init__()
        self._indexes: Final[list[tuple[Named, dict[Hashable, dict[Any, Kept]]]]] = [
            (named, {}) for named in indexes.values()
        ]
        self._found = {name: index for name, (_, index) in zip(indexes, self._indexes, strict=True)}

    def under(self, index: str, name: Hashable) -> Mapping[Any, Kept]:
        """The rows that this index has under this name, by key."""
        return self._found[index].get(name, _NOTHING)

    def put(self, key: Any, row: Row) -> Row | None:
        """Store a row; the one that was there, if any."""
        before = self.get(key)
        self[key] = kept = Kept(row)
        for named, index in self._indexes:
            name = named(row)
            if before is not None and (was := named(before)) != name and was is not None:
                _forget(index, was, key)
            if name is not None:
                index.setdefault(name, {})[key] = kept
        return before

    def drop(self, key: Any) -> Row | None:
        """Forget a row; the one that was there, if any."""
        before = self.pop(key, None)
        if before is not None:
            for named, index in self._indexes:
                if (was := named(before)) is not None:
                    _forget(index, was, key)
        return before


def _forget(index: dict[Hashable, dict[Any, Kept]], name: Hashable, key: Any) -> None:
    rows = index[name]
    del rows[key]
    if not rows:
        del index[name]
