"""`clickclaim decode`: what the frames of a capture or a vectors file mean, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.app import CommandError, new_app, run_async, usage
from orchestrator.cli.options import DEFAULT, AsJson, Data, Namespace, folder_of
from orchestrator.cli.output import print_json, print_table

app = new_app("Say what the frames in a file mean.")


@app.command()
def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Capture or vectors file.")],
    with_keys: Annotated[
        bool, typer.Option("--keys", help="Open encrypted frames with the data folder's keys.")
    ] = False,
    data: Data = None,
    namespace: Namespace = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Print a line for each frame: what it says, and whether it could make a claim."""
    from hardware.capture import CaptureError
    from hardware.vectors import decode_file

    keys = run_async(lambda: _keys(folder_of(data), namespace)) if with_keys else None
    try:
        rows = list(decode_file(file, keys))
    except CaptureError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    if as_json:
        for row in rows:
            print_json(row.to_json())
        return
    columns = ("id", "accept", "valid", "device", "click", "battery", "counter", "auth", "reason")
    print_table(
        columns,
        [
            (
                row.id,
                _word(row.accept),
                _word(row.frame_valid),
                row.device_id or "-",
                row.click_type or ("several" if row.buttons else "-"),
                row.battery,
                " ".join(f"{name}={value}" for name, value in (row.counter or {}).items()),
                _word(row.authenticated),
                row.reason,
            )
            for row in rows
        ],
    )


def _word(value: bool | str) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else value


async def _keys(folder: Path, namespace: str) -> Any:
    from orchestrator.runtime.folder import open_desk
    from orchestrator.runtime.keys import all_keys

    async with open_desk(folder) as desk:
        return await all_keys(desk.store, namespace)
