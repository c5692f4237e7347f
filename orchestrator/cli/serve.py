"""`clickclaim serve`: the claim service until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.cli.app import new_app, run_async, usage
from orchestrator.cli.options import AsJson, Data, Sources, folder_of
from orchestrator.cli.output import print_json, say
from orchestrator.settings import (
    CLAIM_WINDOW_MAX_S,
    CLAIM_WINDOW_MIN_S,
    CLAIM_WINDOW_S,
    Settings,
    for_profile,
)

if TYPE_CHECKING:
    from orchestrator.runtime.serving import BrokerChoice, HttpAddress

app = new_app("Run the claim service until it is stopped.")


@app.command()
def serve(
    profile: Annotated[
        Literal["dev", "demo", "production"],
        typer.Option("--profile", help="dev and demo trust everybody; production nobody."),
    ] = "dev",
    http: Annotated[
        str, typer.Option("--http", metavar="HOST:PORT", help="Where to serve; port 0: any.")
    ] = "127.0.0.1:8080",
    mqtt: Annotated[
        str | None,
        typer.Option(
            "--mqtt",
            metavar="BROKER",
            help="embedded[:PORT], mqtt://HOST:PORT/, mqtts://..., or none."
            " Default: embedded; production has no default.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    source: Sources = None,
    window: Annotated[
        int,
        typer.Option(
            "--window",
            min=CLAIM_WINDOW_MIN_S,
            max=CLAIM_WINDOW_MAX_S,
            metavar="SECONDS",
            help="How long a claim stays open for its press.",
        ),
    ] = CLAIM_WINDOW_S,
    click_type: Annotated[
        Literal["SINGLE", "DOUBLE", "LONG"] | None,
        typer.Option("--click-type", help="Only this kind of click claims; else each does."),
    ] = None,
    callback_host: Annotated[
        list[str] | None,
        typer.Option(
            "--callback-host",
            metavar="HOST",
            help="A host that callbacks may be posted to. May be repeated; none by default.",
        ),
    ] = None,
    region: Annotated[str, typer.Option("--region", help="Region in ARNs.")] = "us-west-2",
    requests_per_s: Annotated[
        int | None,
        typer.Option("--requests-per-second", min=1, help="Limit per account and operation."),
    ] = None,
    clock: Annotated[
        Literal["real", "virtual"],
        typer.Option(
            "--clock",
            help="virtual: claims' time stands still until POST /v1/clock/advance; dev only.",
        ),
    ] = "real",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option("--log-level", help="Log lines are JSON on stderr."),
    ] = "warning",
    as_json: AsJson = False,
) -> None:
    """Serve claims over HTTP, and hear buttons over MQTT and other sources.

    Prints one line, "ready http=... mqtt=...", when it answers. SIGTERM or Ctrl-C ends it.
    """
    from orchestrator.runtime.serving import AddressError, BrokerChoice, HttpAddress

    if mqtt is None and profile == "production":
        usage(
            "The production profile needs a broker of its own, or none.",
            "clickclaim serve --profile production --mqtt mqtt://HOST:1883/",
        )
    if clock == "virtual" and profile != "dev":
        usage(
            f"Virtual time is for tests: the {profile} profile goes by the real clock.",
            "clickclaim serve --profile dev --clock virtual",
        )
    try:
        address, broker = HttpAddress.parse(http), BrokerChoice.parse(mqtt or "embedded", profile)
    except AddressError as error:
        usage(str(error))
    settings = for_profile(profile)
    settings = replace(
        settings,
        claim_window_s=window,
        clicks=replace(settings.clicks, claim_click_type=click_type, late_ms=window * 1000),
        callback_hosts=tuple(callback_host or ()),
        region=region,
        requests_per_s=requests_per_s,
    )
    _log_to_stderr(log_level)
    folder, specs = folder_of(data), tuple(source or ())
    virtual_time = clock == "virtual"
    run_async(
        lambda: _serve(
            settings, folder, address, broker, specs, virtual_time=virtual_time, as_json=as_json
        ),
        fast=True,
    )


async def _serve(
    settings: Settings,
    folder: Path,
    address: HttpAddress,
    broker: BrokerChoice,
    specs: tuple[str, ...],
    *,
    virtual_time: bool,
    as_json: bool,
) -> None:
    from orchestrator.clocks import WallClock
    from orchestrator.runtime.process import settle_memory
    from orchestrator.runtime.serving import Stop, serving
    from orchestrator.runtime.sources import open_ear

    for spec in specs:
        open_ear(spec, clock=WallClock())  # a wrong spec is told before anything starts
    stop = Stop()
    try:
        async with serving(
            settings, folder, http=address, broker=broker, sources=specs, virtual_time=virtual_time
        ) as running:
            if as_json:
                print_json({"ready": True, "http": running.http, "mqtt": running.mqtt})
            else:
                say(running.ready_line)
            settle_memory()
            await stop.wait()
    except asyncio.CancelledError:
        if not stop.asked:
            raise


def _log_to_stderr(level: str) -> None:
    from orchestrator.api.logs import JsonFormatter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
