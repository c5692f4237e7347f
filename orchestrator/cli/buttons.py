"""`clickclaim buttons`: what is plugged in and what is on air, and the source to type for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.app import UNUSABLE, CommandError, new_app, run_async
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import note, print_json, print_table, say

if TYPE_CHECKING:
    from hardware.scan import Advertiser, Attached

app = new_app("List what is attached and what advertises.")


@app.command()
def buttons(
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.5, help="How long to listen for Bluetooth.")
    ] = 5.0,
    no_ble: Annotated[bool, typer.Option("--no-ble", help="Look at USB and serial only.")] = False,
    no_serial: Annotated[
        bool, typer.Option("--no-serial", help="Listen on Bluetooth only.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Bluetooth peers that are no known button, too.")
    ] = False,
    adapter: Annotated[
        str | None, typer.Option("--adapter", metavar="hciN", help="Which radio to use.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List serial ports, USB buttons and Bluetooth buttons in reach."""
    from dataclasses import asdict

    from hardware.source import SourceError

    problems: list[str] = []
    plugged: list[Attached] = []
    on_air: list[Advertiser] = []
    if not no_serial:
        from hardware.scan import attached

        try:
            plugged = attached()
        except SourceError as error:
            problems.append(str(error))
    if not no_ble:
        from hardware.scan import advertising

        if not as_json:
            note(f"listening for Bluetooth buttons for {seconds:g} s: press them now")
        try:
            on_air = run_async(lambda: advertising(seconds, adapter=adapter))
        except SourceError as error:
            problems.append(str(error))
    shown = [one for one in on_air if everything or one.family is not None]
    if as_json:
        print_json(
            {
                "attached": [asdict(one) for one in plugged],
                "advertising": [asdict(one) for one in shown],
                "problems": problems,
            }
        )
    else:
        _print(plugged, shown, hidden=len(on_air) - len(shown))
        for problem in problems:
            note(f"note: {problem}")
    asked = (not no_serial) + (not no_ble)
    if problems and len(problems) == asked:
        raise CommandError("Nothing could be looked at: " + " ".join(problems), code=UNUSABLE)


def _print(plugged: list[Attached], on_air: list[Advertiser], *, hidden: int) -> None:
    if plugged:
        say("Attached")
        print_table(
            ("source", "id", "serial", "product", "what", "problem"),
            [
                (
                    one.source or "-",
                    _usb_id(one),
                    one.serial_number,
                    one.product,
                    one.what,
                    one.problem,
                )
                for one in plugged
            ],
        )
    if on_air:
        say("On air")
        print_table(
            ("source", "address", "name", "rssi", "family", "encrypted", "battery"),
            [
                (
                    one.source or "-",
                    one.address,
                    one.name,
                    "" if one.rssi_dbm is None else f"{one.rssi_dbm} dBm",
                    one.family or "-",
                    _yes_no(one.encrypted),
                    "" if one.battery_percent is None else f"{one.battery_percent:g} %",
                )
                for one in on_air
            ],
        )
    if hidden:
        say(f"{hidden} other Bluetooth peers are no button we know; --all lists them.")
    if not plugged and not on_air:
        say("No button was found. Plug one in, or press one while this command listens.")
        return
    say("Next: clickclaim watch --source SOURCE, then press the button")


def _usb_id(one: Any) -> str:
    return "" if one.vid is None or one.pid is None else f"{one.vid:04x}:{one.pid:04x}"


def _yes_no(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
