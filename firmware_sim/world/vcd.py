"""Value change dump (IEEE 1364-2005, clause 18): one-bit signals, read and written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from firmware_sim.world.contacts import Trace
from firmware_sim.world.trace_errors import TraceError

_UNIT_FS = {
    "s": 10**15,
    "ms": 10**12,
    "us": 10**9,
    "ns": 10**6,
    "ps": 10**3,
    "fs": 1,
}
_US_FS = 10**9
_SECONDS = 1e-15
# A capture of a year: a time beyond it comes of a wrong time scale.
MAX_TIME_US = 366 * 86_400 * 10**6
_TIMESCALE = re.compile(r"(1|10|100)\s*(s|ms|us|ns|ps|fs)")
_LEVELS = frozenset({"0", "1"})
# Types whose size says nothing: a text of GTKWave's, a moment, a number.
_NO_LEVEL = frozenset({"string", "event", "real", "realtime"})
# A 64-bit time has at most 20 digits.
_MAX_TIME_CHARS = 21
# Printable characters without blank, as the standard has identifiers.
_FIRST_CODE = 33


def vcd_signals(text: str, path: str) -> dict[str, Trace]:
    """(microsecond, level) samples of each one-bit signal, by its name with scopes: ``top.button``.

    An unknown or floating level (x, z) is no change. Raises TraceError.
    """
    words = iter(text.split())
    tick_fs, names = _declarations(words, path)
    samples: dict[str, Trace] = {name: [] for code in names.values() for name in code}
    now_fs = 0
    for word in words:
        if word[0] == "#":
            before_fs, now_fs = now_fs, _ticks(word, path) * tick_fs
            if now_fs < before_fs:
                raise TraceError(path, f"goes back in time at {word}")
            if now_fs > MAX_TIME_US * _US_FS:
                raise TraceError(
                    path, f"has the time {word} of {tick_fs * _SECONDS:g} s each, beyond a year"
                )
        elif word == "$comment":
            _until_end(words)
        else:
            level, code = _change(word, words)
            if level in _LEVELS:
                for name in names.get(code, ()):
                    samples[name].append((now_fs // _US_FS, int(level)))
    return samples


def write_vcd(signals: Mapping[str, Trace]) -> str:
    """The text of a VCD file with these signals, one tick a microsecond, all open at the start."""
    codes = {name: chr(_FIRST_CODE + index) for index, name in enumerate(signals)}
    changes = sorted(
        (at_us, codes[name], level) for name, trace in signals.items() for at_us, level in trace
    )
    lines = ["$timescale 1 us $end", "$scope module clickclaim $end"]
    lines += [f"$var wire 1 {code} {name} $end" for name, code in codes.items()]
    lines += ["$upscope $end", "$enddefinitions $end", "#0", "$dumpvars"]
    lines += [f"0{code}" for code in codes.values()] + ["$end"]
    now_us = 0
    for at_us, code, level in changes:
        if at_us != now_us:
            lines.append(f"#{at_us}")
            now_us = at_us
        lines.append(f"{level}{code}")
    return "\n".join(lines) + "\n"


def _change(word: str, words: Iterator[str]) -> tuple[str, str]:
    """The value and the identifier: "1!", and "b1 !" of a vector or "r0.5 !" of a real number."""
    return (word[1:], next(words, "")) if word[0] in "bBrR" else (word[0], word[1:])


def _declarations(words: Iterator[str], path: str) -> tuple[int, dict[str, list[str]]]:
    """Femtoseconds of a tick, and the names of one-bit signals by identifier.

    A signal that is seen in several scopes has one identifier and several names.
    """
    tick_fs = 0
    code_of: dict[str, str] = {}
    scopes: list[str] = []
    for word in words:
        if word == "$enddefinitions":
            _until_end(words)
            break
        body = _until_end(words)
        if word == "$timescale":
            match = _TIMESCALE.fullmatch(" ".join(body))
            if match is None:
                raise TraceError(path, f"has the time scale {' '.join(body)!r}; 1 us would be one")
            tick_fs = int(match[1]) * _UNIT_FS[match[2]]
        elif word == "$scope" and body:
            scopes.append(body[-1])
        elif word == "$upscope" and scopes:
            scopes.pop()
        elif word == "$var" and len(body) >= 4 and body[1] == "1" and body[0] not in _NO_LEVEL:
            # "d [7]" is one bit of a vector, as some simulators dump each by itself.
            _name(code_of, body[2], ".".join([*scopes, "".join(body[3:])]), path)
        elif word[0] != "$":
            raise TraceError(path, f"is not VCD: it has {word[:40]!r} before $enddefinitions")
    else:
        raise TraceError(path, "is not VCD: it has no $enddefinitions")
    if tick_fs == 0:
        raise TraceError(path, "has no $timescale, so its times mean nothing")
    return tick_fs, _names_by_code(code_of)


def _name(code_of: dict[str, str], code: str, name: str, path: str) -> None:
    if code_of.get(name, code) != code:
        raise TraceError(path, f"has two signals named {name!r}; rename one of them")
    code_of[name] = code


def _names_by_code(code_of: dict[str, str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, code in code_of.items():
        names.setdefault(code, []).append(name)
    return names


def _until_end(words: Iterator[str]) -> list[str]:
    body: list[str] = []
    for word in words:
        if word == "$end":
            break
        body.append(word)
    return body


def _ticks(word: str, path: str) -> int:
    if not word[1:].isdecimal() or len(word) > _MAX_TIME_CHARS:
        raise TraceError(path, f"has the time {word[:40]!r}, which is no number")
    return int(word[1:])
