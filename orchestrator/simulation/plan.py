"""What one seed decides before the world begins: who is there, and what will go wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from orchestrator.domain.ids import Caller
from orchestrator.simulation.broker import Weather
from orchestrator.simulation.network import Line

ACCOUNTS: Final = ("111122223333", "444455556666")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One world. Times in seconds; probabilities are per opportunity."""

    seed: int
    production: bool
    devices: int
    stations: tuple[Caller, ...]
    claims_each: int
    weather: Weather
    line: Line
    presses_right: float
    """How likely an operator presses the button that is being claimed."""
    presses_stray: float
    """How likely somebody presses any button, at any moment, in each second."""
    hostile: float
    """How likely somebody replays, forges or retains a message, in each second."""
    power_cuts: int
    broker_restarts: int
    broker_forgets: bool
    line_cuts: int
    station_kills: int
    clock_step_ms: int
    """By how much the service's clock may be off after each start, to either side."""
    full_disks: int
    unclaims: float
    """How likely an owner gives a claimed button up again."""

    @property
    def most_delay_ms(self) -> int:
        """Beyond this, a press that counts was made before its claim began."""
        return round(self.weather.delay_s[1] * 1000) + 2 * self.clock_step_ms + 50


def draw_plan(seed: int) -> Plan:
    """The plan of a seed: calm worlds, worlds with one fault, and worlds with all of them."""
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret

    def sometimes(probability: float, value: float) -> float:
        return value if dice.random() < probability else 0.0

    def few(probability: float, most: int) -> int:
        return dice.randint(1, most) if dice.random() < probability else 0

    namespaces = ["default", "elsewhere"] if dice.random() < 0.3 else ["default"]
    stations = tuple(
        Caller(
            namespace=dice.choice(namespaces),
            account=dice.choice(ACCOUNTS),
            access_key=f"KEY{number}",
        )
        for number in range(dice.randint(2, 4))
    )
    slow = dice.random() < 0.3
    return Plan(
        seed=seed,
        production=dice.random() < 0.4,
        devices=dice.randint(1, 4),
        stations=stations,
        claims_each=dice.randint(2, 4),
        weather=Weather(
            delay_s=(0.001, 1.5) if slow else (0.001, 0.05),
            lose=sometimes(0.5, 0.2),
            duplicate=sometimes(0.5, 0.3),
        ),
        line=Line(
            delay_s=(0.001, 0.5) if slow else (0.001, 0.03),
            lose_request=sometimes(0.4, 0.1),
            lose_reply=sometimes(0.5, 0.15),
            twice=sometimes(0.4, 0.2),
        ),
        presses_right=dice.choice([0.6, 0.9, 1.0]),
        presses_stray=sometimes(0.6, 0.03),
        hostile=sometimes(0.6, 0.03),
        power_cuts=few(0.6, 4),
        broker_restarts=few(0.4, 3),
        broker_forgets=dice.random() < 0.2,
        line_cuts=few(0.5, 4),
        station_kills=few(0.5, 4),
        clock_step_ms=dice.choice([0, 0, 0, 3_000]),
        full_disks=few(0.2, 2),
        unclaims=dice.choice([0.3, 0.8]),
    )
