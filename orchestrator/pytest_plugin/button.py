"""A simulated button in a test: counted as a real one counts, heard over the service's API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.core.wire import WireError
from firmware_sim.core.wire.click import check_click_type, check_device_id
from firmware_sim.world.slots import MemorySlot
from hardware.click import RawFrame
from orchestrator.ports import FrameReceipt
from orchestrator.pytest_plugin.threads import in_thread
from orchestrator.remote.frames import frame_json

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

SOURCE: Final = "sim:"
"""The link on which a button of ours is heard, for ``claim_faults``."""
UNKNOWN: Final = "UNKNOWN_DEVICE"


class Unrecorded(NamedTuple):
    """A click that no record tells of, and what its answer was."""

    click_type: str
    receipt: FrameReceipt

    def __str__(self) -> str:
        """The click in a story."""
        what = "was" if self.receipt.disposition is None else f"is {self.receipt.disposition}:"
        return f"{self.click_type} click {what} {self.receipt.reason}"


class SimulatedButton:
    """One button. What became of a click is durable when the call returns, and is its answer."""

    def __init__(
        self, device_id: str, http: httpx.Client, *, namespace: str, key: bytes = b""
    ) -> None:
        __tracebackhide__ = True
        self.device_id = _checked(check_device_id, device_id)
        if not isinstance(key, bytes):
            raise TypeError(f"the key of a button is bytes, not {key!r}")
        self.key = key
        self.unrecorded: list[Unrecorded] = []
        """Its clicks that are on no record: lost on their way, or of a device nobody knew."""
        self._http = http
        self._device = ButtonDevice(
            device_id, ClickCounter(MemorySlot()), (MqttEncoder(namespace),), key=key
        )
        self._clicked = ""
        self._last: list[RawFrame] = []

    def __repr__(self) -> str:
        return f"<simulated button {self.device_id}>"

    async def click(self, click_type: str = "SINGLE") -> FrameReceipt:
        """Click once: SINGLE, DOUBLE or LONG."""
        __tracebackhide__ = True
        return await in_thread(self.click_sync, click_type)

    async def repeat(self) -> FrameReceipt:
        """Say the last click again, byte for byte, as radios and brokers do."""
        __tracebackhide__ = True
        return await in_thread(self.repeat_sync)

    def click_sync(self, click_type: str = "SINGLE") -> FrameReceipt:
        """As ``click``, in a plain test."""
        __tracebackhide__ = True
        self._clicked = _checked(check_click_type, click_type)
        now_ms = time.time_ns() // 1_000_000
        self._last = [
            RawFrame(
                transport="mqtt",
                source=SOURCE,
                heard_ms=now_ms,
                payload=frame.payload,
                channel=frame.channel,
                simulated=True,
            )
            for frame in self._device.say(click_type, now_ms)
        ]
        return self.repeat_sync()

    def repeat_sync(self) -> FrameReceipt:
        """As ``repeat``, in a plain test."""
        __tracebackhide__ = True
        if not self._last:
            raise ValueError(f"{self.device_id} was never clicked, so there is nothing to repeat")
        frames = [frame_json(frame) for frame in self._last]
        answer = self._http.post("/v1/frames", json={"frames": frames}).raise_for_status()
        (told,) = answer.json()["receipts"]
        receipt = FrameReceipt(
            disposition=told["disposition"], device_id=told["deviceId"], reason=told["reason"]
        )
        if receipt.disposition in {None, UNKNOWN}:
            self.unrecorded.append(Unrecorded(self._clicked, receipt))
        return receipt


def _checked(check: Callable[[object], str], value: str) -> str:
    __tracebackhide__ = True
    try:
        return check(value)
    except WireError as error:
        raise ValueError(str(error)) from None
