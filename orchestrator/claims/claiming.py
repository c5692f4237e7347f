"""InitiateDeviceClaim, FinalizeDeviceClaim, UnclaimDevice: the claim's three steps, committed."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.claims.answers import answer_once
from orchestrator.claims.context import Context, Plan, attempt_ended
from orchestrator.claims.tags import check_tags
from orchestrator.domain import claims
from orchestrator.domain.attempts import Attempt, Mark, ended, with_mark
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import CLAIMED, Claim, Device, Initiates
from orchestrator.domain.errors import (
    RefusedError,
    TakenError,
    TooManyInitiatesError,
    UnknownDeviceError,
)
from orchestrator.domain.ids import Caller, parse_device_id
from orchestrator.domain.removed import going_on, note_name
from orchestrator.ports import Fact, Initiated
from orchestrator.units import AddAttempt, AddDevice, Op, SwapAttempt, SwapDevice


async def initiate(
    context: Context, caller: Caller, device_id: str, invocation: str | None
) -> Initiated:
    """Open the window; see the situation table for every answer."""
    parse_device_id(device_id)

    async def decide() -> Plan[Initiated]:
        now_ms = context.now_ms(caller.namespace)
        device = await _device_to_initiate(context, caller, device_id, now_ms)
        step = claims.initiate(
            device.claim,
            device_id=device_id,
            account=caller.account,
            attempt_id=context.new_id(),
            window_ms=context.settings.claim_window_ms,
            now_ms=now_ms,
        )
        counts = claims.count_initiate(
            device.initiates, device_id=device_id, account=caller.account, now_ms=now_ms
        )
        return await _opened(context, device, step, counts, caller, invocation, now_ms)

    try:
        return await answer_once(
            context, caller, f"InitiateDeviceClaim {device_id}", invocation, Initiated, decide
        )
    except (TakenError, TooManyInitiatesError) as error:
        await _record_refusal(context, caller, device_id, invocation, error)
        raise


async def finalize(
    context: Context,
    caller: Caller,
    device_id: str,
    tags: Mapping[str, str] | None,
    if_epoch: int | None,
    invocation: str | None,
) -> str:
    """Take the device over, if its button was pressed in this window."""
    parse_device_id(device_id)
    kept_tags = check_tags({}, tags or {})

    async def decide() -> Plan[str]:
        now_ms = context.now_ms(caller.namespace)
        device = await context.store.device(caller.namespace, device_id)
        if device is None:
            raise UnknownDeviceError
        step = claims.finalize(
            device.claim,
            device_id=device_id,
            account=caller.account,
            if_epoch=if_epoch,
            now_ms=now_ms,
        )
        ended_attempts = await context.end_attempts(step.endings, now_ms)
        after = changed(
            device,
            claim=step.claim,
            tags=kept_tags,
            attributes={},
            callbacks={},
            enabled=False,
            initiates={},
            last_attempt_deadline_ms=None,
        )
        return Plan(
            step.claim.state,
            [SwapDevice(device, after), *(swap for swap, _ in ended_attempts)],
            [fact for _, fact in ended_attempts],
        )

    return await answer_once(
        context, caller, f"FinalizeDeviceClaim {device_id}", invocation, str, decide
    )


async def unclaim(
    context: Context,
    caller: Caller,
    device_id: str,
    if_epoch: int | None,
    if_state: str | None,
    reason: str,
    invocation: str | None,
) -> str:
    """Give up a claimed device, or the caller's own claim in progress."""
    parse_device_id(device_id)

    async def decide() -> Plan[str]:
        now_ms = context.now_ms(caller.namespace)
        device = await context.store.device(caller.namespace, device_id)
        if device is None:
            raise UnknownDeviceError
        step = claims.unclaim(
            device.claim,
            device_id=device_id,
            account=caller.account,
            if_epoch=if_epoch,
            if_state=if_state,
            now_ms=now_ms,
            reason=reason or "unclaimed",
        )
        return await released(context, device, step, now_ms)

    return await answer_once(context, caller, f"UnclaimDevice {device_id}", invocation, str, decide)


async def released(context: Context, device: Device, step: claims.Step, now_ms: int) -> Plan[str]:
    """What it takes to give a device up: everything its owner set is gone."""
    ended_attempts = await context.end_attempts(step.endings, now_ms)
    ops: list[Op] = [SwapDevice(device, as_unclaimed(device, step.claim))]
    ops += [swap for swap, _ in ended_attempts]
    facts = [fact for _, fact in ended_attempts]
    if device.claim.state == CLAIMED and device.claim.attempt_id is not None:
        attempt = await context.store.attempt(device.claim.attempt_id)
        if attempt is not None:
            marked = changed(with_mark(attempt, "released", now_ms), released_ms=now_ms)
            ops.append(SwapAttempt(attempt, marked))
        facts.append(
            Fact(
                kind="device-unclaimed",
                at_ms=now_ms,
                namespace=device.namespace,
                device_id=device.device_id,
                account=device.claim.owner,
                attempt_id=device.claim.attempt_id,
            )
        )
    return Plan(step.claim.state, ops, facts)


def as_unclaimed(device: Device, claim: Claim) -> Device:
    """The device without anything that an owner set."""
    return changed(device, claim=claim, tags={}, attributes={}, callbacks={}, enabled=False)


async def _device_to_initiate(
    context: Context, caller: Caller, device_id: str, now_ms: int
) -> Device:
    device = await context.store.device(caller.namespace, device_id)
    if device is not None:
        return device
    if not context.settings.register_on_initiate:
        raise UnknownDeviceError
    new = Device(namespace=caller.namespace, device_id=device_id, registered_ms=now_ms)
    return going_on(new, await context.store.meta(note_name(caller.namespace, device_id)))


async def _opened(
    context: Context,
    device: Device,
    step: claims.Step,
    counts: dict[str, Initiates],
    caller: Caller,
    invocation: str | None,
    now_ms: int,
) -> Plan[Initiated]:
    """The plan that opens the window and, before that, ends what was open."""
    claim = step.claim
    if claim.attempt_id is None or claim.deadline_ms is None:
        raise AssertionError("initiate opens an attempt with a deadline")
    ended_attempts = await context.end_attempts(step.endings, now_ms)
    attempt = Attempt(
        attempt_id=claim.attempt_id,
        namespace=device.namespace,
        device_id=device.device_id,
        account=caller.account,
        epoch=claim.epoch,
        opened_ms=now_ms,
        deadline_ms=claim.deadline_ms,
        invocation=invocation,
        timeline=(Mark(what="initiated", at_ms=now_ms),),
    )
    after = changed(device, claim=claim, initiates=counts, last_attempt_deadline_ms=None)
    stored: Op = SwapDevice(device, after) if device.version else AddDevice(after)
    begun = Fact(
        kind="claim-initiated",
        at_ms=now_ms,
        namespace=device.namespace,
        device_id=device.device_id,
        account=caller.account,
        attempt_id=attempt.attempt_id,
        data={"epoch": claim.epoch, "deadlineMs": claim.deadline_ms},
    )
    answer = Initiated(
        state=claim.state,
        epoch=claim.epoch,
        attempt_id=attempt.attempt_id,
        deadline_ms=claim.deadline_ms,
        window_ms=context.settings.claim_window_ms,
    )
    return Plan(
        answer,
        [stored, *(swap for swap, _ in ended_attempts), AddAttempt(attempt)],
        [*(fact for _, fact in ended_attempts), begun],
    )


async def _record_refusal(
    context: Context,
    caller: Caller,
    device_id: str,
    invocation: str | None,
    error: RefusedError,
) -> None:
    """An attempt that was refused is on record too, with its reason."""
    now_ms = context.now_ms(caller.namespace)
    reason = "claimed or being claimed" if isinstance(error, TakenError) else "initiated in vain"
    attempt = Attempt(
        attempt_id=context.new_id(),
        namespace=caller.namespace,
        device_id=device_id,
        account=caller.account,
        epoch=0,
        opened_ms=now_ms,
        deadline_ms=now_ms,
        invocation=invocation,
        timeline=(Mark(what="initiated", at_ms=now_ms),),
    )
    refused = ended(attempt, "REFUSED", reason, now_ms)
    await context.store.unit([AddAttempt(refused)])
    context.tell(attempt_ended(refused))
