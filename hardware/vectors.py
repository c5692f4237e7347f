"""What a file of frames decodes to, line by line: a capture, or a list of known vectors.

A vector is an object with an id, an input in the form of its transport, and whatever else explains
it. Vectors are decoded in order. Those of one source are one history of each of their devices;
another source begins anew, since it is another person's button of perhaps the same address. What a
vector says that it follows ("packet id 8 right after 9") counts as heard just before it, so that a
part of a sequence can be decoded alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from hardware.capture import FORMAT, CaptureError, CaptureReader
from hardware.click import Click, Ignored, RawFrame
from hardware.decode import Decoder
from hardware.families import Level, Options, Reading
from hardware.keys import DeviceKey, KeyBook, NoKeys
from hardware.repeats import ORDER_WINDOW_MS, Press, State, judge
from hardware.vector_inputs import NO_FRAME, frames_of, keys_of

# A vectors file is written by hand and read whole.
MAX_VECTORS_BYTES: Final = 16 * 1024 * 1024

# Vectors have no times. Exactly so far apart, two without counters are two presses, and two with
# packet ids are still in one window.
_APART_MS: Final = ORDER_WINDOW_MS

_NO_PRESS: Final = ("UP", "RELEASE", "NONE")
_FOLLOWS: Final = re.compile(r"(packet id|counter) \d+ (?:right )?after (\d+)")
_SWITCH_MODE: Final = re.compile(r"switchmode\s*=?\s*(\d+)", re.IGNORECASE)

# What vectors call a family, where it is not the name of our module.
_FAMILY: Final = {
    "bthome_v2": "bthome",
    "xiaomi_mibeacon": "mibeacon",
    "microbit_button": "microbit",
    "ti_sensortag_keys": "sensortag",
    "shelly_gen2": "shelly",
    "openmqttgateway": "theengs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one entry of a file decodes to."""

    id: str
    accept: bool | str
    """Whether it could make a claim; ``first only`` when it is several messages of one press."""
    frame_valid: bool
    """Well formed, genuine where that can be checked, and not older than what came before."""
    device_id: str | None
    """The address as the button gives it."""
    click_type: str | None
    """None without a click, and when several buttons say different things: see ``buttons``."""
    battery: float | str | None
    """Percent, or as the device words it (``2000 mV``, ``98.7 % life``)."""
    counter: Mapping[str, Any] | None
    authenticated: bool
    reason: str
    """Why it could not make a claim; empty when it could."""
    family: str | None = None
    button: str | int | None = None
    buttons: Mapping[str, str] | Sequence[str] | None = None
    """What each button says; for a byte of contacts, those that are closed."""
    verdict: str = "NEW"

    def to_json(self) -> dict[str, Any]:
        """Plain values, in the order in which they are printed."""
        names = (*_PRINTED, "family", "button", "buttons", "verdict")
        return {name: getattr(self, name) for name in names}


_PRINTED: Final = (
    "id",
    "accept",
    "frame_valid",
    "device_id",
    "click_type",
    "battery",
    "counter",
    "authenticated",
    "reason",
)


def decode_file(
    path: Path, keys: KeyBook | None = None, options: Options | None = None
) -> Iterator[Row]:
    """A row for each entry of a capture or a vectors file, decoded in order.

    A capture that is cut gives a last row whose reason says so. Raises CaptureError when the file
    is neither, OSError when it cannot be read.
    """
    book = keys or NoKeys()
    if _is_capture(path):
        yield from _decode_capture(CaptureReader(path), Decoder(book, options))
        return
    histories: dict[tuple[str, str], State] = {}
    for place, entry in enumerate(_entries(path)):
        yield _decode_entry(place, entry, book, options or Options(), histories)


def _decode_capture(reader: CaptureReader, decoder: Decoder) -> Iterator[Row]:
    states: dict[str, State] = {}
    number = 0
    for number, frame in enumerate(reader, start=1):
        readings = decoder.read(frame)
        address = _address(readings) or ""
        said, states[address] = _judge(readings, states.get(address, State()), frame.heard_ms)
        yield _row(f"frame-{number}", [said])
    if reader.cut:
        yield Row(
            id=f"frame-{number + 1}",
            accept=False,
            frame_valid=False,
            device_id=None,
            click_type=None,
            battery=None,
            counter=None,
            authenticated=False,
            reason=reader.cut,
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """The readings of one frame, each with its verdict."""

    readings: Sequence[Reading]
    verdicts: Sequence[str]
    presses: Sequence[Reading] = field(default=())
    """Those that could make a claim."""


@dataclass(frozen=True, slots=True)
class _EntryKeys:
    """The key that stands in the entry itself, before those of the caller."""

    own: tuple[DeviceKey, ...]
    others: KeyBook

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:
        return self.own or self.others.keys_for(namespace, address)


def _decode_entry(
    place: int,
    entry: Mapping[str, Any],
    keys: KeyBook,
    options: Options,
    histories: dict[tuple[str, str], State],
) -> Row:
    said = entry.get("input")
    name = str(entry.get("id", f"entry-{place + 1}"))
    hint = str(entry.get("family", ""))
    heard_ms = place * _APART_MS
    frames = frames_of(said if isinstance(said, dict) else {}, heard_ms)
    own = keys_of(said if isinstance(said, dict) else {})
    decoder = Decoder(_EntryKeys(own, keys), _with_switch_mode(entry, options, frames))
    judged = []
    for frame in frames:
        readings = decoder.read(frame, _FAMILY.get(hint, hint))
        history = (str(entry.get("source", "")), _address(readings) or "")
        state = _after_what_it_follows(histories.get(history, State()), entry, readings, heard_ms)
        outcome, histories[history] = _judge(readings, state, heard_ms)
        judged.append(outcome)
    if judged:
        return _row(name, judged)
    reason = f"no input that is understood: {sorted(said) if isinstance(said, dict) else said!r}"
    empty = Ignored(frame=NO_FRAME, reason=reason[:200])
    return _row(name, [_Said([empty], ["NEW"])])


def _judge(readings: Sequence[Reading], state: State, heard_ms: int) -> tuple[_Said, State]:
    verdicts: list[str] = []
    presses: list[Reading] = []
    for reading in readings:
        verdict = "NEW"
        if isinstance(reading, Level):
            pressed = reading.closed
        else:
            judgement = judge(state, Press.of(reading), heard_ms)
            verdict, state = judgement.verdict, judgement.state
            known = isinstance(reading, Click) or (reading.valid and reading.click_type is not None)
            pressed = known and reading.click_type not in _NO_PRESS
        if pressed and verdict == "NEW" and not reading.frame.retained:
            presses.append(reading)
        verdicts.append(verdict)
    return _Said(readings, verdicts, presses), state


def _row(name: str, frames: Sequence[_Said]) -> Row:
    accepted = [bool(said.presses) for said in frames]
    first = frames[0]
    # A level and an edge only lead to a click, so one that is said along with them goes before.
    clicks = [reading for reading in first.presses if isinstance(reading, Click)]
    main = (clicks or first.presses or first.readings)[0]
    at = next(place for place, reading in enumerate(first.readings) if reading is main)
    verdict = first.verdicts[at]
    buttons = _buttons(first.readings, main)
    accept: bool | str = accepted[0]
    if accept and len(frames) > 1 and not any(accepted[1:]):
        accept = "first only"
    return Row(
        id=name,
        accept=accept,
        frame_valid=all(_is_valid(said) for said in frames),
        device_id=_printable_address(main),
        click_type=None if isinstance(buttons, dict) and len(buttons) > 1 else _click_type(main),
        battery=_battery(main),
        counter=None if isinstance(main, Level) else main.counter,
        authenticated=not isinstance(main, Level) and main.authenticated and verdict == "NEW",
        reason="" if accept else _reason(main, verdict),
        family=main.family,
        button=_button(main),
        buttons=buttons,
        verdict=verdict,
    )


def _is_valid(said: _Said) -> bool:
    for reading, verdict in zip(said.readings, said.verdicts, strict=True):
        if isinstance(reading, Ignored) and not reading.valid:
            return False
        # BTHome numbers its frames, so an old one is no longer a valid one. Others number their
        # presses: another message of one is as good as the first.
        if verdict == "REPLAYED" or (verdict == "REPEAT" and reading.family == "bthome"):
            return False
    return True


def _reason(main: Reading, verdict: str) -> str:
    if verdict == "REPLAYED":
        return "counter not larger than a previous one: an old frame sent again"
    if verdict == "REPEAT":
        return "same or older packet id or counter: a repeat of what was heard before"
    if main.frame.retained:
        return "a retained copy: the broker kept it, nobody pressed now"
    if isinstance(main, Ignored):
        return main.reason
    return f"{_click_type(main)} is no press"


def _click_type(main: Reading) -> str | None:
    if isinstance(main, Level):
        return "HOLD" if main.held else "DOWN" if main.closed else "UP"
    return main.click_type


def _buttons(
    readings: Sequence[Reading], main: Reading
) -> Mapping[str, str] | Sequence[str] | None:
    if not isinstance(main, Level):
        found = main.extra.get("buttons")
        return found if isinstance(found, dict) else None
    if len(readings) == 1:
        return None
    return [str(level.button) for level in readings if isinstance(level, Level) and level.closed]


def _button(main: Reading) -> str | int | None:
    if isinstance(main, Ignored):
        button = main.extra.get("button")
        return button if isinstance(button, str) else None
    return main.button


def _battery(main: Reading) -> float | str | None:
    if isinstance(main, Level):
        return None
    if main.battery_percent is not None:
        return main.battery_percent
    if isinstance(main, Click) and main.remaining_life is not None:
        return f"{main.remaining_life:g} % life"
    worded = main.extra.get("battery")
    return worded if isinstance(worded, str) else None


def _address(readings: Sequence[Reading]) -> str | None:
    return readings[0].address or None


def _printable_address(main: Reading) -> str | None:
    address = main.address or None
    # Documents write <name> where a name would stand.
    return None if address and address[0] == "<" and address[-1] == ">" else address


def _after_what_it_follows(
    state: State, entry: Mapping[str, Any], readings: Sequence[Reading], heard_ms: int
) -> State:
    found = _FOLLOWS.search(str(entry.get("description", "")))
    if not found:
        return state
    number = int(found[2])
    authenticated = isinstance(readings[0], Click | Ignored) and readings[0].authenticated
    if found[1] == "counter" and authenticated:
        return replace(state, mark=max(state.mark, (number,)))
    return replace(state, rolling=(number, heard_ms)) if number < 256 else state


def _with_switch_mode(
    entry: Mapping[str, Any], options: Options, frames: Sequence[RawFrame]
) -> Options:
    """What the entry says must be configured: Tasmota's SwitchMode."""
    expected = entry.get("expected")
    needs = expected.get("needs_config") if isinstance(expected, dict) else None
    found = _SWITCH_MODE.search(str(needs or entry.get("needs_config") or ""))
    sender = Decoder(NoKeys()).identify(frames[0]) if found and frames else None
    if not found or sender is None:
        return options
    return replace(options, switch_modes={**options.switch_modes, sender.address: int(found[1])})


def _is_capture(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return f'"{FORMAT}"' in lines.readline(512)


def _entries(path: Path) -> list[Mapping[str, Any]]:
    if path.stat().st_size > MAX_VECTORS_BYTES:
        raise CaptureError(f"{path}: larger than {MAX_VECTORS_BYTES} bytes and not a capture")
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        why = f"{path}: neither a capture nor a list of vectors: {str(wrong)[:120]}"
        raise CaptureError(f"{why}; record one with clickclaim record") from wrong
    if isinstance(found, dict):
        found = found.get("vectors")
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise CaptureError(f"{path}: JSON, but no list of vectors (objects with id and input)")
    return found
