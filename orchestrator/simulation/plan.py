"""What one seed decides before the world begins: who is there, and what will go wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from typing import Final

import msgspec

from hardware.sources.mqtt import MARKER_EVERY_S
from orchestrator.domain.ids import Caller
from orchestrator.simulation.broker import Weather
from orchestrator.simulation.network import Line

ACCOUNTS: Final = ("111122223333", "444455556666")
_NAMESPACES: Final = ("default", "elsewhere", "third")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One world. Times in seconds; probabilities are per opportunity."""

    seed: int
    production: bool
    devices: int
    """In each namespace: B1, B2, … In production B2 has a key that is registered as a test key."""
    stations: tuple[Caller, ...]
    claims_each: int
    weather: Weather
    line: Line
    services: int = 1
    """Each with a data folder of its own, all on one broker; namespaces are dealt out to them."""
    keyless: bool = False
    """Buttons sign nothing."""
    unregistered: bool = False
    """Nobody registers a button before it is claimed (not in production)."""
    click_type: str | None = None
    """The one kind of click that the policy takes; None: each."""
    apart: bool = False
    """Each station claims buttons of its own, one after the other; else any, at random."""
    pause_s: float = 20.0
    """The longest pause of an operator between two claims."""
    reactions_s: tuple[float, ...] = (0.05, 2.0, 10.0, 60.0, 118.0)
    """How long after initiate the operator presses, more or less."""
    presses_right: float = 1.0
    """How likely an operator presses the button that is being claimed."""
    presses_eager: float = 0.0
    """How likely the operator presses before the claim as well."""
    presses_stray: float = 0.0
    """How likely somebody presses any button, at any moment, in each second."""
    heard_by_station: float = 0.0
    """How likely a press is heard by a station's own driver, which sends the frame on."""
    qos0: float = 0.0
    """How likely a button publishes at QoS 0."""
    retained: float = 0.0
    """How likely a button, badly configured, asks the broker to keep its message."""
    hostile: float = 0.0
    """How likely somebody replays, forges or retains a message, in each second."""
    claim_codes: float = 0.0
    """How likely an operator uses a claim code instead of a press. B1 and B2 have one."""
    discoveries: float = 0.0
    """How likely an operator does not know which button it is, and presses it twice."""
    impatient: float = 0.0
    """How likely an operator initiates again and again, and finalizes before any press."""
    callbacks: float = 0.0
    """How likely an owner wants to be told of the clicks of a button, and presses it."""
    receiver_fails: float = 0.0
    """How likely an owner's server does not take what it is told."""
    releases: float = 0.0
    """How likely the registrar releases a device, in each second."""
    meddling: float = 0.0
    """How likely an operator finalizes again, gives up an old claim, or comes at the deadline."""
    unclaims: float = 0.0
    """How likely an owner gives a claimed button up again."""
    marker_every_s: float = MARKER_EVERY_S
    """How often a service publishes a marker to itself: how exactly it knows, after a kill, up to
    when it had heard everything."""
    modelled: bool = False
    """Stores are models in memory, not files: where no disk fails."""
    disk_s: tuple[float, float] = (0.0, 0.0)
    """How long a commit takes."""
    power_cuts: int = 0
    full_disks: int = 0
    locks: int = 0
    """Another process writes to the files of a service, for up to ten seconds."""
    commands: float = 0.0
    """How likely what the registrar does is done by a command in a process of its own."""
    broker_restarts: int = 0
    broker_forgets: bool = False
    line_cuts: int = 0
    """Every connection to the broker breaks."""
    partitions: int = 0
    """One service does not reach the broker for up to a minute."""
    station_kills: int = 0
    clock_step_ms: int = 0
    """How far clocks are off at most, to either side: a service's anew after each start."""
    wall_steps: int = 0
    """A machine's wall clock is set by up to an hour while its programs run; before a service
    starts again it is put right, within ``clock_step_ms``."""

    def __post_init__(self) -> None:
        if self.modelled and (self.power_cuts or self.full_disks or self.locks or self.commands):
            raise ValueError(
                "power cuts, full disks and other processes need files: leave modelled False"
            )

    @property
    def most_delay_ms(self) -> int:
        """Beyond this, a press that counts was made before its claim began."""
        return round(self.weather.delay_s[1] * 1000) + 2 * self.clock_step_ms + 50

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those of the stations, in their order."""
        return tuple(dict.fromkeys(one.namespace for one in self.stations))

    def home_of(self, namespace: str) -> int:
        """The number of the service whose namespace this is."""
        return self.namespaces.index(namespace) % self.services

    def __str__(self) -> str:
        """One line for each value that is not the default."""
        lines = []
        for one in fields(self):
            value = getattr(self, one.name)
            if value == one.default:
                continue
            if one.name == "stations":
                value = ", ".join(f"{who.account} in {who.namespace}" for who in value)
            lines.append(f"  {one.name} = {value}")
        return "\n".join(lines)


def plan_text(plan: Plan) -> str:
    """The plan on one line: JSON of what is not the default. ``read_plan`` reads it."""
    changed = {
        one.name: getattr(plan, one.name)
        for one in fields(plan)
        if getattr(plan, one.name) != one.default
    }
    return msgspec.json.encode(changed).decode()


def read_plan(text: str) -> Plan:
    """The plan that ``plan_text`` wrote. ValueError, with a sentence, for anything else."""
    try:
        said = msgspec.json.decode(text)
        unknown = said.keys() - {one.name for one in fields(Plan)}
        if unknown:
            raise ValueError(f"a plan has no {min(unknown)!r}")
        return msgspec.convert(said, Plan)
    except (msgspec.MsgspecError, AttributeError) as error:
        raise ValueError(f"this is no plan: {error}") from error


def draw_plan(seed: int) -> Plan:
    """The plan of a seed: calm worlds, worlds with one fault, and worlds with all of them."""
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret

    def sometimes(probability: float, value: float) -> float:
        return value if dice.random() < probability else 0.0

    def few(probability: float, most: int) -> int:
        return dice.randint(1, most) if dice.random() < probability else 0

    namespaces = _NAMESPACES[: dice.choice([1, 1, 1, 2, 2, 3])]
    stations = tuple(
        Caller(
            namespace=dice.choice(namespaces),
            account=dice.choice(ACCOUNTS),
            access_key=f"KEY{number}",
        )
        for number in range(dice.randint(2, 4))
    )
    slow = dice.random() < 0.3
    production = dice.random() < 0.4
    keyless = dice.random() < 0.25
    unregistered = not production and keyless and dice.random() < 0.7
    # Where nothing is signed and everybody is believed, a forged press is as good as a real one.
    hostile = 0.0 if keyless and not production else sometimes(0.6, 0.03)
    return Plan(
        seed=seed,
        production=production,
        devices=3 if unregistered else dice.randint(1, 3),
        stations=stations,
        claims_each=dice.randint(2, 4),
        weather=Weather(
            delay_s=(0.001, 1.5) if slow else (0.001, 0.05),
            # Nothing is remembered of a button that nobody registered: a copy of a press that came
            # before the claim cannot be told from a new one, in a profile that takes all.
            lose=sometimes(0.0 if unregistered else 0.5, 0.2),
            duplicate=sometimes(0.0 if unregistered else 0.5, 0.3),
        ),
        line=Line(
            delay_s=(0.001, 0.5) if slow else (0.001, 0.03),
            lose_request=sometimes(0.4, 0.1),
            lose_reply=sometimes(0.5, 0.15),
            twice=sometimes(0.5, 0.2),
        ),
        services=min(len(set(namespaces)), dice.choice([1, 1, 2])),
        keyless=keyless,
        unregistered=unregistered,
        click_type=dice.choice([None] * 7 + ["DOUBLE"]),
        presses_right=dice.choice([0.6, 0.9, 1.0]),
        presses_eager=0.8 if unregistered else sometimes(0.5, 0.3),
        presses_stray=sometimes(0.6, 0.03),
        heard_by_station=sometimes(0.4, 0.4),
        qos0=sometimes(0.3, 0.3),
        retained=0.7 if unregistered else sometimes(0.2, 0.3),
        hostile=hostile,
        claim_codes=0.0 if unregistered else sometimes(0.3, 0.3),
        releases=sometimes(0.3, 0.01),
        meddling=sometimes(0.65, 0.5),
        unclaims=dice.choice([0.3, 0.8]),
        disk_s=dice.choice([(0.0, 0.0), (0.001, 0.01), (0.01, 0.3)]),
        power_cuts=few(0.6, 4),
        full_disks=few(0.35, 3),
        broker_restarts=few(0.4, 3),
        broker_forgets=dice.random() < 0.2,
        line_cuts=dice.randint(2, 6) if unregistered else few(0.5, 4),
        partitions=few(0.4, 3),
        station_kills=few(0.5, 4),
        clock_step_ms=dice.choice([0, 0, 0, 3_000]),
        marker_every_s=dice.choice([MARKER_EVERY_S, 3.0, 10.0]),
        # What was added later is drawn after all that was there before.
        wall_steps=few(0.3, 3),
        discoveries=0.0 if unregistered else sometimes(0.5, 0.6),
        callbacks=0.0 if unregistered else sometimes(0.4, 0.9),
        receiver_fails=sometimes(0.6, 0.3),
        locks=few(0.25, 3),
        impatient=sometimes(0.3, 0.3),
        commands=sometimes(0.6, 0.6),
    )
