"""A contact that is simulated: the switches by name, and one press of a finger on one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from orchestrator.cli.app import usage
from orchestrator.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from firmware_sim.world.contacts import Trace

# An open contact to look at before the finger comes.
_REST_US: Final = 50_000


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a simulated finger means, whose it is, and which of its presses; None: not given."""

    click: str | None
    hand: str | None
    seed: int | None

    @property
    def given(self) -> bool:
        """Whether somebody asked for one of these."""
        return (self.click, self.hand, self.seed) != (None, None, None)


def is_switch(trace: Path) -> bool:
    """Whether this names a simulated switch. A file of that name goes before it."""
    from firmware_sim.world.contacts import SWITCHES

    return str(trace) in SWITCHES and not trace.exists()


def press_switch(name: str, pressed: Pressed) -> tuple[Trace, str]:
    """The contact's changes, and a title that says how to have them again."""
    from firmware_sim.core.clicks import CLICK_TYPES
    from firmware_sim.world.contacts import SWITCHES, trace_of
    from firmware_sim.world.finger import HANDS, Finger
    from firmware_sim.world.tables import ScenarioError, check_seed, nearest

    click, hand, seed = pressed.click or "SINGLE", pressed.hand or "measured", pressed.seed or 0
    for option, value, known in (("click", click, CLICK_TYPES), ("hand", hand, HANDS)):
        if value not in known:
            usage(f"--{option} is {value!r}; {nearest(value, known)}", "clickclaim sim plot --help")
    try:
        check_seed(seed, "--seed")
    except ScenarioError as error:
        usage(f"{error}.", "--seed 1")
    dice = Random(seed)  # noqa: S311 - a finger, not a secret
    holds = Finger(dice, HANDS[hand]).holds(click)
    trace = trace_of(holds, SWITCHES[name], dice, _REST_US)
    return trace, f"{name}, simulated: {click}, {hand} hand, seed {seed}"


def list_switches(*, as_json: bool) -> None:
    """Which there are, with the worst bounce of each and who measured it."""
    from firmware_sim.world.contacts import SWITCHES

    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "closeBounceUs": one.close_bounce_us,
                    "openBounceUs": one.open_bounce_us,
                    "dropChance": one.drop_chance,
                    "longestDropUs": one.longest_drop_us,
                    "source": one.source,
                }
                for one in SWITCHES.values()
            ]
        )
        return
    print_table(
        ["switch", "closes ms", "opens ms", "source"],
        [
            (one.name, one.close_bounce_us / 1000, one.open_bounce_us / 1000, one.source)
            for one in SWITCHES.values()
        ],
    )
    say("See one bounce: clickclaim sim plot ganssle-worst press.svg --click DOUBLE --seed 4")
