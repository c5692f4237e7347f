"""`clickclaim keys`: who may call the service."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.app import new_app, run_async
from orchestrator.cli.options import DEFAULT, AsJson, Data, Namespace, folder_of
from orchestrator.cli.output import clock_time, print_json, print_table, say
from orchestrator.runtime.folder import open_desk
from orchestrator.units import AccessKey

app = new_app("Access keys of those who may call the service.", group=True)


@app.command()
def create(
    data: Data = None,
    namespace: Namespace = DEFAULT,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="DIGITS", help="An account that exists; else a new one."),
    ] = None,
    label: Annotated[str, typer.Option("--label", help="What you will know it by.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an access key. Its secret is shown now and never again."""

    async def work() -> AccessKey:
        async with open_desk(folder_of(data), create=True) as desk:
            return await desk.access.create(namespace, account, label)

    key = run_async(work)
    if as_json:
        print_json(
            {
                "accessKeyId": key.access_key,
                "secretAccessKey": key.secret,
                "account": key.account,
                "namespace": key.namespace,
                "label": key.label,
            }
        )
        return
    say(f"export AWS_ACCESS_KEY_ID={key.access_key}")
    say(f"export AWS_SECRET_ACCESS_KEY={key.secret}")
    say(f"# account {key.account}, namespace {key.namespace}; the secret is not shown again")


@app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""

    async def work() -> list[AccessKey]:
        async with open_desk(folder_of(data)) as desk:
            return await desk.access.list()

    keys = run_async(work)
    if as_json:
        print_json(
            [
                {
                    "accessKeyId": one.access_key,
                    "account": one.account,
                    "namespace": one.namespace,
                    "label": one.label,
                    "createdMs": one.created_ms,
                    "revokedMs": one.revoked_ms,
                }
                for one in keys
            ]
        )
    elif keys:
        print_table(
            ("key", "account", "namespace", "label", "created", "revoked"),
            [
                (
                    one.access_key,
                    one.account,
                    one.namespace,
                    one.label,
                    clock_time(one.created_ms),
                    "-" if one.revoked_ms is None else clock_time(one.revoked_ms),
                )
                for one in keys
            ],
        )
    else:
        say("There is no access key. Next: clickclaim keys create")


@app.command()
def revoke(
    access_key: Annotated[str, typer.Argument(metavar="KEY", help="Access key id.")],
    data: Data = None,
) -> None:
    """Let a key open nothing any more.

    What its account owns stays its own.
    """

    async def work() -> AccessKey:
        async with open_desk(folder_of(data)) as desk:
            return await desk.access.revoke(access_key)

    key = run_async(work)
    say(f"{key.access_key}: revoked")
