"""Runs in the guest: ``subscribe.py ADDRESS UUID``, one connection after the other, for ever."""

import asyncio
import sys

import bleak

address, characteristic = sys.argv[1:]


async def connect_once():
    device = await bleak.BleakScanner.find_device_by_address(address, timeout=30)
    gone = asyncio.Event()
    async with bleak.BleakClient(device, lambda client: gone.set()) as client:
        await client.start_notify(characteristic, notified)
        print("SUBSCRIBED", flush=True)
        await gone.wait()
    print("LOST", flush=True)


def notified(sender, data):
    print("NOTIFIED", data.hex(), flush=True)


async def main():
    while True:
        await connect_once()


asyncio.run(main())
