"""ClaimDevicesByClaimCode: a whole box of devices in one unit, without a press."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from orchestrator.claims.answers import answer_once
from orchestrator.claims.context import Context, Plan
from orchestrator.claims.views import CodeClaimed
from orchestrator.domain import claims
from orchestrator.domain.attempts import Attempt, Mark, ended
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import CLAIMED, Device
from orchestrator.domain.errors import ClaimCodeRefusedError
from orchestrator.domain.ids import Caller, parse_claim_code
from orchestrator.ports import Fact
from orchestrator.units import AddAttempt, ClaimCode, Op, SwapClaimCode, SwapDevice

# Guessing 80 random bits is hopeless at any rate; this also stops trying codes read off boxes.
FAILED_TRIES: Final = 10
FAILED_TRIES_MS: Final = 10 * 60_000


class FailedTries:
    """When each account last used a claim code in vain."""

    def __init__(self) -> None:
        self._at_ms: dict[tuple[str, str], list[int]] = {}

    def check(self, caller: Caller, now_ms: int) -> None:
        """Refuse an account with too many failed tries of late."""
        who = (caller.namespace, caller.account)
        recent = [at for at in self._at_ms.get(who, ()) if now_ms - at < FAILED_TRIES_MS]
        if recent:
            self._at_ms[who] = recent
        else:
            self._at_ms.pop(who, None)
        if len(recent) >= FAILED_TRIES:
            raise ClaimCodeRefusedError

    def note(self, caller: Caller, now_ms: int) -> None:
        """One more failed try."""
        self._at_ms.setdefault((caller.namespace, caller.account), []).append(now_ms)


async def claim_by_code(
    context: Context, tries: FailedTries, caller: Caller, code: str, invocation: str | None
) -> CodeClaimed:
    """Claim every device of the code, or none."""
    parse_claim_code(code)
    tries.check(caller, context.now_ms(caller.namespace))

    async def decide() -> Plan[CodeClaimed]:
        found = await context.store.claim_code(caller.namespace, code)
        if found is None or found.used_by not in {None, caller.account}:
            raise ClaimCodeRefusedError
        answer = CodeClaimed(claim_code=code, total=len(found.device_ids))
        if found.used_by == caller.account:
            return Plan(answer)
        return await _claim_all(context, caller, found, answer)

    operation = f"ClaimDevicesByClaimCode {code}"
    try:
        return await answer_once(context, caller, operation, invocation, CodeClaimed, decide)
    except ClaimCodeRefusedError:
        tries.note(caller, context.now_ms(caller.namespace))
        raise


async def _claim_all(
    context: Context, caller: Caller, code: ClaimCode, answer: CodeClaimed
) -> Plan[CodeClaimed]:
    now_ms = context.now_ms(caller.namespace)
    ops: list[Op] = []
    facts: list[Fact] = []
    for device_id in code.device_ids:
        device = await context.store.device(caller.namespace, device_id)
        if device is None:
            raise ClaimCodeRefusedError
        device_ops, device_facts = await _claim_one(context, caller, device, now_ms)
        ops += device_ops
        facts += device_facts
    used = replace(code, used_by=caller.account, used_ms=now_ms)
    return Plan(answer, [SwapClaimCode(code, used), *ops], facts)


async def _claim_one(
    context: Context, caller: Caller, device: Device, now_ms: int
) -> tuple[list[Op], list[Fact]]:
    """One device of the box: its pending claim ends, its new attempt is CLAIMED at once."""
    step = claims.claim_by_code(
        device.claim, account=caller.account, attempt_id=context.new_id(), now_ms=now_ms
    )
    if device.claim.state == CLAIMED or step.claim.attempt_id is None:
        return [], []
    endings = await context.end_attempts(step.endings, now_ms)
    opened = Attempt(
        attempt_id=step.claim.attempt_id,
        namespace=device.namespace,
        device_id=device.device_id,
        account=caller.account,
        epoch=step.claim.epoch,
        opened_ms=now_ms,
        deadline_ms=now_ms,
        via="claim-code",
        timeline=(Mark(what="initiated", at_ms=now_ms),),
    )
    attempt = ended(opened, "CLAIMED", "claim code", now_ms)
    after = changed(
        device,
        claim=step.claim,
        tags={},
        attributes={},
        callbacks={},
        enabled=False,
        initiates={},
        last_attempt_deadline_ms=None,
    )
    fact = Fact(
        kind="attempt-ended",
        at_ms=now_ms,
        namespace=device.namespace,
        device_id=device.device_id,
        account=caller.account,
        attempt_id=attempt.attempt_id,
        data={"outcome": "CLAIMED", "reason": attempt.reason, "epoch": attempt.epoch},
    )
    ops: list[Op] = [SwapDevice(device, after), *(swap for swap, _ in endings)]
    return [*ops, AddAttempt(attempt)], [*(fact for _, fact in endings), fact]
