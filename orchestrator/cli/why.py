"""`clickclaim why DEVICE`: what a button is, who tried to claim it, and why that went as it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orchestrator.claims.views import attempt_json
from orchestrator.cli.app import CommandError, new_app, run_async
from orchestrator.cli.events import event_json
from orchestrator.cli.options import DEFAULT, AsJson, Data, Namespace, folder_of
from orchestrator.cli.output import clock_time, print_json, say, seconds
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import CLAIM_INITIATED, CLAIMED, Device
from orchestrator.domain.errors import UnknownDeviceError
from orchestrator.domain.events import DeviceEvent, UnknownDevice
from orchestrator.runtime.folder import Desk, open_desk
from orchestrator.units import AttemptQuery, EventQuery

app = new_app("Tell the story of one button in one screen.")

# What fits a screen of 24 lines together with the heading and the next step.
_LATEST = 6


@dataclass(frozen=True, slots=True)
class _Story:
    device: Device
    aliases: tuple[str, ...]
    key_kinds: tuple[str, ...]
    events: list[DeviceEvent]
    attempts: list[Attempt]
    now_ms: int


@app.command()
def why(
    device_id: Annotated[
        str, typer.Argument(metavar="DEVICE", help="Device id, as on the button.")
    ],
    data: Data = None,
    namespace: Namespace = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Tell the story of one button: its claim, its last clicks, and what to do next."""

    async def work() -> _Story:
        async with open_desk(folder_of(data)) as desk:
            return await _read(desk, namespace, device_id)

    story = run_async(work)
    if as_json:
        print_json(_document(story))
        return
    for line in _heading(story):
        say(line)
    for line in _moments(story):
        say(line)
    say()
    say(f"Next: {_next_step(story)}")


async def _read(desk: Desk, namespace: str, device_id: str) -> _Story:
    try:
        known = await desk.registry.show(namespace, device_id)
    except UnknownDeviceError:
        heard = await desk.store.unknown_devices(namespace, limit=10_000)
        raise _unknown(device_id, heard) from None
    query = EventQuery(namespace=namespace, device_id=device_id, limit=_LATEST, newest_first=True)
    return _Story(
        device=known.device,
        aliases=known.aliases,
        key_kinds=known.key_kinds,
        events=(await desk.store.events(query))[::-1],
        attempts=(
            await desk.store.attempts(
                AttemptQuery(namespace=namespace, device_id=device_id, limit=_LATEST)
            )
        )[::-1],
        now_ms=desk.clock.now_ms(),
    )


def _unknown(device_id: str, heard: list[UnknownDevice]) -> CommandError:
    match = next((one for one in heard if one.address == device_id), None)
    if match is None:
        return CommandError(
            f"No device {device_id} is registered here, and no click of it was ever heard.",
            f"clickclaim devices add {device_id}",
        )
    return CommandError(
        f"{device_id} is not registered. It was heard {match.count} times, last at"
        f" {clock_time(match.last_heard_ms)} by {match.source}: {match.click_type}.",
        f"clickclaim devices add {device_id}",
    )


def _heading(story: _Story) -> list[str]:
    device = story.device
    lines = [f"{device.device_id}  ({device.kind}, namespace {device.namespace})"]
    claim = device.claim
    if claim.state == CLAIMED:
        lines.append(f"  CLAIMED by account {claim.owner}, epoch {claim.epoch}")
    elif claim.state == CLAIM_INITIATED and claim.deadline_ms is not None:
        left_ms = claim.deadline_ms - story.now_ms
        pressed = "pressed, not finalized" if claim.click_event_id else "not pressed yet"
        left = f"{seconds(left_ms)} left" if left_ms > 0 else "its window is over"
        lines.append(f"  CLAIM_INITIATED by account {claim.owner}: {pressed}, {left}")
    else:
        lines.append("  UNCLAIMED")
    keys = ", ".join(story.key_kinds) or "none"
    aliases = ", ".join(story.aliases) or "none"
    lines.append(f"  remaining life {device.remaining_life}; keys: {keys}; aliases: {aliases}")
    return lines


def _moments(story: _Story) -> list[str]:
    """Attempts and clicks in the order in which they happened."""
    moments: list[tuple[int, str]] = []
    for attempt in story.attempts:
        end = attempt.outcome or "open"
        reason = f": {attempt.reason}" if attempt.reason else ""
        moments.append((attempt.opened_ms, f"claim by {attempt.account}, {end}{reason}"))
    for event in story.events:
        repeats = f", {event.repeats} repeats" if event.repeats else ""
        text = (
            f"{event.click_type} click, {event.disposition}: {event.reason}"
            f" ({event.source}{repeats})"
        )
        moments.append((event.received_ms, text))
    moments.sort(key=lambda one: one[0])
    if not moments:
        return ["", "  Nobody has tried to claim it, and no click of it was heard."]
    return ["", *(f"  {clock_time(at_ms)}  {text}" for at_ms, text in moments[-2 * _LATEST :])]


def _next_step(story: _Story) -> str:
    device = story.device
    device_id, claim = device.device_id, device.claim
    last = story.events[-1].disposition if story.events else None
    if claim.state == CLAIMED:
        return f"its owner can unclaim it; the operator: clickclaim devices release {device_id}"
    if claim.state == CLAIM_INITIATED and claim.click_event_id is None:
        return "press the button now"
    if claim.state == CLAIM_INITIATED:
        return "its claim was pressed: finalize it before the window ends"
    if last == "REPLAYED":
        return f"after a new battery: clickclaim devices key {device_id} --reset-counter"
    if last == "EVIDENCE_TOO_WEAK":
        return f"give the button a key: clickclaim devices key {device_id}"
    if last == "SIMULATED_REFUSED":
        return "press the real button, or use --profile dev"
    return f"clickclaim claim {device_id}, then press the button within the window"


def _document(story: _Story) -> dict[str, Any]:
    claim = story.device.claim
    return {
        "deviceId": story.device.device_id,
        "namespace": story.device.namespace,
        "state": claim.state,
        "owner": claim.owner,
        "epoch": claim.epoch,
        "deadlineMs": claim.deadline_ms,
        "pressed": claim.click_event_id is not None,
        "remainingLife": story.device.remaining_life,
        "aliases": list(story.aliases),
        "keys": list(story.key_kinds),
        "attempts": [attempt_json(one) for one in story.attempts],
        "events": [event_json(one) for one in story.events],
        "next": _next_step(story),
    }
