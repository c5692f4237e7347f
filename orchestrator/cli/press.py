"""`clickclaim press`: one click of a simulated button, published as a real one's is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.cli.app import UNUSABLE, CommandError, new_app, run_async, usage
from orchestrator.cli.options import DEFAULT, AsJson, Namespace, check_broker_url
from orchestrator.cli.output import print_json, say

if TYPE_CHECKING:
    from firmware_sim.core.wire import ButtonClick

app = new_app("Press a simulated button, over MQTT.")


@app.command()
def press(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE", help="Device id of the button.")],
    mqtt: Annotated[
        str, typer.Option("--mqtt", metavar="URL", help="Broker, as `serve` prints it.")
    ],
    click: Annotated[
        Literal["SINGLE", "DOUBLE", "LONG"], typer.Option("--click", help="What the finger does.")
    ] = "SINGLE",
    namespace: Namespace = DEFAULT,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="The button's HMAC key, in hex digits."),
    ] = None,
    test_mode: Annotated[
        bool, typer.Option("--test-mode", help="The button says that it is in test mode.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Click once; return when the broker has acknowledged it.

    The button's numbers go on from one press to the next: they are kept in your state folder.
    """
    check_broker_url(mqtt)
    key = b"" if key_file is None else _read_key(key_file)
    said = run_async(lambda: _press(mqtt, device_id, click, namespace, key, test_mode=test_mode))
    if as_json:
        print_json(
            {
                "deviceId": said.device_id,
                "clickType": said.click_type,
                "bootId": said.boot_id,
                "counter": said.counter,
                "signed": bool(said.auth),
            }
        )
    else:
        number = f"boot {said.boot_id}, click {said.counter}" + (", signed" if said.auth else "")
        say(f"{said.device_id}: {said.click_type}, {number}; the broker has it")


async def _press(
    url: str, device_id: str, click: str, namespace: str, key: bytes, *, test_mode: bool
) -> ButtonClick:
    from firmware_sim.core.counter import CounterError
    from firmware_sim.core.wire import WireError
    from firmware_sim.links.errors import LinkError
    from firmware_sim.links.mqtt import press as press_once
    from orchestrator.clocks import WallClock

    try:
        return await press_once(
            url,
            device_id,
            click,
            namespace=namespace,
            key=key,
            test_mode=test_mode,
            now_ms=WallClock().now_ms(),
        )
    except (LinkError, CounterError) as error:
        raise CommandError(str(error), code=UNUSABLE) from None
    except (WireError, ValueError) as error:
        usage(str(error))


def _read_key(path: Path) -> bytes:
    from orchestrator.claims.device_keys import parse_secret

    try:
        return parse_secret("hmac", path.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        usage(f"{path} cannot be read: {getattr(error, 'strerror', 'not ASCII text')}.")
