"""The claim API over a network that loses requests, loses replies, and delivers twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from orchestrator.claims.views import CodeClaimed
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import StoreError
from orchestrator.domain.ids import Caller
from orchestrator.ports import Fact, FrameReceipt, Initiated, ServiceAwayError
from orchestrator.simulation.gate import Gate
from orchestrator.simulation.witness import WitnessedClaims
from orchestrator.units import AttemptQuery

T = TypeVar("T")

# What a client of the real service waits for an answer.
_ANSWER_S = 5.0
# A copy of a request may lie in some buffer for so long before it arrives.
_LATE_COPY_S = 30.0


@dataclass(slots=True, kw_only=True)
class Line:
    """How a station's line to the service behaves; probabilities are per call."""

    delay_s: tuple[float, float] = (0.001, 0.03)
    lose_request: float = 0.0
    lose_reply: float = 0.0
    twice: float = 0.0


class Answering(Protocol):
    """A service that may be up."""

    def local(self, caller: Caller) -> WitnessedClaims | None:
        """The claim API of this caller; None while the service is down."""


class FarClaims:
    """ports.ClaimApi for one station, over a line."""

    def __init__(
        self, service: Answering, caller: Caller, gate: Gate, line: Line, seed: random.Random
    ) -> None:
        self._service = service
        self._caller = caller
        self._gate = gate
        self._line = line
        self._random = seed
        self._under_way: set[asyncio.Task[Any]] = set()

    async def initiate(self, device_id: str, *, invocation: str) -> Initiated:
        """As ``ClaimApi.initiate``."""
        return await self._call(lambda api: api.initiate(device_id, invocation=invocation))

    async def finalize(
        self,
        device_id: str,
        *,
        tags: Mapping[str, str] | None,
        if_epoch: int,
        invocation: str,
    ) -> str:
        """As ``ClaimApi.finalize``."""
        return await self._call(
            lambda api: api.finalize(device_id, tags=tags, if_epoch=if_epoch, invocation=invocation)
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
        """As ``ClaimApi.unclaim``."""
        return await self._call(
            lambda api: api.unclaim(
                device_id,
                if_epoch=if_epoch,
                if_state=if_state,
                reason=reason,
                invocation=invocation,
            )
        )

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """As ``ClaimApi.attempt``."""
        return await self._call(lambda api: api.attempt(attempt_id))

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """As ``ClaimApi.attempts``."""
        return await self._call(lambda api: api.attempts(query))

    async def facts(self) -> AsyncIterator[Fact]:
        """As ``ClaimApi.facts``; a service that dies ends the stream."""
        await self._travel()
        api = self._service.local(self._caller)
        if api is None:
            raise ServiceAwayError("nobody answers")
        async for fact in api.facts():
            await self._travel()
            yield fact
        raise ServiceAwayError("the stream ended")

    async def send_frames(self, frames: Sequence[Any]) -> list[FrameReceipt]:
        """As ``ClaimApi.send_frames``."""
        return await self._call(lambda api: api.send_frames(frames))

    async def claim_by_code(self, code: str, *, invocation: str) -> CodeClaimed:
        """As ``ClaimService.claim_by_code``."""
        return await self._call(lambda api: api.claim_by_code(code, invocation=invocation))

    async def _call(self, what: Callable[[WitnessedClaims], Awaitable[T]]) -> T:
        """One request and its reply, or ServiceAwayError when either got lost."""
        await self._travel()
        line = self._line
        api = self._service.local(self._caller)
        if api is None or self._happens(line.lose_request):
            await asyncio.sleep(_ANSWER_S)
            await self._gate.check()
            raise ServiceAwayError("no answer")
        answer = self._start(what(api))
        if self._happens(line.twice):
            self._start(self._late(what))
        try:
            async with asyncio.timeout(_ANSWER_S):
                result = await asyncio.shield(answer)
        except TimeoutError:
            await self._gate.check()
            raise ServiceAwayError("no answer in time") from None
        except StoreError as error:
            await self._travel()
            raise ServiceAwayError(f"internal failure: {error}") from None
        await self._travel()
        if self._happens(line.lose_reply):
            await asyncio.sleep(_ANSWER_S)
            await self._gate.check()
            raise ServiceAwayError("the reply got lost")
        return result

    async def _late(self, what: Callable[[WitnessedClaims], Awaitable[T]]) -> None:
        """The same request once more, at once or after a while."""
        if self._random.random() < 0.5:
            await asyncio.sleep(self._random.uniform(0.0, _LATE_COPY_S))
        api = self._service.local(self._caller)
        if api is not None:
            await what(api)

    def _start(self, work: Awaitable[T]) -> asyncio.Task[T]:
        """The service works on, whether or not the station still waits."""
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits has it too; nobody else is to be told

    async def _travel(self) -> None:
        await asyncio.sleep(self._random.uniform(*self._line.delay_s))
        await self._gate.check()

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability
