"""A button under a finger: production's device core, its memory, and what it says on each link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.core.wire.click import ButtonClick
from firmware_sim.core.wire.sentence import encode_sentence
from firmware_sim.world.slots import MemorySlot
from hardware.click import RawFrame
from orchestrator.simulation.truth import Place, PressKey


@dataclass(frozen=True, slots=True)
class Said:
    """One press, in the words of each link."""

    key: PressKey
    topic: str
    payload: bytes
    click: ButtonClick

    @property
    def sentence(self) -> bytes:
        """The same on a cable."""
        return encode_sentence(self.click)


class Button:
    """One button. ``starts``: how often its battery was changed before the world began."""

    def __init__(self, place: Place, key: bytes, *, simulated: bool, starts: int = 1) -> None:
        self.place = place
        self.simulated = simulated
        self._key = key
        self._slot = MemorySlot(_after(starts - 1))
        self.last: Said | None = None
        self.restart()

    def restart(self) -> None:
        """A battery change: the boot id rises, the counter begins again."""
        namespace, device_id = self.place
        self._device = ButtonDevice(
            device_id,
            ClickCounter(self._slot),
            (MqttEncoder(namespace),),
            key=self._key,
        )

    def press(self, click_type: str, now_ms: int) -> Said:
        """Press it."""
        (frame,) = self._device.say(click_type, now_ms)
        press_id = f"{frame.click.boot_id}.{frame.click.counter}"
        self.last = Said((self.place, press_id), frame.channel, frame.payload, frame.click)
        return self.last


def serial_frame(device_id: str, sentence: bytes, heard_ms: int) -> RawFrame:
    """The press as a station's own driver hears it."""
    return RawFrame(
        transport="serial",
        source="serial:/dev/ttyACM0",
        heard_ms=heard_ms,
        payload=sentence,
        address=f"usb {device_id}",
        direct=True,
    )


@cache
def _after(starts: int) -> tuple[bytes, ...]:
    """What a button's memory holds after so many battery changes."""
    slot = MemorySlot()
    for _ in range(starts):
        ClickCounter(slot).start()
    return tuple(slot.places)
