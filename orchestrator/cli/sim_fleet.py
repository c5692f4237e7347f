"""`clickclaim sim fleet`: thousands of buttons on a broker, and whether the service kept up."""

from __future__ import annotations

import asyncio
import time
from math import ceil, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.app import CANCELLED, FAILED, UNUSABLE, CommandError, run_async, usage
from orchestrator.cli.options import DEFAULT, AccessKey, AsJson, Namespace, check_broker_url
from orchestrator.cli.output import note, print_json, print_table, say

if TYPE_CHECKING:
    from orchestrator.runtime.fleet import FleetReport, FleetWanted

_FLAT_OUT = "max"
_MOST_A_SECOND = 1_000_000
# A rate below this share of the one asked for is told beside it.
_NEARLY = 0.95
_EXAMPLE = "clickclaim sim fleet --mqtt mqtt://127.0.0.1:1883/ --devices 1000 --rate 100"


def fleet(
    mqtt: Annotated[
        str, typer.Option("--mqtt", metavar="URL", help="Broker to connect the buttons to.")
    ],
    devices: Annotated[
        int, typer.Option("--devices", metavar="N", min=1, max=1_000_000, help="How many buttons.")
    ] = 1_000,
    rate: Annotated[
        str,
        typer.Option(
            "--rate", metavar="N|max", help="Clicks a second, of all buttons; max: flat out."
        ),
    ] = "100",
    duration: Annotated[
        float,
        typer.Option("--duration", metavar="S", min=0.1, max=86_400, help="Seconds of clicking."),
    ] = 30,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Judge the claim service on this folder."),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="URL", help="Claim from, and ask, the service there."),
    ] = None,
    claim: Annotated[
        bool, typer.Option("--claim", help="Claim each button at its first click.")
    ] = False,
    access_key: AccessKey = None,
    namespace: Namespace = DEFAULT,
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="Begin the device ids with this; two fleets at once need two.",
        ),
    ] = "FLEET",
    keep_alive: Annotated[
        int,
        typer.Option(
            "--keep-alive", metavar="S", min=0, max=65_535, help="Seconds between pings; 0: none."
        ),
    ] = 300,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Whose turn it is, and to do what.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Connect many buttons, let them click, and see that no click was lost on the way.

    With --data the claim service on that folder is judged: every click that the broker took must
    be on record, once. A service of this command's own listens if none runs there. With --service
    and --claim the same is asked over the service's API. Exit code 1: something was lost. Ctrl-C
    prints the figures so far.
    """
    from orchestrator.runtime.fleet import FleetReport, FleetWanted

    if claim and data is None and service is None:
        usage("Nobody to claim from: give --data or --service.", f"{_EXAMPLE} --data DIR --claim")
    if service is not None and data is None and not claim:
        usage(
            "Over the API only an owner sees clicks: --service needs --claim, or --data as well.",
            f"{_EXAMPLE} --service {service} --claim",
        )
    if service is not None and namespace != DEFAULT and data is None:
        usage("A namespace over the API is that of the access key; leave --namespace out.")
    if not isfinite(duration):
        usage(f"--duration is {duration}; it must be a number of seconds.", "--duration 30")
    check_broker_url(mqtt)
    a_second = _rate(rate)
    if a_second is not None and a_second * duration < 1:
        usage(
            f"--rate {rate} for --duration {duration:g} is not one click, and says nothing.",
            f"--rate {ceil(1 / duration)} --duration {duration:g}",
        )
    if claim and a_second is None:
        usage("--claim needs a number of claims a second.", "--rate 100")
    wanted = FleetWanted(
        plan=_plan(devices, seed, namespace, prefix),
        mqtt=mqtt,
        rate=a_second,
        duration_s=duration,
        claim=claim,
        data=data,
        service=service,
        access_key=access_key,
        keep_alive_s=keep_alive,
    )
    report = FleetReport(devices=devices)
    run_async(lambda: _run(wanted, report, as_json=as_json), fast=True)
    code = 0 if report.good else FAILED
    if as_json:
        print_json(_document(report, code))
    else:
        _print(report)
    raise SystemExit(code)


def _rate(text: str) -> float | None:
    if text == _FLAT_OUT:
        return None
    try:
        number = float(text)
    except ValueError:
        usage(f"--rate {text!r} is no number of clicks a second, nor max.", "--rate 100")
    if not 0 < number <= _MOST_A_SECOND:
        usage(f"--rate is {text}; it must be more than 0, and {_MOST_A_SECOND:,} at most.")
    return number


def _plan(devices: int, seed: int, namespace: str, prefix: str) -> Any:
    from firmware_sim.core.wire import WireError
    from firmware_sim.world.fleet import FleetPlan

    try:
        # Seconds since 1970 rise from run to run, as a boot id must, and fit u32 until 2106.
        return FleetPlan(
            devices=devices,
            boot_id=int(time.time()),
            seed=seed,
            namespace=namespace,
            prefix=prefix,
        )
    except (ValueError, WireError) as error:
        usage(str(error))


async def _run(wanted: FleetWanted, report: FleetReport, *, as_json: bool) -> None:
    """Fill the report. One of a run that is cancelled is printed here, as far as it goes."""
    try:
        await _follow(wanted, report, as_json=as_json)
    except asyncio.CancelledError:
        if as_json:
            print_json(_document(report, CANCELLED))
        else:
            print_table(("what", "figure"), _rows(report))
        raise


async def _follow(wanted: FleetWanted, report: FleetReport, *, as_json: bool) -> None:
    from firmware_sim.links.errors import LinkError
    from orchestrator.cli.sim_progress import Progress
    from orchestrator.runtime.fleet import run_fleet
    from orchestrator.runtime.reach import ServiceUrlError

    with Progress(silent=as_json) as progress:
        try:
            await run_fleet(wanted, report=report, tell=progress.tell, warn=note)
        except LinkError as error:
            raise CommandError(str(error), code=UNUSABLE) from None
        except ServiceUrlError as error:
            usage(str(error))


def _print(report: FleetReport) -> None:
    print_table(("what", "figure"), _rows(report))
    verdict = report.verdict
    unacknowledged = report.clicks - report.acknowledged
    if unacknowledged:
        say(f"FAILED: {unacknowledged} clicks were not acknowledged by the broker in time")
        say(_why_not_acknowledged(report))
    if verdict is None:
        return
    if verdict.good:
        claims = "" if verdict.claimed is None else ", no double claim, no foreign owner"
        say(f"{'PASSED' if report.good else '  of those that it took'}: no lost click{claims}")
        return
    for name, finding in verdict.faults.items():
        more = ", ..." if finding.more else ""
        say(f"FAILED: {finding.count} {name}: {', '.join(finding.named)}{more}")
    if report.gave_up:
        say("  not one of them came through, so no more were begun")
    if verdict.lost.count:
        say(_why_lost(report))


def _rows(report: FleetReport) -> list[tuple[str, str]]:
    connected = f"{report.connected} of {report.devices}"
    if report.connect_s is not None:
        connected = f"{report.devices} in {report.connect_s:.1f} s"
    rate = f"{report.rate:.0f} clicks/s"
    if report.wanted_rate is not None and report.rate < _NEARLY * report.wanted_rate:
        rate += f", of {report.wanted_rate:g} asked for"
    rows = [
        ("buttons connected", connected),
        ("clicks acknowledged", f"{report.acknowledged} of {report.clicks}"),
        ("rate", rate),
        ("reconnects", str(report.reconnects)),
    ]
    if report.ack_p50_ms is not None and report.ack_p99_ms is not None:
        rows.append(
            ("click to PUBACK", f"p50 {report.ack_p50_ms:.1f} ms, p99 {report.ack_p99_ms:.1f} ms")
        )
    verdict = report.verdict
    if verdict is not None:
        rows.append(("on record", f"{verdict.on_record} of {verdict.acknowledged}"))
        if verdict.claimed is not None:
            rows.append(("claimed", str(verdict.claimed)))
        rows += [(name, str(count)) for name, count in sorted(verdict.dispositions.items())]
        if verdict.repeats:
            rows.append(("repeats", f"{verdict.repeats}, counted on their clicks"))
    return rows


def _why_not_acknowledged(report: FleetReport) -> str:
    """What kept the broker from it."""
    away = report.devices - report.connected
    if away:
        return (
            f"  {away} of {report.devices} buttons are not connected ({report.last_loss}):"
            " is the broker still running, and what does its log say?"
        )
    if report.reconnects:
        return (
            f"  connections ended {report.reconnects} times ({report.last_loss}):"
            " does the broker's log say why?"
        )
    return (
        f"  it takes no more than these {report.rate:.0f} a second of"
        f" {report.devices} buttons: take a lower --rate, or more --devices"
    )


def _why_lost(report: FleetReport) -> str:
    """Where the clicks may have gone, and what to do about it."""
    queue = "set max_queued_messages 0 in mosquitto.conf and restart it"
    if report.dropped:
        return f"  {report.broker.version} says that it threw away {report.dropped}: {queue}"
    if report.verdict is not None and report.verdict.on_record == 0:
        return (
            "  none arrived: does the service listen to this broker and this namespace, and may"
            " this user publish there? Mosquitto acknowledges also what its acl_file or its"
            " message_size_limit forbids"
        )
    if report.reconnects >= report.devices:
        return (
            "  every button had to connect again: a broker that restarts forgets for whom it queues"
            " (Mosquitto without persistence true, or when it is killed)"
        )
    if report.broker.is_mosquitto:
        return f"  {report.broker.version} throws away what a slow reader leaves: {queue}"
    return (
        "  the broker took them and the service has not got them: many brokers throw away what a"
        f" slow reader leaves (with Mosquitto, {queue})"
    )


def _document(report: FleetReport, code: int) -> dict[str, Any]:
    verdict = report.verdict
    return {
        "devices": report.devices,
        "connected": report.connected,
        "connectSeconds": None if report.connect_s is None else round(report.connect_s, 3),
        "clicks": report.clicks,
        "acknowledged": report.acknowledged,
        "clicksPerSecond": round(report.rate, 1),
        "reconnects": report.reconnects,
        "gaveUp": report.gave_up,
        "lastLoss": report.last_loss or None,
        "ackP50Ms": report.ack_p50_ms,
        "ackP99Ms": report.ack_p99_ms,
        "broker": report.broker.version,
        "brokerDropped": report.dropped,
        "verdict": None
        if verdict is None
        else {
            "good": verdict.good,
            "onRecord": verdict.on_record,
            "claimed": verdict.claimed,
            "repeats": verdict.repeats,
            "dispositions": dict(verdict.dispositions),
            "faults": {
                name: {"count": finding.count, "first": list(finding.named)}
                for name, finding in verdict.faults.items()
            },
        },
        "exitCode": code,
    }
