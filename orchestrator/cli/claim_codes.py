"""`clickclaim claim-codes`: codes that claim a whole box of buttons without presses."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.app import new_app, run_async
from orchestrator.cli.options import DEFAULT, AsJson, Data, Namespace, folder_of
from orchestrator.cli.output import clock_time, print_json, print_table, say
from orchestrator.runtime.folder import open_desk
from orchestrator.units import ClaimCode

app = new_app("Codes that claim a box of buttons at once, without presses.", group=True)


@app.command()
def create(
    device_ids: Annotated[list[str], typer.Argument(metavar="DEVICE...", help="The box.")],
    data: Data = None,
    namespace: Namespace = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make a code for registered devices."""

    async def work() -> str:
        async with open_desk(folder_of(data)) as desk:
            return await desk.registry.create_claim_code(namespace, device_ids)

    code = run_async(work)
    if as_json:
        print_json({"claimCode": code, "deviceIds": list(dict.fromkeys(device_ids))})
    else:
        say(code)


@app.command("list")
def list_(data: Data = None, namespace: Namespace = DEFAULT, as_json: AsJson = False) -> None:
    """List the codes and who has used them."""

    async def work() -> list[ClaimCode]:
        async with open_desk(folder_of(data)) as desk:
            return await desk.store.claim_codes(namespace)

    codes = run_async(work)
    if as_json:
        print_json(
            [
                {
                    "claimCode": one.code,
                    "deviceIds": list(one.device_ids),
                    "createdMs": one.created_ms,
                    "usedBy": one.used_by,
                    "usedMs": one.used_ms,
                }
                for one in codes
            ]
        )
    elif codes:
        print_table(
            ("code", "devices", "created", "used by"),
            [
                (one.code, " ".join(one.device_ids), clock_time(one.created_ms), one.used_by or "-")
                for one in codes
            ],
        )
    else:
        say("There is no claim code. Next: clickclaim claim-codes create DEVICE...")
