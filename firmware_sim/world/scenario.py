"""What a scenario file may say: who is there, what goes wrong, and what is to come of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from firmware_sim.core.clicks import CLICK_TYPES
from firmware_sim.core.wire import WireError
from firmware_sim.core.wire.click import MAX_DEVICE_ID_CHARS, check_device_id
from firmware_sim.world.contacts import SWITCHES
from firmware_sim.world.finger import HANDS
from firmware_sim.world.misbehaviours import CROSS_FIRE, MISBEHAVIOURS
from firmware_sim.world.tables import Bounds, ScenarioError, Spread, Table, check_seed, nearest

OUTCOMES: Final = ("claimed", "timed_out", "refused", "cancelled", "failed")
DISPOSITIONS: Final = (
    "MATCHED", "DELIVERED", "DUPLICATE", "REPLAYED", "EARLY", "LATE", "NO_CLAIM",
    "UNKNOWN_DEVICE", "WRONG_CLICK_TYPE", "SIMULATED_REFUSED", "EVIDENCE_TOO_WEAK", "STALE",
)  # fmt: skip
MEASURES: Final = (
    "click_to_claimed_p50_ms", "click_to_claimed_p95_ms", "click_to_claimed_p99_ms", "mistaken",
    "repeats", "units_claimed", "virtual_s",
)  # fmt: skip
"""Further numbers that a scenario may expect something of."""

_LONGEST_S: Final = 24 * 3600.0
# A service takes claim windows in this range only.
_WINDOW_S: Final = (10, 900)
# An attempt ends within 5 s of its deadline, or an invariant breaks. Its end may have to wait for a
# commit and lose the race with each click that still came in time: a button that talks without
# pause has five of them in line, and with commits of a second that is too long.
_LONGEST_COMMIT_S: Final = 0.5
_MOST_DEVICES: Final = 100_000
# A wall switch that is sold for five years at twenty presses a day gives a third of it.
_MOST_CLICKS: Final = 100_000
_ACCOUNT: Final = "111122223333"


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Buttons of one make: ``prefix`` and a number are their ids."""

    prefix: str
    count: int
    switch: str
    key: bool
    link: str
    misbehaviours: tuple[str, ...]
    clicks_before: int
    """Clicks of each before the day, the last of which the service has heard."""
    battery_clicks: int
    """Messages that a cell gives in its life, those before the day included; 0: without end."""

    @property
    def ids(self) -> list[str]:
        """Their device ids, numbered from 1 with as many digits as the last one has."""
        digits = len(str(self.count))
        return [f"{self.prefix}{number:0{digits}}" for number in range(1, self.count + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Whose hand it is, and what this person does wrong."""

    name: str
    hand: str
    click: str
    time_to_press_s: Spread
    presses_again_s: float
    """Patience with a button that shows nothing; 0: presses once."""
    presses: int
    """At most, for one claim."""
    wrong_button: float
    no_press: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Units that come to a station, each to the next of its slots that is free."""

    devices: tuple[str, ...]
    """Prefixes of the devices that arrive, in this order."""
    units: int
    """How many of them; 0: all."""
    station: str
    slots: int
    operator: str
    account: str
    starts_at_s: float
    pause_s: Spread
    """Between the end of one claim and the next unit in the slot."""
    tries: int
    """Claims of one unit before it is put aside."""
    gives_up_s: float
    """How long the station waits for a press; 0: as long as the window is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The line between stations and the service."""

    delay_s: tuple[float, float]
    lose_request: float
    lose_reply: float
    twice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The air between buttons and whatever publishes for them."""

    loss: float
    repeats: int
    delay_s: tuple[float, float]
    overtaken: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerWeather:
    """Between the gateway, the broker and the service."""

    delay_s: tuple[float, float]
    lose: float
    duplicate: float
    qos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong at a time."""

    at_s: float
    kind: str
    for_s: float
    how: str = "plug"
    loss: float = 0.0
    repeats: int = 0
    overtaken: float = 0.0
    station: str = ""
    by_s: float = 0.0
    forget: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One file, read."""

    title: str
    about: str
    seed: int
    profile: str
    claim_click: str
    """What kind of click a claim needs; ANY: each of them."""
    window_s: int
    commit_s: tuple[float, float]
    devices: tuple[Devices, ...]
    operators: Mapping[str, Operator]
    arrivals: tuple[Arrivals, ...]
    network: Network
    gateway: Gateway
    broker: BrokerWeather
    faults: tuple[Fault, ...] = ()
    expect: Mapping[str, Bounds] = field(default_factory=dict)


# What each fault needs said about it, beside when and for how long.
FAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "power-cut": ("how",),
    "service-restart": (),
    "broker-restart": ("forget",),
    "connections-cut": (),
    "service-cut-off": (),
    "gateway-flaky": ("loss", "repeats", "overtaken"),
    "station-killed": ("station",),
    "disk-full": (),
    "clock-jump": ("by_s",),
}
_MOMENTARY: Final = frozenset({"connections-cut", "station-killed", "clock-jump"})
_HOW: Final = ("plug", "before", "after", "torn")
_TOP: Final = tuple(one.name for one in fields(Scenario))


def parse_scenario(text: str, name: str) -> Scenario:
    """Read the text of the file ``name``. ScenarioError says what is wrong and where."""
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or what Python says of a number of miles
        raise ScenarioError(f"{name} is not TOML: {error}") from None
    except RecursionError:
        raise ScenarioError(f"{name} is not TOML: it is nested too deeply") from None
    top = Table(name, values, _TOP)
    for table in ("devices", "operators", "arrivals"):
        if not _places(top, name, table) and "title" in top:
            raise ScenarioError(f"{name}: there are no [[{table}]]; nothing could be claimed")
    operators = [_operator(one) for one in _tables(top, name, "operators", Operator)]
    _only_once(name, "operators", "name", [one.name for one in operators])
    devices = tuple(_devices(one) for one in _tables(top, name, "devices", Devices))
    scenario = Scenario(
        title=top.text("title"),
        about=top.text("about", "", lines=True),
        seed=check_seed(0 if top.value("seed") is None else top.value("seed"), f"{name}: seed"),
        profile=top.choice("profile", ("dev", "demo", "production"), "production"),
        claim_click=top.choice("claim_click", ("ANY", *CLICK_TYPES), "ANY"),
        window_s=top.count("window_s", 120, *_WINDOW_S),
        commit_s=top.span("commit_s", (0.0, 0.0), _LONGEST_COMMIT_S),
        devices=devices,
        operators={one.name: one for one in operators},
        arrivals=tuple(
            _arrivals(one, devices, operators) for one in _tables(top, name, "arrivals", Arrivals)
        ),
        network=_network(_table(top, name, "network", Network)),
        gateway=_gateway(_table(top, name, "gateway", Gateway)),
        broker=_broker(_table(top, name, "broker", BrokerWeather)),
        faults=tuple(_faults(top, name)),
        expect=_expect(top, name),
    )
    _check_whole(scenario, name)
    return scenario


def _check_whole(scenario: Scenario, name: str) -> None:
    """What no table can see by itself."""
    for kind, prefixes in (
        ("devices", [one.prefix for one in scenario.devices]),
        ("arrivals", [one.station for one in scenario.arrivals]),
    ):
        _only_once(name, kind, "prefix" if kind == "devices" else "station", prefixes)
    ids = [one for group in scenario.devices for one in group.ids]
    if len(ids) != len(set(ids)):
        raise ScenarioError(f"{name}: two [[devices]] share a device id; choose other prefixes")
    if len(ids) == 1 and CROSS_FIRE.name in scenario.devices[0].misbehaviours:
        where = Table(f"{name}, [[devices]] number 1", {}, ())
        raise where.error("cross-fire needs a second button, which joins in; raise count")
    stations = {one.station for one in scenario.arrivals}
    for number, fault in enumerate(scenario.faults, 1):
        if fault.kind == "station-killed" and fault.station not in stations:
            where = Table(f"{name}, [[faults]] number {number}", {}, ())
            meant = nearest(fault.station, stations)
            raise where.error(f"there is no station {fault.station!r} in [[arrivals]]; {meant}")


def _only_once(name: str, table: str, key: str, values: Sequence[str]) -> None:
    twice = {one for one in values if values.count(one) > 1}
    if twice:
        raise ScenarioError(f"{name}: two [[{table}]] have the {key} {min(twice)!r}")


def _table(top: Table, name: str, key: str, kind: type) -> Table:
    known = [one.name for one in fields(kind)]
    return Table(f"{name}, [{key}]", _or_else(top.value(key), {}), known)


def _tables(top: Table, name: str, key: str, kind: type) -> list[Table]:
    known = [one.name for one in fields(kind)]
    return [Table(where, one, known) for where, one in _places(top, name, key)]


def _places(top: Table, name: str, key: str) -> Sequence[tuple[str, Any]]:
    values = _or_else(top.value(key), [])
    if not isinstance(values, list):
        raise ScenarioError(f"{name}: {key} must be written [[{key}]], once for each")
    return [(f"{name}, [[{key}]] number {number}", one) for number, one in enumerate(values, 1)]


def _devices(table: Table) -> Devices:
    devices = Devices(
        prefix=table.text("prefix"),
        count=table.count("count", None, 1, _MOST_DEVICES),
        switch=table.choice("switch", SWITCHES, "xkb-tc-1103-tact"),
        key=table.flag("key", default=True),
        link=table.choice("link", ("mqtt", "serial"), "mqtt"),
        misbehaviours=table.choices("misbehaviours", MISBEHAVIOURS),
        clicks_before=table.count("clicks_before", 0, 0, _MOST_CLICKS),
        battery_clicks=table.count("battery_clicks", 0, 0, _MOST_CLICKS),
    )
    try:
        check_device_id(devices.ids[-1])
    except WireError:
        raise table.error(
            f"{devices.ids[-1]!r}: a device id is 1 to {MAX_DEVICE_ID_CHARS} of letters, digits,"
            " '_' and '-'"
        ) from None
    return devices


def _operator(table: Table) -> Operator:
    return Operator(
        name=table.text("name"),
        hand=table.choice("hand", HANDS, "measured"),
        click=table.choice("click", CLICK_TYPES, "SINGLE"),
        time_to_press_s=table.spread("time_to_press_s", Spread(1.0, 5.0), _LONGEST_S),
        presses_again_s=table.number("presses_again_s", 0, 0, _LONGEST_S),
        presses=table.count("presses", 3, 1, 100),
        wrong_button=table.share("wrong_button"),
        no_press=table.share("no_press"),
    )


def _arrivals(table: Table, devices: Sequence[Devices], operators: Sequence[Operator]) -> Arrivals:
    here = {one.prefix: one for one in devices}
    one_prefix = isinstance(table.value("devices"), str)
    wanted = (table.choice("devices", here),) if one_prefix else table.choices("devices", here)
    if not wanted:
        raise table.error("'devices' is missing: the prefix of [[devices]], or a list of them")
    there = sum(here[one].count for one in wanted)
    units = table.count("units", 0, 0, _MOST_DEVICES)
    if units > there:
        raise table.error(f"units is {units}, and there are {there} devices of {', '.join(wanted)}")
    account = table.text("account", _ACCOUNT)
    if len(account) != 12 or not (account.isascii() and account.isdecimal()):
        raise table.error(f"account is {account!r}; an account has twelve digits")
    return Arrivals(
        devices=wanted,
        units=units or there,
        station=table.text("station"),
        slots=table.count("slots", 1, 1, 256),
        operator=table.choice("operator", [one.name for one in operators]),
        account=account,
        starts_at_s=table.number("starts_at_s", 0, 0, _LONGEST_S),
        pause_s=table.spread("pause_s", Spread(1.0, 5.0), _LONGEST_S),
        tries=table.count("tries", 1, 1, 100),
        gives_up_s=table.number("gives_up_s", 0, 0, _WINDOW_S[1]),
    )


def _network(table: Table) -> Network:
    return Network(
        delay_s=table.span("delay_s", (0.001, 0.03), 4),
        lose_request=_not_all(table, "lose_request"),
        lose_reply=_not_all(table, "lose_reply"),
        twice=table.share("twice"),
    )


def _not_all(table: Table, key: str) -> float:
    """A probability below 1: stations ask until they are answered, which would be never."""
    share = table.share(key)
    if share == 1:
        raise table.error(f"{key} is 1, so nothing would ever be answered; take less")
    return share


def _gateway(table: Table) -> Gateway:
    return Gateway(
        loss=table.share("loss"),
        repeats=table.count("repeats", 0, 0, 100),
        delay_s=table.span("delay_s", (0.0, 0.0), 60),
        overtaken=table.share("overtaken"),
    )


def _broker(table: Table) -> BrokerWeather:
    return BrokerWeather(
        delay_s=table.span("delay_s", (0.001, 0.02), 60),
        lose=table.share("lose"),
        duplicate=table.share("duplicate"),
        qos=table.count("qos", 1, 0, 1),
    )


def _faults(top: Table, name: str) -> Sequence[Fault]:
    found = []
    known = [one.name for one in fields(Fault)]
    for where, value in _places(top, name, "faults"):
        kind = Table(where, value, known).choice("kind", FAULTS)
        own = ("at_s", "kind", *([] if kind in _MOMENTARY else ["for_s"]), *FAULTS[kind])
        table = Table(f"{where}, {kind}", value, own)
        found.append(
            Fault(
                at_s=table.number("at_s", None, 0, _LONGEST_S),
                kind=kind,
                for_s=0 if kind in _MOMENTARY else table.number("for_s", None, 0.01, _LONGEST_S),
                how=table.choice("how", _HOW, "plug"),
                loss=table.share("loss"),
                repeats=table.count("repeats", 0, 0, 100),
                overtaken=table.share("overtaken"),
                station=table.text("station", None if "station" in own else ""),
                by_s=table.number("by_s", None if "by_s" in own else 0, -3600, 3600),
                forget=table.flag("forget", default=False),
            )
        )
    return found


def _expect(top: Table, name: str) -> dict[str, Bounds]:
    known = (*OUTCOMES, *DISPOSITIONS, *MEASURES)
    values = _or_else(top.value("expect"), {})
    table = Table(f"{name}, [expect]", values, known)
    return {key: table.bounds(key) for key in values}


def _or_else(value: Any, default: Any) -> Any:
    """What stands there, were it 0 or false; only what does not stand there has a default."""
    return default if value is None else value
