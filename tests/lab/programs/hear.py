"""Runs in the guest: ``hear.py SPEC [ADDRESS=HEXKEY...]``: the project's source, supervised.

Prints every change of state and every click the project's decoder reads, until killed.
"""

import asyncio
import contextlib
import sys
import time

from hardware.click import Click
from hardware.decode import Decoder
from hardware.keys import DeviceKey
from hardware.sources import open_source
from hardware.supervisor import Supervisor


class WallClock:
    def now_ms(self):
        return time.time_ns() // 1_000_000


class Keys:
    def __init__(self, pairs):
        self._secrets = dict(pair.split("=") for pair in pairs)

    def keys_for(self, namespace, address):
        secret = self._secrets.get(address)
        return (DeviceKey("bthome", bytes.fromhex(secret)),) if secret else ()


def show(said):
    for one in said:
        if isinstance(one, Click):
            proof = "authenticated" if one.authenticated else "asserted"
            print("CLICK", one.address, one.click_type, one.family, proof, one.press_id, flush=True)
        else:
            print("IGNORED", one.address, one.reason, flush=True)


def show_state(change):
    print("STATE", change.before, change.now.state, change.now.reason, flush=True)


async def main(spec, *keys):
    clock, decoder = WallClock(), Decoder(Keys(keys))
    heard = asyncio.Event()
    supervisor = Supervisor(open_source(spec, clock=clock), clock=clock, on_state=show_state)

    async def time_levels():
        while True:
            heard.clear()
            wait_ms = decoder.idle_for_ms(clock.now_ms())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wait_ms is None else wait_ms / 1000):
                    await heard.wait()
            show(decoder.advance(clock.now_ms()))

    async with asyncio.TaskGroup() as group:
        group.create_task(time_levels(), name="time levels")
        async for frame in supervisor.frames():
            show(decoder.decode(frame))
            heard.set()


asyncio.run(main(*sys.argv[1:]))
