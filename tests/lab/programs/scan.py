"""Runs in the guest: prints every advertisement bleak hears, until killed."""

import asyncio

import bleak


def heard(device, advertisement):
    data = {uuid: value.hex() for uuid, value in advertisement.service_data.items()}
    print("HEARD", device.address, advertisement.local_name, data, flush=True)


async def main():
    async with bleak.BleakScanner(heard):
        print("SCANNING", flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
