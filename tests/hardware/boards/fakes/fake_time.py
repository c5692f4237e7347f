"""The chip's clock, on the bench's virtual time."""

from bench import PERIOD_MS, bench


def ticks_ms():
    return bench.now_ms % PERIOD_MS


def ticks_add(ticks, delta):
    return (ticks + delta) % PERIOD_MS


def ticks_diff(late, early):
    half = PERIOD_MS // 2
    return (late - early + half) % PERIOD_MS - half


def sleep_ms(ms):
    bench.advance(ms)
