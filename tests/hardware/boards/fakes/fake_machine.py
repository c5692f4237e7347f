"""Pins, ADC, reset causes and deep sleep."""

from bench import PowerOff, bench, life, tell

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
EXT0_WAKE, TIMER_WAKE = 2, 4
PIN_WAKE = EXT0_WAKE


class Pin:
    IN, OUT = 1, 3
    PULL_UP = 2
    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(self, number, mode=-1, pull=-1):
        self.number = number
        if mode != -1:
            tell(
                "pin", f"{number} {'in' if mode == Pin.IN else mode} pull-up={pull == Pin.PULL_UP}"
            )

    def value(self):
        return bench.pin_level()

    def irq(self, handler=None, trigger=0):
        assert trigger == Pin.IRQ_RISING | Pin.IRQ_FALLING
        bench.irq = lambda: handler(self)


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin, atten=None):
        self._pin = pin

    def read_uv(self):
        return life["pin_uv"]

    def read_u16(self):
        return life["pin_uv"] * 65535 // 3_300_000


_rtc_memory = [life.get("rtc", "").encode()]


class RTC:
    def memory(self, data=None):
        if data is None:
            return _rtc_memory[0]
        _rtc_memory[0] = bytes(data)
        tell("rtc", data.decode())
        return None


def reset_cause():
    return life.get("reset_cause", PWRON_RESET)


def wake_reason():
    return life.get("wake_reason", 0)


def reset():
    raise PowerOff("reset")


def deepsleep():
    raise PowerOff("deep sleep")
