"""Which boards there are, and which of their pins a button or a battery may hang on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BoardInfo:
    """One board that firmware exists for."""

    name: str
    """As on the command line, and the folder of its main.py."""
    title: str
    button_pin: int
    """Where the button hangs unless said otherwise."""
    button_pins: frozenset[int]
    """With a pull-up inside, and free for anybody."""
    waking_pins: frozenset[int]
    """Those of them that can end a deep sleep; none when the board has no deep sleep."""
    battery_pins: frozenset[int]
    """Which can measure a voltage while the radio is on."""

    @property
    def sleeps(self) -> bool:
        """Whether the board has a deep sleep that a press ends."""
        return bool(self.waking_pins)


# GPIO 23, 24, 25 and 29 of the Pico W belong to its radio (Raspberry Pi Pico W datasheet, 2.1).
_PICO_W: Final = BoardInfo(
    name="pico_w",
    title="Raspberry Pi Pico W",
    button_pin=15,
    button_pins=frozenset([*range(23), 26, 27, 28]),
    waking_pins=frozenset(),
    battery_pins=frozenset([26, 27, 28]),
)

# MicroPython's quick reference for the ESP32: RTC pins wake it up; 34 to 39 have no pull-up; 1 and
# 3 are the serial port, 6 to 11, 16 and 17 the flash memory; the second converter (0, 2, 4, 12 to
# 15, 25 to 27) is the radio's. 0, 2, 5, 12 and 15 decide how the chip starts when it is reset, so a
# pressed button could keep it from starting (ESP32 datasheet, strapping pins).
_ESP32_WAKING: Final = frozenset([4, 13, 14, 25, 26, 27, 32, 33])
_ESP32: Final = BoardInfo(
    name="esp32",
    title="ESP32",
    button_pin=27,
    button_pins=_ESP32_WAKING | {18, 19, 21, 22, 23},
    waking_pins=_ESP32_WAKING,
    battery_pins=frozenset(range(32, 40)),
)

BOARDS: Final = {board.name: board for board in (_PICO_W, _ESP32)}


def list_boards() -> list[BoardInfo]:
    """Every board, by name."""
    return [BOARDS[name] for name in sorted(BOARDS)]
