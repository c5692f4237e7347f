"""The claim API in process: one account's rights over a service in the same program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from orchestrator.claims.facts import FactHub, Reset
from orchestrator.claims.service import ClaimService
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.ids import Caller
from orchestrator.ports import Fact, FrameReceipt, Initiated, ServiceAwayError
from orchestrator.units import AttemptQuery

ReceiveFrames = Callable[[Caller, Sequence[Any], str | None], Awaitable[list[FrameReceipt]]]


class LocalClaims:
    """ports.ClaimApi over a ClaimService."""

    def __init__(
        self,
        service: ClaimService,
        hub: FactHub,
        caller: Caller,
        receive_frames: ReceiveFrames | None = None,
    ) -> None:
        self._service = service
        self._hub = hub
        self._caller = caller
        self._receive_frames = receive_frames

    async def initiate(self, device_id: str, *, invocation: str) -> Initiated:
        """Open the window, or answer again what this invocation was answered."""
        return await self._service.initiate(self._caller, device_id, invocation=invocation)

    async def finalize(
        self,
        device_id: str,
        *,
        tags: Mapping[str, str] | None,
        if_epoch: int,
        invocation: str,
    ) -> str:
        """Take the device over; the state after it."""
        return await self._service.finalize(
            self._caller, device_id, tags=tags, if_epoch=if_epoch, invocation=invocation
        )

    async def unclaim(
        self,
        device_id: str,
        *,
        if_epoch: int | None,
        if_state: str | None,
        reason: str = "",
        invocation: str,
    ) -> str:
        """Give it up, under conditions; the state after it."""
        return await self._service.unclaim(
            self._caller,
            device_id,
            if_epoch=if_epoch,
            if_state=if_state,
            reason=reason,
            invocation=invocation,
        )

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """One attempt of this account."""
        return await self._service.attempt(self._caller, attempt_id)

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """Attempts of this account."""
        return await self._service.attempts(self._caller, query)

    async def facts(self) -> AsyncIterator[Fact]:
        """Facts of this account from now on."""
        caller = self._caller
        with self._hub.listen(namespace=caller.namespace, account=caller.account) as listener:
            async for numbered in listener:
                if isinstance(numbered, Reset):
                    raise ServiceAwayError("facts were missed: read the attempt again")
                yield numbered.fact

    async def send_frames(self, frames: Sequence[Any], *, invocation: str) -> list[FrameReceipt]:
        """Hand over raw frames heard by this station."""
        if self._receive_frames is None:
            raise ServiceAwayError("this service takes no frames")
        return await self._receive_frames(self._caller, frames, invocation)
