"""`clickclaim record`: raw frames into a file that `replay:` plays again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.app import UNUSABLE, CommandError, new_app, run_async, usage
from orchestrator.cli.options import AsJson, Sources
from orchestrator.cli.output import note, print_json, say

app = new_app("Keep raw frames in a file, to play them again.")


@app.command()
def record(
    file: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="File to write.")],
    source: Sources = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="How long; else until Ctrl-C.")
    ] = None,
    text: Annotated[str, typer.Option("--note", help="A word for whoever reads it.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write every frame that is heard, with its time, until Ctrl-C. Keys are never written."""
    if not source:
        usage(
            "Nothing to record: no source is given.",
            f"clickclaim record {file} --source serial:/dev/ttyACM0",
        )
    if file.exists() and not overwrite:
        usage(f"{file} exists already.", "add --overwrite, or choose another name")
    specs = tuple(source)
    frames = run_async(lambda: _record(file, specs, seconds, text))
    if as_json:
        print_json({"file": str(file), "frames": frames})
    else:
        say(f"{frames} frames in {file}")
        say(f"Next: clickclaim watch --source replay:{file}")


async def _record(file: Path, specs: tuple[str, ...], seconds: float | None, text: str) -> int:
    from hardware.capture import CaptureWriter
    from hardware.supervisor import Supervisor
    from orchestrator.clocks import WallClock
    from orchestrator.runtime.sources import open_ear

    clock = WallClock()
    sources = [open_ear(spec, clock=clock, on_notice=note) for spec in specs]
    try:
        writer = CaptureWriter(file, started_ms=clock.now_ms(), note=text)
    except OSError as error:
        raise CommandError(
            f"{file} cannot be written: {error.strerror}.", "choose another file", UNUSABLE
        ) from None

    async def hear(supervisor: Supervisor) -> None:
        async for frame in supervisor.frames():
            writer.add(frame)
            await supervisor.acknowledge(frame)

    with writer:
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for source in sources:
                    supervisor = Supervisor(
                        source, clock=clock, on_state=lambda change: _say(change.spec, change.now)
                    )
                    group.create_task(hear(supervisor), name=f"source {source.spec}")
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            # Ctrl-C is how a recording usually ends.
            note(f"{writer.frames} frames in {file}")
            raise SystemExit(0) from None
    return writer.frames


def _say(spec: str, now: object) -> None:
    note(f"{spec} is {getattr(now, 'state', '?')}")
