"""Which buttons a fleet has, whose turn it is to click, and what each of its clicks says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Final

from firmware_sim.core.battery import remaining_life_bp
from firmware_sim.core.wire.click import U32_MAX, ButtonClick, check_device_id, check_integer
from firmware_sim.core.wire.mqtt import encode_json, events_topic

# Six digits tell the buttons of a fleet apart.
_DIGITS: Final = 6
MOST_DEVICES: Final = 10**_DIGITS

# Of a hundred clicks so many are single, and so many single or double; the rest are long. People
# mostly press once; a fleet says all three, so that a reader of one kind only is found out.
_SINGLE_BELOW, _DOUBLE_BELOW = 90, 97


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """Buttons by index, 0 to ``devices`` - 1. The same plan says the same bytes.

    ``boot_id`` is the start that all of them are in; a later run needs a higher one, or its clicks
    are repeats. Raises ValueError for a number of buttons that cannot be, and WireError for a
    prefix, namespace or boot id that no button can say.
    """

    devices: int
    boot_id: int
    seed: int = 0
    namespace: str = "default"
    prefix: str = "FLEET"

    def __post_init__(self) -> None:
        if not 1 <= self.devices <= MOST_DEVICES:
            raise ValueError(f"a fleet has 1 to {MOST_DEVICES} buttons, not {self.devices}")
        check_integer("bootId", self.boot_id, U32_MAX)
        check_device_id(self.device_id(self.devices - 1))
        events_topic(self.namespace, self.device_id(0))

    def device_id(self, index: int) -> str:
        """The device id of a button."""
        return f"{self.prefix}{index:0{_DIGITS}d}"

    def index_of(self, device_id: str) -> int | None:
        """The button of this device id; None when it is none of the fleet's."""
        number = device_id.removeprefix(self.prefix)
        if len(number) != _DIGITS or not (number.isascii() and number.isdigit()):
            return None
        index = int(number)
        return index if index < self.devices and device_id == self.device_id(index) else None

    def press_id(self, counter: int) -> str:
        """How a record names the ``counter``-th click of any of the buttons."""
        return f"{self.boot_id}.{counter}"

    def counter_of(self, press_id: str | None) -> int | None:
        """The number in a press id of this run; None for one of another run."""
        boot_id, _, counter = (press_id or "").partition(".")
        if boot_id != str(self.boot_id) or not (counter.isascii() and counter.isdigit()):
            return None
        return int(counter)

    def click_type(self, index: int, counter: int) -> str:
        """What the finger does: nothing needs to be remembered to say a click again."""
        drawn = ((self.seed * 7919 + index) * 2_654_435_761 + counter * 40_503) % 9973 % 100
        if drawn < _SINGLE_BELOW:
            return "SINGLE"
        return "DOUBLE" if drawn < _DOUBLE_BELOW else "LONG"

    def topic(self, index: int) -> str:
        """Where a button publishes."""
        return f"clickclaim/v1/{self.namespace}/devices/{self.device_id(index)}/events"

    def payload(self, index: int, counter: int) -> bytes:
        """What a button publishes at its ``counter``-th click, which a start begins with 1."""
        return _payload(self.boot_id, counter, self.click_type(index, counter))

    def turns(self) -> Iterator[int]:
        """Whose turn it is, for ever: every button once in each round, in an order of its own."""
        rng = Random(self.seed)  # noqa: S311 - repeatable is what is wanted
        indices = list(range(self.devices))
        while True:
            rng.shuffle(indices)
            yield from indices


@lru_cache(maxsize=4096)
def _payload(boot_id: int, counter: int, click_type: str) -> bytes:
    """The bytes are the same for every button: the device id stands in the topic."""
    click = ButtonClick(
        "any", boot_id, counter, click_type, remaining_life_bp=remaining_life_bp(counter)
    )
    return encode_json(click)
