"""`sim:`, a source with a button inside: pressed when it is told to, marked simulated always."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from hardware.click import RawFrame
from hardware.source import SourceAwayError, SourceRefusedError, SourceSpecError

_USAGE: Final = "write sim: or sim:?click=DOUBLE&after=2"
_CLICKS: Final = ("SINGLE", "DOUBLE", "LONG")
# Long enough to see on the screen what there is to do, short enough for a demonstration.
_AFTER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class SimulatedSpec:
    """A ``sim:`` spec string, understood."""

    spec: str
    click_type: str = "SINGLE"
    after_ms: int = int(_AFTER_S * 1000)
    """How long after the window opened the button is pressed."""

    @classmethod
    def parse(cls, spec: str) -> SimulatedSpec:
        """Understand ``sim:[?click=TYPE][&after=SECONDS]``. Raises SourceSpecError."""
        rest, _, query = spec.removeprefix("sim:").partition("?")
        if rest:
            raise SourceSpecError(spec, f"{rest!r} is not understood", _USAGE)
        try:
            options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
            click_type = options.pop("click", "SINGLE").upper()
            after_s = float(options.pop("after", _AFTER_S))
        except ValueError:
            raise SourceSpecError(spec, f"{query!r} is not understood", _USAGE) from None
        if options:
            raise SourceSpecError(spec, f"nobody knows {', '.join(sorted(options))}", _USAGE)
        if click_type not in _CLICKS:
            known = ", ".join(_CLICKS)
            raise SourceSpecError(spec, f"{click_type!r} is no click", f"use one of {known}")
        if not 0 <= after_s <= 900:
            raise SourceSpecError(spec, f"after={after_s:g} is not 0 to 900 seconds", _USAGE)
        return cls(spec=spec, click_type=click_type, after_ms=int(after_s * 1000))


class SimulatedSource:
    """A button of this id, under a finger of its own. Its numbers go on from run to run."""

    def __init__(
        self, spec: SimulatedSpec, device_id: str, namespace: str, *, now_ms: Callable[[], int]
    ) -> None:
        self._wanted = spec
        self._device_id = device_id
        self._namespace = namespace
        self._now_ms = now_ms
        self._frames: asyncio.Queue[RawFrame] = asyncio.Queue()
        self._open = False

    @property
    def spec(self) -> str:
        """The spec string."""
        return self._wanted.spec

    @property
    def wanted(self) -> SimulatedSpec:
        """The spec, understood."""
        return self._wanted

    async def open(self) -> None:
        """Nothing to connect to."""
        self._open = True

    async def press(self) -> None:
        """Press the button once, as the spec says. Raises SourceRefusedError."""
        frame = await asyncio.to_thread(self._say)
        if self._open:
            self._frames.put_nowait(frame)

    async def read(self) -> RawFrame:
        """The next frame that a press made."""
        if not self._open:
            raise SourceAwayError(self.spec, "is not open")
        return await self._frames.get()

    async def acknowledge(self, frame: RawFrame) -> None:
        """A simulated button does not wait for an answer."""

    async def close(self) -> None:
        """Let go of the button."""
        self._open = False

    async def wait_for_wake(self) -> None:
        """It is never away."""
        await asyncio.Event().wait()

    def _say(self) -> RawFrame:
        from firmware_sim.core.counter import ClickCounter, CounterError  # noqa: PLC0415
        from firmware_sim.core.device import ButtonDevice, MqttEncoder  # noqa: PLC0415
        from firmware_sim.links.errors import LinkError  # noqa: PLC0415
        from firmware_sim.links.state import device_slot  # noqa: PLC0415

        try:
            with device_slot(self._device_id) as slot:
                device = ButtonDevice(
                    self._device_id, ClickCounter(slot), (MqttEncoder(self._namespace),)
                )
                frame = device.say(self._wanted.click_type, self._now_ms())[0]
        except (LinkError, CounterError) as error:
            raise SourceRefusedError(self.spec, str(error)) from error
        return RawFrame(
            transport="mqtt",
            source=self.spec,
            heard_ms=self._now_ms(),
            payload=frame.payload,
            channel=frame.channel,
            simulated=True,
        )
