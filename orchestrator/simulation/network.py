"""The claim API over a network that loses requests, loses replies, and delivers twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from orchestrator.claims.views import CodeClaimed
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import RefusedError, StoreError
from orchestrator.domain.ids import Caller
from orchestrator.ports import Fact, FrameReceipt, Initiated, ServiceAwayError
from orchestrator.simulation.gate import Gate
from orchestrator.simulation.witness import WitnessedClaims
from orchestrator.units import AttemptQuery

T = TypeVar("T")
_Request = Callable[[WitnessedClaims], Coroutine[Any, Any, T]]

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
        self.gate = gate
        """Shut when the station's process is killed."""
        self.line = line
        self.dice = seed
        self.loop = asyncio.get_running_loop()

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
        return await self._call(lambda api: api.attempt(attempt_id), reads=True)

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """As ``ClaimApi.attempts``."""
        return await self._call(lambda api: api.attempts(query), reads=True)

    async def facts(self) -> AsyncIterator[Fact]:
        """As ``ClaimApi.facts``; a service that dies ends the stream."""
        await self._travel()
        api = self.service()
        if api is None:
            raise ServiceAwayError("nobody answers")
        async for fact in api.facts():
            await self._travel()
            yield fact
        raise ServiceAwayError("the stream ended")

    async def send_frames(self, frames: Sequence[Any], *, invocation: str) -> list[FrameReceipt]:
        """As ``ClaimApi.send_frames``."""
        return await self._call(lambda api: api.send_frames(frames, invocation=invocation))

    async def claim_by_code(self, code: str, *, invocation: str) -> CodeClaimed:
        """As ``ClaimService.claim_by_code``."""
        return await self._call(lambda api: api.claim_by_code(code, invocation=invocation))

    async def _call(self, what: _Request[T], *, reads: bool = False) -> T:
        """One request and its reply, or ServiceAwayError when either got lost.

        ``reads``: the service answers from its store without waiting for anything.
        """
        if not self.gate.alive:
            await self.gate.check()
        return await _Exchange(self, what, reads=reads).reply

    async def late(self, what: _Request[T]) -> None:
        """The same request once more, at once or after a while."""
        if self.dice.random() < 0.5:
            await asyncio.sleep(self.dice.uniform(0.0, _LATE_COPY_S))
        api = self.service()
        if api is not None:
            await what(api)

    def start(self, work: Coroutine[Any, Any, T], then: Callable[[asyncio.Task[T]], None]) -> None:
        """The service works on, whether or not the station still waits; ``then`` is called."""
        self.loop.create_task(work).add_done_callback(then)

    def service(self) -> WitnessedClaims | None:
        """The claim API at the other end; None while nobody is there."""
        return self._service.local(self._caller)

    def delay_s(self) -> float:
        """How long the next message is on its way."""
        least_s, most_s = self.line.delay_s
        return least_s + (most_s - least_s) * self.dice.random()

    def happens(self, probability: float) -> bool:
        """Whether it happens this time. Where it never does, nobody needs to ask."""
        return probability > 0 and self.dice.random() < probability

    async def _travel(self) -> None:
        await asyncio.sleep(self.delay_s())
        if not self.gate.alive:
            await self.gate.check()


class _Exchange(Generic[T]):
    """A request on its way, the service at work on it, and its reply on the way back.

    A station that was killed meanwhile waits for ever: nothing it would do is done.
    """

    __slots__ = ("_far", "_loop", "_patience", "_reads", "_what", "reply")

    def __init__(self, far: FarClaims, what: _Request[T], *, reads: bool) -> None:
        self._far = far
        self._what = what
        self._reads = reads
        loop = self._loop = far.loop
        self.reply: asyncio.Future[T] = loop.create_future()
        self._patience = loop.call_later(far.delay_s(), self._arrive)

    def _arrive(self) -> None:
        far, line = self._far, self._far.line
        if not far.gate.alive:
            return
        api = far.service()
        if api is None or (line.lose_request and far.happens(line.lose_request)):
            self._loop.call_later(_ANSWER_S, self._fail, "no answer")
            return
        if self._reads:
            self._read(self._what(api))
        else:
            self._patience = self._loop.call_later(_ANSWER_S, self._fail, "no answer in time")
            far.start(self._what(api), self._worked)
        if line.twice and far.happens(line.twice):
            far.start(far.late(self._what), _forget)

    def _read(self, work: Coroutine[Any, Any, T]) -> None:
        """A task would do it as well, in twice the time."""
        try:
            work.send(None)
        except StopIteration as done:
            self._answered(self.reply.set_result, done.value)
        except Exception as error:  # noqa: BLE001 - it is for the station, if the reply arrives
            self._answered(self._refuse, error)
        else:
            work.close()
            raise RuntimeError("a read waited for something")

    def _worked(self, work: asyncio.Task[T]) -> None:
        if work.cancelled():
            self._patience.cancel()
            self.reply.cancel()
        elif (error := work.exception()) is not None:
            self._answered(self._refuse, error)
        else:
            self._answered(self.reply.set_result, work.result())

    def _answered(self, tell: Callable[[Any], None], what: Any) -> None:
        """The service has done its part; what it said is on its way."""
        far = self._far
        self._patience.cancel()
        if self.reply.done():
            return
        if far.line.lose_reply and far.happens(far.line.lose_reply):
            self._loop.call_later(_ANSWER_S, self._fail, "the reply got lost")
        else:
            self._loop.call_later(far.delay_s(), self._deliver, tell, what)

    def _deliver(self, tell: Callable[[Any], None], what: Any) -> None:
        if not self.reply.done() and self._far.gate.alive:
            tell(what)

    def _refuse(self, error: BaseException) -> None:
        if isinstance(error, StoreError):
            self._fail(f"internal failure: {error}")
        else:
            self.reply.set_exception(error)

    def _fail(self, why: str) -> None:
        if not self.reply.done() and self._far.gate.alive:
            self.reply.set_exception(ServiceAwayError(why))


async def insist(
    call: Callable[[], Awaitable[T]], on_refused: Callable[[RefusedError], None]
) -> T | None:
    """The answer, asked for until the service is there; None when it is a refusal."""
    while True:
        try:
            return await call()
        except ServiceAwayError:
            await asyncio.sleep(1.0)
        except RefusedError as error:
            on_refused(error)
            return None


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody is to be told how it ended."""
    if not task.cancelled():
        task.exception()
