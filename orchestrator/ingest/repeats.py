"""The repeat rule as the claim service calls it, and counters that rise without a click."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hardware.click import Ignored
from hardware.repeats import Press, State, judge
from orchestrator.domain.events import ClickHeard, Judgement, RepeatRule
from orchestrator.ports import Store
from orchestrator.units import Committed, SwapDevice

# A sensor with a button sends a counted frame every few seconds. What is lost by a kill is that a
# press recorded in this last minute, and never heard here, could be played back once.
WRITE_EVERY_MS: Final = 60_000

# Devices whose counter is remembered between two writes.
MOST_MARKS: Final = 10_000


@dataclass(slots=True)
class _Mark:
    press: Press
    heard_ms: int
    written_ms: int
    based_on: Mapping[str, Any] | None
    """The device's own state when the mark was made: a reset of the counter drops the mark."""


class Marks:
    """What authenticated frames without a click say of each device's counter.

    Only an authenticated frame moves it, and a press recorded earlier must not count once a later
    counter has been heard, even when that was a beacon.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marks: OrderedDict[tuple[str, str], _Mark] = OrderedDict()

    async def note(self, namespace: str, device_id: str, said: Ignored, heard_ms: int) -> None:
        """Remember the counter of an authenticated frame without a click; write it now and then."""
        if not said.authenticated or said.freshness is None:
            return
        device = await self._store.device(namespace, device_id)
        if device is None:
            return
        press = Press.of(said)
        after = judge(State.from_json(device.repeats), press, heard_ms).state
        if after == State.from_json(device.repeats):
            return
        key = (namespace, device_id)
        mark = self._marks.pop(key, None)
        written_ms = mark.written_ms if mark else 0
        if heard_ms - written_ms >= WRITE_EVERY_MS:
            swap = SwapDevice(device, replace(device, repeats=after.to_json()))
            if isinstance(await self._store.unit([swap]), Committed):
                written_ms = heard_ms
        self._marks[key] = _Mark(press, heard_ms, written_ms, device.repeats)
        if len(self._marks) > MOST_MARKS:
            self._marks.popitem(last=False)

    def rule(self, namespace: str, device_id: str) -> RepeatRule:
        """The repeat rule for this device's next click. Pure once made."""
        mark = self._marks.get((namespace, device_id))

        def with_mark(state: Mapping[str, Any] | None, click: ClickHeard) -> Judgement:
            # A state that is gone since was reset by a person: what came before counts no more.
            was_reset = mark is not None and state is None and mark.based_on is not None
            return _judge(state, click, None if was_reset else mark)

        return with_mark


def rule(state: Mapping[str, Any] | None, click: ClickHeard) -> Judgement:
    """``hardware.repeats`` in the form of ``domain.events.RepeatRule``."""
    return _judge(state, click, None)


def _judge(state: Mapping[str, Any] | None, click: ClickHeard, mark: _Mark | None) -> Judgement:
    before = State.from_json(state)
    if mark is not None:
        before = judge(before, mark.press, mark.heard_ms).state
    press = Press(
        click.family,
        click.click_type,
        click.press_id,
        click.freshness,
        click.evidence.authenticated,
    )
    judged = judge(before, press, click.received_ms)
    return Judgement(
        verdict=judged.verdict,
        first_heard_ms=judged.first_heard_ms,
        state=judged.state.to_json(),
    )
