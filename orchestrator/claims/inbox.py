"""The click inbox: one click in, one disposition out, committed with all that follows from it."""

from __future__ import annotations

from orchestrator.claims.context import Context, Plan
from orchestrator.claims.deadlines import timed_out
from orchestrator.claims.deliveries import callback_deliveries
from orchestrator.domain import claims, dispositions
from orchestrator.domain.attempts import with_mark
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import Device
from orchestrator.domain.events import (
    DISPOSITIONS,
    ClickHeard,
    DeviceEvent,
    Judgement,
    RepeatRule,
    UnknownDevice,
)
from orchestrator.ports import Fact
from orchestrator.units import AddEvent, CountRepeat, NoteUnknown, Op, SwapAttempt, SwapDevice


async def receive(context: Context, heard: ClickHeard, rule: RepeatRule) -> DeviceEvent:
    """Judge a click and commit what follows. When this returns, the click is on record."""

    async def decide() -> Plan[DeviceEvent]:
        device = await context.store.device(heard.namespace, heard.device_id)
        if device is None:
            return _unknown(context, heard)
        judgement = rule(device.repeats, heard)
        verdict = dispositions.judge(
            device.claim,
            heard,
            judgement,
            context.settings.clicks,
            last_deadline_ms=device.last_attempt_deadline_ms,
        )
        if verdict.disposition == "DUPLICATE" and device.last_event_id is not None:
            return await _repeat(context, heard, device, judgement)
        event = _event(context, heard, device, verdict)
        return await _recorded(context, heard, device, judgement, event)

    return await context.change(decide)


async def note_unknown(context: Context, unknown: UnknownDevice) -> None:
    """Remember a button that is heard and not registered."""
    await context.store.unit([NoteUnknown(unknown, keep=context.settings.unknown_devices_kept)])


async def _recorded(
    context: Context, heard: ClickHeard, device: Device, judgement: Judgement, event: DeviceEvent
) -> Plan[DeviceEvent]:
    """A click with an event row of its own; MATCHED moves the claim and its attempt."""
    counted = judgement.verdict == "NEW" and event.disposition != "STALE"
    over, ends, told = await _over(context, device, heard)
    after = changed(
        over,
        repeats=judgement.state,
        clicks=device.clicks + counted,
        last_event_id=event.event_id if counted else device.last_event_id,
    )
    if counted and heard.remaining_life is not None:
        after = changed(after, reported_life=heard.remaining_life)
    event = changed(event, remaining_life=after.remaining_life)
    ops: list[Op] = [*ends]
    if event.disposition == "MATCHED":
        after, swap = await _pressed(context, heard, after, event)
        ops.append(swap)
    ops = [SwapDevice(device, after), *ops, AddEvent(event)]
    if event.disposition == "DELIVERED":
        ops += callback_deliveries(context, device, after, event)
    return Plan(event, ops, [_fact(device, event), *told])


async def _over(
    context: Context, device: Device, heard: ClickHeard
) -> tuple[Device, list[SwapAttempt], list[Fact]]:
    """The device with its claim ended, if its window was over when this click came.

    The timer ends it as well, and loses to each click that swaps the device first: a button that
    talks without pause would keep its own claim open.
    """
    over, endings = timed_out(device, heard.received_ms)
    ended = await context.end_attempts(endings, context.now_ms(device.namespace))
    return over, [swap for swap, _ in ended], [fact for _, fact in ended]


async def _pressed(
    context: Context, heard: ClickHeard, device: Device, event: DeviceEvent
) -> tuple[Device, SwapAttempt]:
    """The click that counts: on the claim and on its attempt's timeline."""
    step = claims.click(
        device.claim,
        event_id=event.event_id,
        received_ms=heard.received_ms,
        finalize_ms=context.settings.finalize_ms,
    )
    if step.claim.attempt_id is None or step.claim.deadline_ms is None:
        raise AssertionError("a claim that waits for its click has an attempt and a deadline")
    before = await context.open_attempt(step.claim.attempt_id)
    attempt = with_mark(
        before,
        "click",
        heard.received_ms,
        eventId=event.event_id,
        clickType=heard.click_type,
        source=heard.source,
        family=heard.family,
        heardBy=heard.evidence.heard_by,
        authenticated=heard.evidence.authenticated,
        simulated=heard.evidence.simulated,
    )
    attempt = changed(
        attempt, deadline_ms=step.claim.deadline_ms, simulated=heard.evidence.simulated
    )
    return changed(device, claim=step.claim, initiates={}), SwapAttempt(before, attempt)


async def _repeat(
    context: Context, heard: ClickHeard, device: Device, judgement: Judgement
) -> Plan[DeviceEvent]:
    """A further frame of the last press: counted on its row."""
    event = _event(
        context,
        heard,
        device,
        dispositions.Verdict("DUPLICATE", DISPOSITIONS["DUPLICATE"]),
    )
    over, ends, told = await _over(context, device, heard)
    ops: list[Op] = [*ends]
    if ends or judgement.state != device.repeats:
        ops.append(SwapDevice(device, changed(over, repeats=judgement.state)))
    if device.last_event_id is not None:
        ops.append(CountRepeat(device.last_event_id, heard.received_ms))
    return Plan(event, ops, [_fact(device, event), *told])


def _unknown(context: Context, heard: ClickHeard) -> Plan[DeviceEvent]:
    """A click of a device that nobody has registered: the last one and a count are kept."""
    event = _event(
        context,
        heard,
        Device(namespace=heard.namespace, device_id=heard.device_id),
        dispositions.Verdict("UNKNOWN_DEVICE", DISPOSITIONS["UNKNOWN_DEVICE"]),
    )
    unknown = UnknownDevice(
        namespace=heard.namespace,
        address=heard.device_id,
        family=heard.family,
        click_type=heard.click_type,
        source=heard.source,
        first_heard_ms=heard.received_ms,
        last_heard_ms=heard.received_ms,
    )
    note = NoteUnknown(unknown, keep=context.settings.unknown_devices_kept)
    return Plan(event, [note], [_fact(None, event)])


def _event(
    context: Context, heard: ClickHeard, device: Device, verdict: dispositions.Verdict
) -> DeviceEvent:
    return DeviceEvent(
        event_id=context.new_id(),
        namespace=heard.namespace,
        device_id=heard.device_id,
        click_type=heard.click_type,
        received_ms=heard.received_ms,
        disposition=verdict.disposition,
        reason=verdict.reason,
        evidence=heard.evidence,
        source=heard.source,
        family=heard.family,
        press_id=heard.press_id,
        epoch=device.claim.epoch,
        attempt_id=device.claim.attempt_id if device.claim.owner is not None else None,
        remaining_life=device.remaining_life,
        reported_ms=heard.reported_ms,
        certificate_id=heard.certificate_id,
        test_mode=heard.test_mode,
    )


def _fact(device: Device | None, event: DeviceEvent) -> Fact:
    """The fact of a click: for the account that claims or owns the device."""
    return Fact(
        kind="click",
        at_ms=event.received_ms,
        namespace=event.namespace,
        device_id=event.device_id,
        account=device.claim.owner if device is not None else None,
        attempt_id=event.attempt_id,
        data={
            "clickType": event.click_type,
            "disposition": event.disposition,
            "reason": event.reason,
            "source": event.source,
            "family": event.family,
            "epoch": event.epoch,
        },
    )
