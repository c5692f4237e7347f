"""`clickclaim devices`: which buttons are registered, and what belongs to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from orchestrator.cli.app import new_app, run_async, usage
from orchestrator.cli.options import DEFAULT, AsJson, Data, Namespace, folder_of
from orchestrator.cli.output import clock_time, print_json, print_table, say
from orchestrator.runtime.folder import open_desk

app = new_app("Register buttons, and what belongs to them. Works while `serve` runs.", group=True)

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="Device id, as on the button.")]
# A page of the store; the registry goes on after the last one.
_PAGE = 1000


@app.command()
def add(
    device_ids: Annotated[list[str], typer.Argument(metavar="DEVICE...", help="Device ids.")],
    data: Data = None,
    namespace: Namespace = DEFAULT,
    kind: Annotated[str, typer.Option("--type", help="Type of the devices.")] = "button",
    as_json: AsJson = False,
) -> None:
    """Register devices by their ids."""

    async def work() -> list[str]:
        async with open_desk(folder_of(data), create=True) as desk:
            return await desk.registry.add(namespace, device_ids, kind=kind)

    added = run_async(work)
    known = [one for one in dict.fromkeys(device_ids) if one not in added]
    if as_json:
        print_json({"added": added, "known": known})
        return
    for device_id in added:
        say(f"{device_id}: registered")
    for device_id in known:
        say(f"{device_id}: was registered already")


@app.command("import")
def import_(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST.csv", help="CSV file to read.")],
    data: Data = None,
    namespace: Namespace = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Register every row of a CSV file, or none of them.

    Columns: deviceId, and if you like type, claimCode, key, keyKind, alias, ratedClicks.
    """

    async def work() -> Any:
        async with open_desk(folder_of(data), create=True) as desk:
            return await desk.registry.import_manifest(namespace, manifest)

    report = run_async(work)
    counts = {
        "added": report.added,
        "known": report.known,
        "keys": report.keys,
        "aliases": report.aliases,
        "claimCodes": report.claim_codes,
    }
    if as_json:
        print_json(counts)
        return
    say(
        f"{report.added} registered, {report.known} were known;"
        f" {report.keys} keys, {report.aliases} aliases, {report.claim_codes} claim codes"
    )


@app.command("list")
def list_(
    data: Data = None,
    namespace: Namespace = DEFAULT,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Buttons that were heard and are not registered.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List registered devices; --unknown: those only heard."""
    run_async(lambda: _list(folder_of(data), namespace, unknown=unknown, as_json=as_json))


async def _list(folder: Path, namespace: str, *, unknown: bool, as_json: bool) -> None:
    async with open_desk(folder) as desk:
        if unknown:
            found = await desk.store.unknown_devices(namespace, limit=_PAGE)
            columns = ("address", "family", "click", "source", "heard", "last heard")
            heard = [
                (u.address, u.family, u.click_type, u.source, u.count, clock_time(u.last_heard_ms))
                for u in found
            ]
            names = ("address", "family", "clickType", "source", "count", "lastHeard")
            _show(columns, names, heard, as_json=as_json)
            return
        devices, after = [], ""
        while page := await desk.registry.devices(namespace, after=after, limit=_PAGE):
            devices += page
            after = page[-1].device_id
    rows = [
        (
            one.device_id,
            one.kind,
            one.claim.state,
            one.claim.owner,
            one.remaining_life,
            one.claim_code,
        )
        for one in devices
    ]
    columns = ("device", "type", "state", "owner", "life", "claim code")
    names = ("deviceId", "type", "state", "owner", "remainingLife", "claimCode")
    _show(columns, names, rows, as_json=as_json)
    if not rows and not as_json:
        say("No device is registered here. Next: clickclaim devices add DEVICE")


def _show(columns: Any, names: Any, rows: Any, *, as_json: bool) -> None:
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        print_table(columns, rows)


@app.command()
def show(
    device_id: DeviceId, data: Data = None, namespace: Namespace = DEFAULT, as_json: AsJson = False
) -> None:
    """Show one device: its claim, aliases and the kinds of its keys."""

    async def work() -> Any:
        async with open_desk(folder_of(data)) as desk:
            return await desk.registry.show(namespace, device_id)

    story = run_async(work)
    device = story.device
    shown: dict[str, Any] = {
        "deviceId": device.device_id,
        "namespace": device.namespace,
        "type": device.kind,
        "state": device.claim.state,
        "owner": device.claim.owner,
        "epoch": device.claim.epoch,
        "enabled": device.enabled,
        "remainingLife": device.remaining_life,
        "clicks": device.clicks,
        "ratedClicks": device.rated_clicks,
        "claimCode": device.claim_code,
        "tags": dict(device.tags),
        "aliases": list(story.aliases),
        "keys": list(story.key_kinds),
    }
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key}={text}" for key, text in value.items())  # noqa: PLW2901
        elif isinstance(value, list):
            value = ", ".join(value)  # noqa: PLW2901
        say(f"{name:<14} {'-' if value in (None, '') else value}")


@app.command()
def alias(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Bluetooth address, USB serial or topic name.")
    ],
    device_id: DeviceId,
    data: Data = None,
    namespace: Namespace = DEFAULT,
) -> None:
    """Let an address mean a device."""

    async def work() -> None:
        async with open_desk(folder_of(data)) as desk:
            await desk.registry.alias(namespace, address, device_id)

    run_async(work)
    say(f"{address} means {device_id} from now on")


@app.command()
def unalias(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The alias to drop.")],
    data: Data = None,
    namespace: Namespace = DEFAULT,
) -> None:
    """Drop an alias."""

    async def work() -> None:
        async with open_desk(folder_of(data)) as desk:
            await desk.registry.unalias(namespace, address)

    run_async(work)
    say(f"{address} is no alias any more")


@app.command()
def key(
    device_id: DeviceId,
    data: Data = None,
    namespace: Namespace = DEFAULT,
    kind: Annotated[
        Literal["hmac", "bthome", "mibeacon"], typer.Option("--kind", help="What the key is for.")
    ] = "hmac",
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="Read the key from here, not from stdin."),
    ] = None,
    test_key: Annotated[
        bool, typer.Option("--test", help="A simulator's key: its clicks count as simulated.")
    ] = False,
    reset_counter: Annotated[
        bool,
        typer.Option("--reset-counter", help="Forget the highest counter, after a new battery."),
    ] = False,
) -> None:
    """Store a device's key, or reset its counter.

    The key is read from stdin or a file, in hex digits: it never stands on a command line.
    With --reset-counter alone, keep the key and forget the counter.
    """
    secret = None if reset_counter and key_file is None else _read_key(kind, key_file)

    async def work() -> None:
        async with open_desk(folder_of(data)) as desk:
            if secret is not None:
                await desk.registry.set_key(namespace, device_id, kind, secret, simulated=test_key)
            if reset_counter:
                await desk.registry.reset_counter(namespace, device_id)

    run_async(work)
    if secret is not None:
        say(f"{device_id}: {kind} key stored")
    if reset_counter:
        say(f"{device_id}: the next counter is taken as new, whatever it is")


def _read_key(kind: Literal["hmac", "bthome", "mibeacon"], key_file: Path | None) -> bytes:
    from orchestrator.claims.device_keys import parse_secret

    if key_file is not None:
        try:
            text = key_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            usage(f"{key_file} cannot be read: {getattr(error, 'strerror', 'not ASCII text')}.")
    elif sys.stdin.isatty():
        import getpass

        text = getpass.getpass(f"{kind} key, in hex digits (not shown): ")
    else:
        text = sys.stdin.read()
    if not text.strip():
        usage("No key was given.", "clickclaim devices key DEVICE --key-file FILE")
    return parse_secret(kind, text.strip())


@app.command()
def release(device_id: DeviceId, data: Data = None, namespace: Namespace = DEFAULT) -> None:
    """End whatever claim a device has, as the operator."""

    async def work() -> str:
        async with open_desk(folder_of(data)) as desk:
            return await desk.registry.release(namespace, device_id)

    before = run_async(work)
    say(f"{device_id}: was {before}, is UNCLAIMED")


@app.command()
def remove(device_id: DeviceId, data: Data = None, namespace: Namespace = DEFAULT) -> None:
    """Forget an unclaimed device, its keys and its aliases."""

    async def work() -> None:
        async with open_desk(folder_of(data)) as desk:
            await desk.registry.remove(namespace, device_id)

    run_async(work)
    say(f"{device_id}: removed")
