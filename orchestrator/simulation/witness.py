"""Stands beside a service and holds each answer to what is on record at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from orchestrator.claims.local import LocalClaims
from orchestrator.claims.service import ClaimService
from orchestrator.claims.views import CodeClaimed
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.devices import CLAIMED
from orchestrator.domain.ids import Caller
from orchestrator.ports import Fact, FrameReceipt, Initiated, Store
from orchestrator.simulation.truth import InvariantError, broken
from orchestrator.units import AttemptQuery

_ALL = 1_000_000


class WitnessedClaims:
    """ports.ClaimApi of one caller in process, and claim codes; ``fail`` is told of a lie.

    An answer that says done is held to the store: what it says is there, and was not done by a
    caller who was late. ``store`` is read without the service knowing.
    """

    def __init__(
        self,
        api: LocalClaims,
        service: ClaimService,
        store: Store,
        caller: Caller,
        fail: Callable[[InvariantError], None],
    ) -> None:
        self._api = api
        self._service = service
        self._store = store
        self._caller = caller
        self._fail = fail

    async def initiate(self, device_id: str, *, invocation: str) -> Initiated:
        """As ``ClaimApi.initiate``."""
        answer = await self._api.initiate(device_id, invocation=invocation)
        found = await self._store.attempt(answer.attempt_id)
        self._hold(3, found is not None, "{} was answered and is not on record", answer)
        return answer

    async def finalize(
        self,
        device_id: str,
        *,
        tags: Mapping[str, str] | None,
        if_epoch: int,
        invocation: str,
    ) -> str:
        """As ``ClaimApi.finalize``."""
        asked = (f"FinalizeDeviceClaim {device_id}", invocation)
        over = await self._outcome(device_id, if_epoch) and not await self._answered(*asked)
        answer = await self._api.finalize(
            device_id, tags=tags, if_epoch=if_epoch, invocation=invocation
        )
        self._hold(4, not over, "{}, epoch {}: finalized after it had ended", device_id, if_epoch)
        outcome = await self._outcome(device_id, if_epoch)
        self._hold(
            3, outcome == CLAIMED, "{}, epoch {}: told CLAIMED, {}", device_id, if_epoch, outcome
        )
        return answer

    async def unclaim(
        self,
        device_id: str,
        *,
        if_epoch: int | None,
        if_state: str | None,
        reason: str = "",
        invocation: str,
    ) -> str:
        """As ``ClaimApi.unclaim``."""
        over = if_epoch is not None and await self._is_given_up(device_id, if_epoch)
        late = over and not await self._answered(f"UnclaimDevice {device_id}", invocation)
        answer = await self._api.unclaim(
            device_id, if_epoch=if_epoch, if_state=if_state, reason=reason, invocation=invocation
        )
        self._hold(1, not late, "{}, epoch {}: unclaimed what had moved on", device_id, if_epoch)
        if if_epoch is not None:
            gone = await self._is_given_up(device_id, if_epoch)
            self._hold(3, gone, "{}, epoch {}: told UNCLAIMED, still held", device_id, if_epoch)
        return answer

    async def claim_by_code(self, code: str, *, invocation: str) -> CodeClaimed:
        """As ``ClaimService.claim_by_code``."""
        answer = await self._service.claim_by_code(self._caller, code, invocation=invocation)
        found = await self._store.claim_code(self._caller.namespace, code)
        user = None if found is None else found.used_by
        self._hold(
            3, user == self._caller.account, "{} was answered, and {} has used it", code, user
        )
        return answer

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """As ``ClaimApi.attempt``."""
        found = await self._api.attempt(attempt_id)
        if found is not None:
            mine = (found.namespace, found.account) == (
                self._caller.namespace,
                self._caller.account,
            )
            self._hold(2, mine, "{} was shown {}", self._caller, found)
        return found

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """As ``ClaimApi.attempts``."""
        return await self._api.attempts(query)

    async def facts(self) -> AsyncIterator[Fact]:
        """As ``ClaimApi.facts``."""
        whose = (self._caller.namespace, self._caller.account)
        async for fact in self._api.facts():
            if (fact.namespace, fact.account) != whose:
                self._hold(2, False, "{} was told {}", self._caller, fact)
            yield fact

    async def send_frames(self, frames: Sequence[Any], *, invocation: str) -> list[FrameReceipt]:
        """As ``ClaimApi.send_frames``."""
        return await self._api.send_frames(frames, invocation=invocation)

    # --- private ---------------------------------------------------------------------------------

    async def _of_epoch(self, device_id: str, epoch: int) -> Attempt | None:
        query = _attempts_of(self._caller.namespace, self._caller.account, device_id)
        return next((one for one in await self._store.attempts(query) if one.epoch == epoch), None)

    async def _outcome(self, device_id: str, epoch: int) -> str | None:
        found = await self._of_epoch(device_id, epoch)
        return None if found is None else found.outcome

    async def _is_given_up(self, device_id: str, epoch: int) -> bool:
        found = await self._of_epoch(device_id, epoch)
        if found is None or found.outcome is None:
            return False
        return found.outcome != CLAIMED or found.released_ms is not None

    async def _answered(self, operation: str, invocation: str) -> bool:
        kept = await self._store.answer(self._caller.access_key, operation, invocation)
        return kept is not None

    def _hold(self, number: int, condition: bool, sentence: str, *about: object) -> None:
        if condition:
            return
        try:
            broken(number, sentence, *about)
        except InvariantError as error:
            self._fail(error)
            raise


@lru_cache(50_000)
def _attempts_of(namespace: str, account: str, device_id: str) -> AttemptQuery:
    return AttemptQuery(namespace=namespace, account=account, device_id=device_id, limit=_ALL)
