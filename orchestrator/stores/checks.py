"""Faults of ours that a store refuses before it touches a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from orchestrator.stores.rows import attempt_key
from orchestrator.units import Op, SwapAttempt, SwapClaimCode, SwapDevice


def check_unit(ops: Sequence[Op]) -> None:
    """ValueError for a swap of one thing against another: no caller can mean that."""
    for op in ops:
        same = _SAME.get(type(op))
        if same is not None and not same(op):
            raise ValueError(f"a swap of two different things: {op}")


def _same_device(op: SwapDevice) -> bool:
    before, after = op.before, op.after
    return before.device_id == after.device_id and before.namespace == after.namespace


def _same_attempt(op: SwapAttempt) -> bool:
    return bool(attempt_key(op.before) == attempt_key(op.after))


def _same_claim_code(op: SwapClaimCode) -> bool:
    before, after = op.before, op.after
    return before.code == after.code and before.namespace == after.namespace


_SAME: Final[dict[type[Any], Callable[[Any], bool]]] = {
    SwapDevice: _same_device,
    SwapAttempt: _same_attempt,
    SwapClaimCode: _same_claim_code,
}
