"""Facts to whoever listens in this process: each once, in order, or a reset that says so."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Self

from orchestrator.ports import Fact

# Kept for a listener that comes back: minutes of traffic at a busy station.
FACTS_KEPT: Final = 10_000
# A listener that is this far behind is not reading: it gets a reset and starts afresh.
LISTENER_BEHIND: Final = 10_000

_Filter = tuple[str | None, str | None]
"""Namespace and account; None: any."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Facts were missed: read the records again."""

    number: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """A fact with its number in this process's life."""

    number: int
    fact: Fact


class Listener:
    """Facts of one namespace and account, as they come, for as long as it is entered."""

    def __init__(self, hub: FactHub, namespace: str | None, account: str | None) -> None:
        self._hub = hub
        self._namespace = namespace
        self._account = account
        self._waiting: deque[Numbered | Reset] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def offer(self, numbered: Numbered) -> None:
        """Put a fact in line, if it is for this listener."""
        fact = numbered.fact
        if self._namespace is not None and fact.namespace != self._namespace:
            return
        if self._account is not None and fact.account != self._account:
            return
        if len(self._waiting) >= LISTENER_BEHIND:
            self._waiting.clear()
            self._waiting.append(Reset(numbered.number))
        else:
            self._waiting.append(numbered)
        self._arrived.set()

    def reset(self, number: int) -> None:
        """Say that facts were missed."""
        self._waiting.append(Reset(number))
        self._arrived.set()

    def close(self) -> None:
        """End the iteration once what waits is read."""
        self._closed = True
        self._arrived.set()

    @property
    def wanted(self) -> _Filter:
        """Whose facts these are."""
        return (self._namespace, self._account)

    def __enter__(self) -> Self:
        self._hub.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.remove(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Numbered | Reset:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class FactHub:
    """A Notifier that passes facts on to listeners in this process."""

    def __init__(self) -> None:
        self._number = 0
        self._kept: deque[Numbered] = deque(maxlen=FACTS_KEPT)
        # By what they listen for, since a fact concerns few of thousands; and in the order in
        # which they came, so that the same run tells them in the same order again.
        self._listeners: dict[_Filter, dict[Listener, None]] = {}

    @property
    def number(self) -> int:
        """The number of the latest fact."""
        return self._number

    def tell(self, fact: Fact) -> None:
        """Number a fact and pass it on."""
        self._number += 1
        numbered = Numbered(self._number, fact)
        self._kept.append(numbered)
        namespace, account = fact.namespace, fact.account
        concerned = ((namespace, account), (namespace, None), (None, account), (None, None))
        for wanted in concerned if account is not None else concerned[1::2]:
            for listener in self._listeners.get(wanted, ()):
                listener.offer(numbered)

    def listen(
        self,
        *,
        namespace: str | None = None,
        account: str | None = None,
        after: int | None = None,
    ) -> Listener:
        """Facts from now on, or from ``after`` on; None for a filter means everything.

        To be entered at once: ``with hub.listen() as listener``.

        When facts after ``after`` are no longer kept, a Reset comes first.
        """
        listener = Listener(self, namespace, account)
        if after is not None:
            oldest = self._kept[0].number if self._kept else self._number + 1
            if after + 1 < oldest or after > self._number:
                listener.reset(self._number)
            else:
                for numbered in self._kept:
                    if numbered.number > after:
                        listener.offer(numbered)
        return listener

    def add(self, listener: Listener) -> None:
        """Tell this listener, too."""
        self._listeners.setdefault(listener.wanted, {})[listener] = None

    def remove(self, listener: Listener) -> None:
        """Tell it no more."""
        alike = self._listeners[listener.wanted]
        del alike[listener]
        if not alike:
            del self._listeners[listener.wanted]

    def close(self) -> None:
        """End every listener's iteration."""
        for alike in self._listeners.values():
            for listener in alike:
                listener.close()
