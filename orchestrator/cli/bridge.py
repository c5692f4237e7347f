"""`clickclaim bridge`: buttons here, the service there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.app import new_app, run_async, usage
from orchestrator.cli.options import AccessKey, AsJson, Service, Sources
from orchestrator.cli.output import note, print_json, say

if TYPE_CHECKING:
    from hardware.click import RawFrame
    from hardware.supervisor import StateChange
    from orchestrator.ports import FrameReceipt
    from orchestrator.runtime.ears import ServiceChange

app = new_app("Pass on what buttons here say to a service elsewhere.")


@app.command()
def bridge(
    source: Sources = None,
    service: Service = None,
    access_key: AccessKey = None,
    kept: Annotated[
        int,
        typer.Option("--kept", min=1, max=1_000_000, help="Frames kept while the service is away."),
    ] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Send every frame that is heard here to a service, until Ctrl-C.

    The service decodes them with its own keys. While it is away frames are kept and sent later.
    """
    if not source or not service:
        usage(
            "A bridge needs a source on this side and a service on the other.",
            "clickclaim bridge --source serial:/dev/ttyACM0 --service http://HOST:PORT",
        )
    specs, url = tuple(source), service
    run_async(lambda: _bridge(specs, url, access_key, kept, as_json=as_json))


async def _bridge(
    specs: tuple[str, ...], url: str, access_key: str | None, kept: int, *, as_json: bool
) -> None:
    from orchestrator.runtime.ears import Ears
    from orchestrator.runtime.folder import default_data_folder
    from orchestrator.runtime.reach import EMBEDDED, ServiceUrlError, reach
    from orchestrator.runtime.sources import open_ear

    if url == EMBEDDED:
        usage("A bridge leads to a service elsewhere.", "--service http://HOST:PORT")

    def received(frame: RawFrame, receipt: FrameReceipt) -> None:
        if as_json:
            print_json(
                {
                    "heardMs": frame.heard_ms,
                    "source": frame.source,
                    "deviceId": receipt.device_id,
                    "disposition": receipt.disposition,
                    "reason": receipt.reason,
                }
            )
        elif receipt.disposition is not None:
            say(f"{receipt.device_id or frame.address}: {receipt.disposition}, {receipt.reason}")

    try:
        async with reach(url, access_key=access_key, data=default_data_folder()) as reached:
            ears = Ears(
                api=reached.api,
                sources=[open_ear(spec, clock=reached.clock, on_notice=note) for spec in specs],
                clock=reached.clock,
                on_receipt=received,
                on_state=_say_state,
                on_service=_say_service,
                retry_refused=True,
                kept=kept,
            )
            await ears.run()
    except ServiceUrlError as error:
        usage(str(error))


def _say_state(change: StateChange) -> None:
    if change.now.state in {"READING", "COOLING"} and change.now.failures <= 1:
        note(f"{change.spec} is {change.now.state}{_because(change.spec, change.now.reason)}")


def _because(spec: str, reason: str) -> str:
    return f": {reason.removeprefix(f'{spec}: ')}" if reason else ""


def _say_service(change: ServiceChange) -> None:
    if change.away:
        note(f"{change.reason} Frames are kept until it is back.")
    else:
        lost = f"; {change.dropped} found no room and are lost" if change.dropped else ""
        note(f"the service is back: {change.waiting} frames go to it{lost}")
