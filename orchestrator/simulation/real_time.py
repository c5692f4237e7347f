"""How long a claim was really open, by the world's time: no clock of any machine is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.claims import STOPPED_WAITING
from orchestrator.ports import Store
from orchestrator.simulation.truth import broken
from orchestrator.units import AddAttempt, AttemptQuery, Op, SwapAttempt

# A commit is acknowledged this much after its claim was decided: on a slow disk, behind others, on
# files that another process has locked for ten seconds. Wall clocks are set by up to an hour.
_SLACK_MS: Final = 15_000
_ALL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Begun:
    """When the opening of an attempt was acknowledged, and in which life of its service."""

    life: str
    at_ms: int


class RealTime:
    """Holds every window that was opened and closed in one life of a service to its length."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._begun: dict[str, _Begun] = {}

    def committed(self, life: str, ops: Sequence[Op]) -> None:
        """These were acknowledged now. InvariantError when a window ended too early."""
        for op in ops:
            if isinstance(op, AddAttempt) and op.attempt.outcome is None:
                self._begun[op.attempt.attempt_id] = _Begun(life, self._now_ms())
            elif isinstance(op, SwapAttempt) and op.after.outcome is not None:
                lasted_ms = self._lasted_ms(life, op.after)
                if lasted_ms is not None and _by_deadline(op.after):
                    left_ms = op.after.deadline_ms - op.after.opened_ms - lasted_ms
                    if left_ms > _SLACK_MS:
                        broken(4, "{} timed out {} ms early", op.after.attempt_id, left_ms)

    async def check_open(self, life: str, store: Store, grace_ms: int) -> None:
        """While a service is well: none of its windows is open for longer than it may be."""
        for attempt in await store.attempts(AttemptQuery(open_only=True, limit=_ALL)):
            lasted_ms = self._lasted_ms(life, attempt)
            if lasted_ms is not None:
                over_ms = lasted_ms - (attempt.deadline_ms - attempt.opened_ms)
                if over_ms > grace_ms:
                    broken(4, "{} is open {} ms too long", attempt.attempt_id, over_ms)

    def _lasted_ms(self, life: str, attempt: Attempt) -> int | None:
        """None when it was opened in another life, by what may have been another time."""
        begun = self._begun.get(attempt.attempt_id)
        return None if begun is None or begun.life != life else self._now_ms() - begun.at_ms


def _by_deadline(attempt: Attempt) -> bool:
    return attempt.outcome == "TIMED_OUT" and attempt.reason != STOPPED_WAITING
