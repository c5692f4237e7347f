"""The command a person types, in the guest: a button is claimed through every mishap of its link.

All in the ``production`` profile, so that only what a real driver heard can count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from buttonlab import frames, usb
from buttonlab.guest import Command, Guest
from buttonlab.machine import Machine
from buttonlab.radio import Air, BthomeButton, LbsButton

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

BUTTON = "LINE-3-BUTTON"
ADDRESS = "C4:00:00:00:00:01"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")


@dataclass(frozen=True, slots=True)
class Desk:
    """The person at the bench: types commands, and starts claims."""

    guest: Guest

    async def type(self, *words: str) -> str:
        return await self.guest.run("clickclaim", *words)

    async def register(self, **columns: str) -> None:
        """Register the button by a manifest of one row."""
        row = {"deviceId": BUTTON, **columns}
        manifest = f"{','.join(row)}\n{','.join(row.values())}\n"
        await self.guest.run("sh", "-c", "cat >/tmp/manifest.csv", stdin=manifest.encode())
        await self.type("devices", "import", "/tmp/manifest.csv")

    async def until_heard(self, name: str) -> None:
        """Wait until a button that nobody registered was heard."""
        look = f"until clickclaim devices list --unknown | grep {name}; do sleep 0.1; done"
        await self.guest.run("sh", "-c", look)

    async def claim(self, source: str) -> Command:
        options = [
            "--source",
            source,
            "--service",
            "embedded",
            "--profile",
            "production",
            "--timeout",
            "300",
        ]
        return await self.guest.start("clickclaim", "claim", BUTTON, *options, "--json")

    async def claimed(self, claiming: Command) -> dict[str, Any]:
        """The click that claimed the button, once the command has ended well and its record too."""
        finished = await claiming.finish()
        assert finished.status == 0, claiming.story
        attempt = json.loads(finished.out)
        assert (attempt["deviceId"], attempt["outcome"]) == (BUTTON, "CLAIMED")
        marks = [mark["what"] for mark in attempt["timeline"]]
        assert marks == ["initiated", "click", "finalized"]
        (record,) = json.loads(await self.type("records", "--json"))
        assert (record["attemptId"], record["outcome"]) == (attempt["attemptId"], "CLAIMED")
        click: dict[str, Any] = attempt["timeline"][1]
        assert (click["heardBy"], click["simulated"]) == ("station", False)
        return click


@pytest.fixture
def desk(bench: Machine) -> Desk:
    return Desk(bench.guest)


async def test_a_plain_advertisement_claims(air: Air, desk: Desk) -> None:
    await desk.register(alias=ADDRESS)
    claiming = await desk.claim("ble:")
    await claiming.note("press the button now")
    await BthomeButton(air, ADDRESS).advertise(frames.bthome(7))
    click = await desk.claimed(claiming)
    assert (click["family"], click["clickType"]) == ("bthome", "SINGLE")
    assert click["authenticated"] is False


async def test_an_encrypted_advertisement_claims_and_a_forged_one_does_not(
    air: Air, desk: Desk
) -> None:
    await desk.register(alias=ADDRESS, key=KEY.hex(), keyKind="bthome")
    claiming = await desk.claim("ble:")
    await claiming.note("press the button now")
    button = BthomeButton(air, ADDRESS)
    other_key = bytes(16)
    await button.advertise(
        frames.bthome_encrypted(1, frames.LONG_PRESS, address=ADDRESS, key=other_key, counter=90)
    )
    await button.heard_often()
    await button.advertise(frames.bthome_encrypted(2, address=ADDRESS, key=KEY, counter=8))
    click = await desk.claimed(claiming)
    assert (click["family"], click["clickType"]) == ("bthome", "SINGLE")
    assert click["authenticated"] is True


async def test_a_connected_button_claims_after_a_lost_link(air: Air, desk: Desk) -> None:
    await desk.register(alias=ADDRESS)
    button = LbsButton(air, ADDRESS)
    await button.switch_on()
    claiming = await desk.claim(f"ble:?gatt={ADDRESS}")
    await claiming.note("press the button now")
    await button.heard()
    # Pressed, and out of range before it is let go: nobody can tell what click that was.
    await button.set_level(pressed=True)
    await button.go_out_of_range()
    await button.set_level(pressed=False)
    await button.come_near()
    await button.heard()
    await button.press()
    click = await desk.claimed(claiming)
    assert (click["family"], click["clickType"]) == ("nordic_lbs", "SINGLE")


async def test_a_usb_button_claims_after_a_replug(bench: Machine, desk: Desk) -> None:
    await desk.register()
    async with usb.in_hand(bench, "BTN-0001") as button:
        await button.plug("1")
        # A click while nobody listens is gone.
        await button.send(frames.sentence(BUTTON, 4, 1, "LONG"))
        claiming = await desk.claim("serial:usb=0403:6001:BTN-0001")
        await claiming.note("press the button now")
        await button.send(frames.sentence("SOMEBODY-ELSES", 5, 1))
        await desk.until_heard("SOMEBODY-ELSES")
        # The cable comes out in the middle of a sentence: that click is lost, and no other is made.
        await button.send(frames.sentence(BUTTON, 5, 1, "DOUBLE")[:20])
        await button.unplug()
        await claiming.note("waiting for it")
        await button.plug("3")
        await claiming.note("listening")
        await button.send(frames.sentence(BUTTON, 6, 1))
        click = await desk.claimed(claiming)
    assert (click["family"], click["clickType"]) == ("native", "SINGLE")


async def test_a_restart_of_bluetoothd_during_the_wait_costs_nothing(
    bench: Machine, air: Air, desk: Desk
) -> None:
    await desk.register(alias=ADDRESS)
    claiming = await desk.claim("ble:")
    await claiming.note("press the button now")
    await bench.guest.run("/lab/bluetooth", "stop")
    await claiming.note("waiting for it")
    await bench.guest.run("/lab/bluetooth", "start")
    await claiming.note("listening")
    await BthomeButton(air, ADDRESS).advertise(frames.bthome(1))
    await desk.claimed(claiming)
