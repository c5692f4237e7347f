"""`clickclaim events`: the clicks of a button as the operator sees them, refused ones included."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.app import new_app, run_async
from orchestrator.cli.options import DEFAULT, AsJson, Data, Namespace, folder_of
from orchestrator.cli.output import clock_time, print_json, print_table, say
from orchestrator.domain.events import DeviceEvent
from orchestrator.domain.times import utc_text
from orchestrator.runtime.folder import open_desk
from orchestrator.units import EventQuery

app = new_app("List the clicks of a button and what became of each.")


@app.command()
def events(
    device_id: Annotated[
        str | None, typer.Argument(metavar="[DEVICE]", help="Of this device; else of all.")
    ] = None,
    data: Data = None,
    namespace: Namespace = DEFAULT,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The latest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the latest clicks, oldest first, and what became of each."""
    query = EventQuery(namespace=namespace, device_id=device_id, limit=limit, newest_first=True)

    async def work() -> list[DeviceEvent]:
        async with open_desk(folder_of(data)) as desk:
            return await desk.store.events(query)

    found = run_async(work)[::-1]
    if as_json:
        print_json([event_json(one) for one in found])
    elif found:
        print_table(
            ("heard", "device", "click", "disposition", "repeats", "source", "why"),
            [
                (
                    clock_time(one.received_ms),
                    one.device_id,
                    one.click_type,
                    one.disposition,
                    one.repeats or "",
                    one.source,
                    one.reason,
                )
                for one in found
            ],
        )
    else:
        say(
            "No click is on record here."
            " Buttons that nobody registered: clickclaim devices list --unknown"
        )


def event_json(event: DeviceEvent) -> dict[str, Any]:
    """An event as the operator's commands print it."""
    return {
        "eventId": event.event_id,
        "namespace": event.namespace,
        "deviceId": event.device_id,
        "clickType": event.click_type,
        "received": utc_text(event.received_ms),
        "receivedMs": event.received_ms,
        "disposition": event.disposition,
        "reason": event.reason,
        "heardBy": event.evidence.heard_by,
        "authenticated": event.evidence.authenticated,
        "simulated": event.evidence.simulated,
        "source": event.source,
        "family": event.family,
        "pressId": event.press_id,
        "epoch": event.epoch,
        "attemptId": event.attempt_id,
        "remainingLife": event.remaining_life,
        "repeats": event.repeats,
    }
