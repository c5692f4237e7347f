"""`clickclaim demo`: a whole claim on this machine in a few seconds, and what to try next."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from orchestrator.cli.app import FAILED, new_app, run_async
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import print_json, say
from orchestrator.cli.timeline import attempt_document, print_attempt
from orchestrator.domain.attempts import Attempt

app = new_app("Claim a simulated button, start to finish, in a few seconds.")

# In the form of the ids that were printed on real ones.
_DEVICE: Final = "G030DEMO00000001"
# Somebody reads along: so long between one line and the next.
_READING_PAUSE_S: Final = 0.6

_NEXT: Final = f"""
Next, in two terminals:
  clickclaim serve --mqtt embedded:1883
  clickclaim claim {_DEVICE} --service http://127.0.0.1:8080
and press the button from a third:
  clickclaim press {_DEVICE} --mqtt mqtt://127.0.0.1:1883/
With a real button in hand: clickclaim buttons
"""


@app.command()
def demo(
    quick: Annotated[bool, typer.Option("--quick", help="Without pauses for a reader.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a service and a broker, press a simulated button over MQTT, claim it over HTTP.

    Everything lies in a folder that is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="clickclaim-demo-") as folder:
        attempt = run_async(lambda: _demo(Path(folder), quick=quick or as_json, as_json=as_json))
    claimed = attempt.outcome == "CLAIMED"
    if as_json:
        code = 0 if claimed else FAILED
        claim_id = attempt.invocation or ""
        print_json(attempt_document(attempt, claim_id=claim_id, exit_code=code))
    elif claimed:
        say(_NEXT.rstrip())
    raise SystemExit(0 if claimed else FAILED)


async def _demo(folder: Path, *, quick: bool, as_json: bool) -> Attempt:
    from orchestrator.flow import ClickCounted, WindowOpened, claim_device
    from orchestrator.remote import RemoteClaims
    from orchestrator.runtime.serving import BrokerChoice, HttpAddress, serving
    from orchestrator.settings import for_profile

    async def tell(text: str) -> None:
        if not as_json:
            say(text)
        if not quick:
            await asyncio.sleep(_READING_PAUSE_S)

    opened = asyncio.Event()

    def told(progress: Any) -> None:
        if isinstance(progress, WindowOpened):
            opened.set()
        if isinstance(progress, ClickCounted) and not as_json:
            say("4. The service matched the click to the claim; now it can be finalized.")

    async with serving(
        for_profile("demo"),
        folder,
        http=HttpAddress("127.0.0.1", 0),
        broker=BrokerChoice(embedded_port=0),
    ) as running:
        await tell(f"1. A claim service answers at {running.http}, its broker at {running.mqtt}")
        async with RemoteClaims(running.http) as api:
            claim = asyncio.create_task(
                claim_device(
                    api,
                    _DEVICE,
                    claim_id="demo",
                    clock=running.service.clock,
                    tags={"made-by": "demo"},
                    on_progress=told,
                ),
                name="claim",
            )
            waiting = asyncio.create_task(opened.wait(), name="window")
            await asyncio.wait({claim, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            await tell(f"2. InitiateDeviceClaim for button {_DEVICE}: 120 s to press it.")
            if not claim.done():
                await _press(running.mqtt, folder)
                await tell("3. A simulated button was clicked; MQTT carried the click (QoS 1).")
            attempt = await claim
    if not as_json:
        say("5. FinalizeDeviceClaim, and the record, durable before it was answered:")
        say()
        print_attempt(attempt)
    return attempt


async def _press(mqtt: str, folder: Path) -> None:
    from firmware_sim.links.mqtt import press

    # A slot of its own: the demonstration leaves no trace in the user's folders.
    await press(mqtt, _DEVICE, state_folder=folder / "button")
