"""How a bug is planted: a name, what is wrong with it on, and what it replaces in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Bug:
    """A planted bug: what is wrong with it on, in words, and which names it replaces."""

    name: str
    says: str
    patches: Callable[[], list[Patch]]


BUGS: dict[str, Bug] = {}


def bug(says: str) -> Callable[[Callable[[], list[Patch]]], None]:
    def add(patches: Callable[[], list[Patch]]) -> None:
        name = patches.__name__.replace("_", "-")
        BUGS[name] = Bug(name, says, patches)

    return add


@contextmanager
def planted(name: str) -> Iterator[None]:
    """With this bug in the code. A name that is no longer there to be replaced is an error."""
    with ExitStack() as stack:
        for target, attribute, value in BUGS[name].patches():
            stack.enter_context(_replaced(target, attribute, value))
        yield


@contextmanager
def _replaced(target: Any, name: str, value: Any) -> Iterator[None]:
    if isinstance(target, dict):
        before = target[name]
        target[name] = value
        try:
            yield
        finally:
            target[name] = before
        return
    before = getattr(target, name)
    setattr(target, name, value)
    try:
        yield
    finally:
        setattr(target, name, before)
