"""A button on an ESP32: its pins, its radio, and the sleep that a press ends."""

import esp32
import machine
from time import ticks_ms

from common.run import run

# What it slept with, in the memory that sleep leaves alone. It is wiped at the start: a soft
# reset does not change the chip's reset cause, and would make the same press count again.
_OPEN = b"open"
_CLOSED = b"closed"


class Esp32:
    """What differs between boards."""

    NAME = "esp32"

    # Its radio is of Bluetooth 4.2, which asks a broadcaster for 100 ms at the least.
    ADVERTISE_INTERVAL_US = 100_000

    CAN_SLEEP = True

    def woken_after_ms(self) -> int | None:
        """How long ago a press ended the sleep; None when something else started the chip."""
        memory = machine.RTC()
        slept_with = bytes(memory.memory())
        memory.memory(b"")
        if machine.reset_cause() != machine.DEEPSLEEP_RESET:
            return None
        if machine.wake_reason() != machine.EXT0_WAKE or slept_with != _OPEN:
            return None
        return ticks_ms()  # begins at 0 when the chip starts

    def pin_mv(self, pin: int) -> int:
        """The voltage at a pin of the first converter, GPIO 32 to 39; the factory calibrated it."""
        return machine.ADC(machine.Pin(pin), atten=machine.ADC.ATTN_11DB).read_uv() // 1000

    def deep_sleep(self, pin: machine.Pin, closed: bool) -> None:
        """Sleep until the contact changes; the chip then starts from the beginning.

        A contact that closes on the way here ends the sleep at once, since its level does, so no
        press is lost. The chip keeps the pull-up of a pin that can wake it.
        """
        machine.RTC().memory(_CLOSED if closed else _OPEN)
        esp32.wake_on_ext0(pin=pin, level=esp32.WAKEUP_ANY_HIGH if closed else esp32.WAKEUP_ALL_LOW)
        machine.deepsleep()


run(Esp32())
