"""Where frames come from, and when the contacts heard there have made a click."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from hardware.click import Click
from orchestrator.ingest.hearing import Ear
from orchestrator.ports import Clock

# Each place that frames come from costs a decoder; beyond this the longest silent one goes.
MAX_EARS: Final = 1_000

OnClick = Callable[[Ear, Click], Awaitable[None]]
_Key = tuple[str, str]


class Contacts:
    """The ears, by namespace and source, and a timer for the contacts that they time."""

    def __init__(self, clock: Clock, make: Callable[[str, bool], Ear], on_click: OnClick) -> None:
        self._clock = clock
        self._make = make
        self._on_click = on_click
        self._ears: OrderedDict[_Key, Ear] = OrderedDict()
        self._timing: set[_Key] = set()
        self._moved = asyncio.Event()

    def ear(self, namespace: str, source: str, *, takes_topics: bool) -> Ear:
        """The ear for this place; the same one as long as it is heard from now and then."""
        key = (namespace, source)
        ear = self._ears.pop(key, None) or self._make(namespace, takes_topics)
        self._ears[key] = ear
        if len(self._ears) > MAX_EARS:
            gone, _ = self._ears.popitem(last=False)
            self._timing.discard(gone)
        return ear

    def heard(self, ear: Ear, source: str) -> None:
        """A frame was decoded: perhaps there is a contact to be timed now."""
        key = (ear.namespace, source)
        if self._ears.get(key) is ear and self._idle_for_ms(ear) is not None:
            self._timing.add(key)
            self._moved.set()

    async def run(self) -> NoReturn:
        """Take each click when time has completed it, until cancelled."""
        while True:
            self._moved.clear()
            wait_ms = await self._advance()
            if wait_ms is None:
                await self._moved.wait()
                continue
            at_ms = self._clock.now_ms() + wait_ms
            due = asyncio.ensure_future(self._clock.sleep_until(at_ms))
            moved = asyncio.ensure_future(self._moved.wait())
            try:
                await asyncio.wait({due, moved}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                due.cancel()
                moved.cancel()

    async def idle(self) -> None:
        """Return when no contact is in the middle of a click. Needs ``run`` beside it."""
        while self._timing:
            waits = [self._idle_for_ms(self._ears[key]) or 0 for key in self._timing]
            await self._clock.sleep_until(self._clock.now_ms() + min(waits))
            await asyncio.sleep(0)

    async def _advance(self) -> int | None:
        """Take the clicks that are complete by now; how long until the next may be."""
        waits = []
        for key in list(self._timing):
            ear = self._ears[key]
            for click in ear.decoder.advance(self._now_ms(ear)):
                await self._on_click(ear, click)
            wait_ms = self._idle_for_ms(ear)
            if wait_ms is None:
                self._timing.discard(key)
            else:
                waits.append(wait_ms)
        return min(waits, default=None)

    def _idle_for_ms(self, ear: Ear) -> int | None:
        return ear.decoder.idle_for_ms(self._now_ms(ear))

    def _now_ms(self, ear: Ear) -> int:
        return self._clock.now_ms() - ear.lag_ms
