"""`clickclaim watch`: clicks as they come, from sources here or from a service's own account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.app import new_app, run_async, usage
from orchestrator.cli.options import (
    DEFAULT,
    AccessKey,
    AsJson,
    Data,
    Namespace,
    Service,
    Sources,
    folder_of,
)
from orchestrator.cli.output import clock_time, note, print_json, say

if TYPE_CHECKING:
    from hardware.click import Click, Ignored
    from hardware.keys import KeyBook
    from hardware.supervisor import StateChange
    from orchestrator.ports import Fact
    from orchestrator.runtime.looking import Seen

app = new_app("Show clicks as they come, and what became of them.")


@app.command()
def watch(
    source: Sources = None,
    service: Service = None,
    access_key: AccessKey = None,
    data: Data = None,
    namespace: Namespace = DEFAULT,
    everything: Annotated[bool, typer.Option("--all", help="Frames without a click, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show clicks as they come, until Ctrl-C. Claims nothing.

    With --source, what is heard here is decoded with the keys of the data folder, if there is
    one. With --service, what the service tells about devices of this account.
    """
    if source:
        specs = tuple(source)
        folder = folder_of(data)
        run_async(
            lambda: _watch_sources(specs, folder, namespace, everything=everything, as_json=as_json)
        )
    elif service:
        url = service
        run_async(lambda: _watch_service(url, access_key, as_json=as_json))
    else:
        usage(
            "Nothing to watch: give a source, or a service.",
            "clickclaim watch --source serial:/dev/ttyACM0",
        )


async def _watch_sources(
    specs: tuple[str, ...], folder: Path, namespace: str, *, everything: bool, as_json: bool
) -> None:
    from orchestrator.clocks import WallClock
    from orchestrator.runtime.looking import Looker
    from orchestrator.runtime.sources import open_ear

    clock = WallClock()
    looker = Looker(
        sources=[open_ear(spec, clock=clock, on_notice=note) for spec in specs],
        clock=clock,
        keys=await _keys(folder, namespace),
        on_state=lambda change: _print_state(change, as_json=as_json),
    )
    introduced: set[str] = set()
    async for seen in looker.readings():
        if as_json:
            print_json(_document(seen))
        else:
            _print_seen(seen, introduced, everything=everything)


async def _keys(folder: Path, namespace: str) -> KeyBook:
    from hardware.keys import NoKeys
    from orchestrator.domain.errors import StoreError
    from orchestrator.runtime.folder import open_desk
    from orchestrator.runtime.keys import all_keys

    try:
        async with open_desk(folder) as desk:
            return await all_keys(desk.store, namespace)
    except StoreError:
        return NoKeys()  # who only looks on needs no data folder


def _print_state(change: StateChange, *, as_json: bool) -> None:
    now = change.now
    if as_json:
        print_json({"source": change.spec, "state": now.state, "reason": now.reason})
    elif now.state in {"READING", "COOLING", "CLOSED"} and now.failures <= 1:
        reason = f": {now.reason.removeprefix(f'{change.spec}: ')}" if now.reason else ""
        note(f"{change.spec} is {now.state}{reason}")


def _print_seen(seen: Seen, introduced: set[str], *, everything: bool) -> None:
    from hardware.click import Click

    said = seen.said
    at = clock_time(said.frame.heard_ms)[11:]
    who = said.address or "?"
    if not isinstance(said, Click):
        if everything or said.family is not None:
            say(f"{at}  {who:<18} -        {said.family or 'unknown'}: {said.reason}")
        return
    proof = "authenticated" if said.authenticated else "not authenticated"
    heard_by = "station" if said.frame.direct else "broker"
    repeat = "" if seen.verdict == "NEW" else f", {seen.verdict}"
    press = f", press {said.press_id}" if said.press_id is not None else ""
    say(
        f"{at}  {who:<18} {said.click_type:<8} {said.family}{press}{repeat};"
        f" {proof}, heard by a {heard_by}"
    )
    if who not in introduced:
        introduced.add(who)
        say(f"{'':12}  {_introduction(said)}")


def _introduction(said: Click) -> str:
    """What to type so that this button can be claimed."""
    from orchestrator.ingest.translate import own_device_id

    device_id = own_device_id(said.family, said.address)
    if device_id is None:
        return f"it has no device id yet: clickclaim devices alias '{said.address}' DEVICE"
    return f"to claim it: clickclaim claim {device_id} --source {said.frame.source}"


def _document(seen: Seen) -> dict[str, Any]:
    from hardware.click import Click

    said: Click | Ignored = seen.said
    document: dict[str, Any] = {
        "heardMs": said.frame.heard_ms,
        "source": said.frame.source,
        "transport": said.frame.transport,
        "family": said.family,
        "address": said.address,
        "clickType": said.click_type,
        "authenticated": said.authenticated,
        "direct": said.frame.direct,
        "simulated": said.frame.simulated,
        "verdict": seen.verdict,
        "batteryPercent": said.battery_percent,
    }
    if isinstance(said, Click):
        return {**document, "click": True, "button": said.button, "pressId": said.press_id}
    return {**document, "click": False, "reason": said.reason}


async def _watch_service(url: str, access_key: str | None, *, as_json: bool) -> None:
    from orchestrator.runtime.folder import default_data_folder
    from orchestrator.runtime.reach import EMBEDDED, ServiceUrlError, reach

    if url == EMBEDDED:
        usage("An embedded service lives only as long as its command; watch a source instead.")
    try:
        async with reach(url, access_key=access_key, data=default_data_folder()) as reached:
            async for fact in reached.api.facts():
                if as_json:
                    print_json(_fact_document(fact))
                else:
                    _print_fact(fact)
    except ServiceUrlError as error:
        usage(str(error))


def _fact_document(fact: Fact) -> dict[str, Any]:
    return {
        "kind": fact.kind,
        "atMs": fact.at_ms,
        "namespace": fact.namespace,
        "deviceId": fact.device_id,
        "attemptId": fact.attempt_id,
        **fact.data,
    }


def _print_fact(fact: Fact) -> None:
    at = clock_time(fact.at_ms)[11:]
    details = " ".join(f"{name}={value}" for name, value in fact.data.items() if value)
    say(f"{at}  {fact.device_id:<18} {fact.kind:<16} {details}")
