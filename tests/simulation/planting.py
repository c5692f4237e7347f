"""How a bug is planted: a name, what is wrong with it on, and what it replaces in production."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator.claims.context import Context, MovedError, Plan
from orchestrator.units import Committed

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


def changing(outcome: Callable[[Context, Plan[Any]], Any]) -> list[Patch]:
    """``Context.change`` with another way to commit a plan."""

    async def change(self: Context, decide: Any) -> Any:
        while True:
            try:
                plan = await decide()
            except MovedError:
                await asyncio.sleep(0)
                continue
            if plan.ops and not isinstance(await outcome(self, plan), Committed):
                continue
            for fact in plan.facts:
                self.tell(fact)
            return plan.answer

    return [(Context, "change", change)]
