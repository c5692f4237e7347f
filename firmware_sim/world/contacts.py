"""What metal does when a finger closes it: bounce of real switches, and one that is worn out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from firmware_sim.world.finger import Hold

Trace = list[tuple[int, int]]
"""(microsecond, level) of each change, level 1 = closed; times rise, levels alternate."""


@dataclass(frozen=True, slots=True)
class Switch:
    """How long after a change the last transition comes, at the worst, and where that was seen."""

    name: str
    close_bounce_us: int
    open_bounce_us: int
    source: str
    drop_chance: float = 0.0
    """How often a hold loses contact for a while although the finger holds."""
    longest_drop_us: int = 0


_GSUBERLAND = "github.com/gsuberland/switch_bouncing: 32 presses at 8.93 MS/s, read off the plots"
_GANSSLE = "J. Ganssle, A Guide to Debouncing: 16 switches, mean 1557 us, worst 6200 us"

CLEAN = Switch("clean", 0, 0, "a contact without bounce, as no metal is")
TACT = Switch("xkb-tc-1103-tact", 20, 1200, _GSUBERLAND)
WORST = Switch("ganssle-worst", 6200, 6200, _GANSSLE)
WORN = Switch(
    "worn-omron-d2fc-f-7n",
    5000,  # the data sheets of Omron's B3F and B3S promise 5 ms at most
    5000,
    "overclock.net thread 1618404: lost contact while held, 5 % of the losses over 100 ms, up to"
    " 200 ms. How often a hold loses contact is assumed",
    drop_chance=0.2,
    longest_drop_us=200_000,
)

SWITCHES = {
    switch.name: switch
    for switch in (
        CLEAN,
        TACT,
        Switch("dailywell-mps22-push", 400, 300, _GSUBERLAND),
        Switch("dailywell-kpb22-push-no", 1600, 900, _GSUBERLAND),
        Switch("dailywell-kpb22-push-nc", 1200, 1400, _GSUBERLAND),
        Switch("schneider-xb2-push", 200, 3900, _GSUBERLAND),
        Switch("schurter-1301-rocker", 700, 100, _GSUBERLAND),
        Switch("multicomp-mc3813-rocker", 800, 100, _GSUBERLAND),
        Switch("lorin-irl-5-key", 30, 2300, _GSUBERLAND),
        Switch("ganssle-mean", 1557, 1557, _GANSSLE),
        WORST,
        WORN,
    )
}

# Ganssle's pictures show one to about ten pulses per change.
_MOST_PULSES = 10
# The shortest pulse that a chip's input could still notice, and that our traces keep apart.
_SHORTEST_US = 2
# Of the losses of contact that were seen, 95 % were shorter than this.
_ORDINARY_DROP_US = 100_000


def trace_of(holds: Sequence[Hold], switch: Switch, rng: Random, start_us: int = 0) -> Trace:
    """The contact's changes while a finger does this, the first at ``start_us`` or after."""
    changes: Trace = []
    at_us = start_us
    for hold in holds:
        at_us += hold.wait_ms * 1000
        hold_us = hold.hold_ms * 1000
        changes += _bounce(1, at_us, min(switch.close_bounce_us, hold_us // 2), rng)
        changes += _drop(at_us, hold_us, switch, rng)
        at_us += hold_us
        changes += _bounce(0, at_us, switch.open_bounce_us, rng)
    return _in_order(changes)


def _bounce(level: int, at_us: int, worst_us: int, rng: Random) -> Trace:
    """The change to ``level`` and its chatter, which ends at ``level``."""
    last_us = round(worst_us * rng.uniform(0.2, 1.0))
    pulses = min(rng.randint(0, _MOST_PULSES), last_us // (4 * _SHORTEST_US))
    if pulses == 0:
        return [(at_us, level)]
    # Each pulse is one change back and one forth; the last one ends the chatter.
    inner = sorted(rng.sample(range(_SHORTEST_US, last_us, _SHORTEST_US), 2 * pulses - 1))
    offsets = [0, *inner, last_us]
    return [(at_us + offset, level ^ (index % 2)) for index, offset in enumerate(offsets)]


def _drop(closed_at_us: int, hold_us: int, switch: Switch, rng: Random) -> Trace:
    """A loss of contact in the middle of a hold, if the switch has one now."""
    if rng.random() >= switch.drop_chance:
        return []
    longest_us = switch.longest_drop_us if rng.random() < 0.05 else _ORDINARY_DROP_US
    from_us = closed_at_us + switch.close_bounce_us + _SHORTEST_US
    until_us = closed_at_us + hold_us - _SHORTEST_US
    lost_us = rng.randint(1000, min(longest_us, switch.longest_drop_us))
    if from_us + lost_us >= until_us:
        return []
    lost_at_us = rng.randint(from_us, until_us - lost_us)
    return [(lost_at_us, 0), (lost_at_us + lost_us, 1)]


def _in_order(changes: Trace) -> Trace:
    """Sorted, one level per microsecond, each a change: a bounce may run into the next press."""
    by_time = dict(sorted(changes, key=lambda change: change[0]))
    ordered: Trace = []
    level = 0
    for at_us, new_level in by_time.items():
        if new_level != level:
            ordered.append((at_us, new_level))
            level = new_level
    return ordered
