"""What became of each frame, for whoever looks on: `watch`, the log, a station."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.click import Click, Ignored, RawFrame
from orchestrator.domain.events import DeviceEvent
from orchestrator.ports import FrameReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One click of a frame, or that there was none, and why."""

    frame: RawFrame
    namespace: str
    reason: str
    """A sentence for a person."""
    read: Click | Ignored | None = None
    """What the decoder said; None when the frame never reached it."""
    device_id: str | None = None
    """Whose it is; None when no id is known for the address."""
    event: DeviceEvent | None = None
    """What the claim service committed; None when no click was handed to it."""

    @property
    def disposition(self) -> str | None:
        """What became of the click; None when no click was read."""
        if self.event is not None:
            return self.event.disposition
        return "UNKNOWN_DEVICE" if isinstance(self.read, Click) and not self.device_id else None

    def receipt(self) -> FrameReceipt:
        """The same, for a station far away."""
        return FrameReceipt(
            disposition=self.disposition, device_id=self.device_id, reason=self.reason
        )


Listener = Callable[[Report], None]
"""Is told of every frame. Called on the loop's thread; must neither block nor raise."""
