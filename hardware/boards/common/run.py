"""What a board does from its start on, and after an error: stop and say why, or start again."""

import sys
from time import sleep_ms

import machine

from common import console
from common.config import ConfigError, read_config
from common.contact import Contact

# Long enough to read the traceback and to reach the board with mpremote before it starts again;
# each start writes to the flash once.
RESTART_MS = 30_000


def run(board: "Board") -> None:
    """Be a button. Returns only when the configuration or the counter needs a person."""
    try:
        _run(board)
    except ConfigError as error:
        console.remark(f"stopped: {error}")
    except Exception as error:
        if type(error).__name__ in ("CounterError", "WireError"):
            console.remark(f"stopped: {error}")
            return
        sys.print_exception(error)
        console.remark(f"starting again in {RESTART_MS // 1000} s")
        sleep_ms(RESTART_MS)
        machine.reset()


def _run(board: "Board") -> None:
    config = read_config()
    woken_after_ms = board.woken_after_ms()
    pin = machine.Pin(config.button_pin, machine.Pin.IN, machine.Pin.PULL_UP)
    # Before the rest is even loaded, which takes longer than a press: the second press of a
    # double click may already be under way.
    contact = Contact(pin, woken_after_ms)
    from common.button import Button

    Button(board, config, contact, woken=woken_after_ms is not None).run()
