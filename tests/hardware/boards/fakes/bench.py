"""The bench around the chip: virtual time, a finger, an access point, a broker, a power supply.

A life is a JSON object; every entry may be left out:

- ``contact``: [[at_ms, closed], ...] what the finger does
- ``wifi``: [[at_ms, there], ...]; ``broker``: [[at_ms, "up" | "down" | "deaf"], ...]
- ``starts_at_ms``: how long ago the chip started when main.py begins; ``ends_at_ms``: power off
- ``reset_cause``, ``wake_reason``, ``rtc``: what the chip remembers of its sleep
- ``cut``: [n, bytes]: the power goes in the n-th write of a counter file, after so many bytes
- ``pin_uv``: what the battery pin measures; ``connect_ms``: how long opening a connection takes
- ``answer``: {"connack": code} or {"hex": bytes}: how the broker greets
- ``files``: what stands in files of the board before it starts
"""

import builtins
import json
from errno import ENOENT

import host

life = json.loads(host.life())

# As on the chips: milliseconds are counted modulo 2^30.
PERIOD_MS = 1 << 30


class PowerOff(BaseException):
    """The end of a life."""


class Bench:
    def __init__(self):
        self.now_ms = life.get("starts_at_ms", 0)
        self.ends_at_ms = life.get("ends_at_ms", 10_000)
        self.contact = life.get("contact", [])
        self.edges = [at_ms for at_ms, _ in self.contact if at_ms > self.now_ms]
        self.irq = None
        self.later = []  # (at_ms, function)

    def pin_level(self):
        return 0 if self.last(self.contact, False) else 1

    def last(self, changes, before):
        for at_ms, value in changes:
            if at_ms <= self.now_ms:
                before = value
        return before

    def advance(self, ms):
        until_ms = self.now_ms + ms
        while self.edges or self.later:
            at_ms = min(self.edges[:1] + [at_ms for at_ms, _ in self.later])
            if at_ms > until_ms:
                break
            self.step_to(max(at_ms, self.now_ms))
            ready = [function for due_ms, function in self.later if due_ms <= self.now_ms]
            self.later = [entry for entry in self.later if entry[0] > self.now_ms]
            for function in ready:
                function()
            if self.edges and self.edges[0] <= self.now_ms:
                self.edges.pop(0)
                if self.irq:
                    self.irq()
        self.step_to(until_ms)

    def step_to(self, at_ms):
        self.now_ms = at_ms
        host.at(at_ms)
        if at_ms >= self.ends_at_ms:
            raise PowerOff("power off")

    def after(self, ms, function):
        self.later.append((self.now_ms + ms, function))


bench = Bench()
tell = host.tell


def wifi_there():
    return bench.last(life.get("wifi", [[0, True]]), False)


def broker():
    """up, down or deaf; a broker behind a Wi-Fi that is away is down."""
    return bench.last(life.get("broker", [[0, "up"]]), "down") if wifi_there() else "down"


class CuttingFile:
    """A file whose writing ends with the power."""

    def __init__(self, file, cut_after_bytes):
        self._file = file
        self._left = cut_after_bytes

    def write(self, data):
        self._file.write(data[: self._left])
        self._file.close()
        raise PowerOff("cut")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


def prepare():
    """Watch the writes of the counter's files, and let the power go in one of them."""
    really_open = builtins.open
    writes = [0]
    cut_at, cut_after_bytes = life.get("cut", (0, 0))

    def watching_open(name, mode="r"):
        try:
            file = really_open(name, mode)
        except OSError:
            # This interpreter's system has a number of its own for it.
            raise OSError(ENOENT) from None
        if name.startswith("counter.") and "w" in mode:
            writes[0] += 1
            tell("wrote", name)
            if writes[0] == cut_at:
                return CuttingFile(file, cut_after_bytes)
        return file

    builtins.open = watching_open
    host.at(bench.now_ms)
