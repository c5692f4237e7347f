"""A button on a Raspberry Pi Pico W: its pins, its radio, and that it never sleeps."""

from machine import ADC, Pin

from common.run import run


class PicoW:
    """What differs between boards."""

    NAME = "pico_w"

    # Its radio is of Bluetooth 5.2, which lets a broadcaster repeat every 20 ms and more.
    ADVERTISE_INTERVAL_US = 30_000

    # On this chip a pin does not end MicroPython's sleep (micropython/micropython, issue 7035).
    CAN_SLEEP = False

    def woken_after_ms(self) -> None:
        """A press never starts this board."""
        return None

    def pin_mv(self, pin: int) -> int:
        """The voltage at GP26, GP27 or GP28, against the 3.3 V of the board."""
        return ADC(Pin(pin)).read_u16() * 3300 // 65535


run(PicoW())
