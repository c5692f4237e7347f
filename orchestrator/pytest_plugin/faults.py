"""What goes wrong on purpose in a test: one sentence a fault."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from orchestrator.api.development import MOST_SEED

if TYPE_CHECKING:
    import httpx


class HowOften(TypedDict, total=False):
    """How often a fault strikes: each time, unless it is said. Misspelt, it is refused."""

    count: int
    """At most so often."""
    probability: float
    """0 to 1, each time."""


class Where(HowOften, total=False):
    """A fault that can strike a link as well."""

    link: str
    """Instead of an operation: how a source's spec begins, ``sim:`` for our buttons."""


class ClaimFaults:
    """Plans faults for this test's namespace. Each call adds one to the plan.

    ``operation`` is a name such as FinalizeDeviceClaim, or ``*``; ``link`` is how a source's spec
    begins, ``sim:`` for our buttons. ``probability`` and ``count`` say how often.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._seed = 0

    def __repr__(self) -> str:
        return "<faults of this test's namespace>"

    def latency(self, operation: str | None = None, *, ms: int, **how: Unpack[Where]) -> None:
        """Answers, or frames of a link, come so much later, in real time."""
        __tracebackhide__ = True
        self._add("latency", operation, latencyMs=ms, **how)

    def error(self, operation: str, error: str | int, **how: Unpack[HowOften]) -> None:
        """Refuse with this exception, or with this status as a gateway would; nothing is done."""
        __tracebackhide__ = True
        named = {"status": error} if isinstance(error, int) else {"error": error}
        self._add("error", operation, **named, **how)

    def drop(self, operation: str | None = None, **how: Unpack[Where]) -> None:
        """The request never arrives, and no answer comes; or the frame is lost."""
        __tracebackhide__ = True
        self._add("drop", operation, **how)

    def duplicate(self, operation: str | None = None, **how: Unpack[Where]) -> None:
        """The request arrives twice, and the second answer comes; or the frame is heard twice."""
        __tracebackhide__ = True
        self._add("duplicate", operation, **how)

    def crash(self, operation: str, **how: Unpack[HowOften]) -> None:
        """The request is done and committed, then the connection is cut before the answer."""
        __tracebackhide__ = True
        self._add("crash", operation, **how)

    def seed(self, number: int) -> None:
        """Where the dice of the faults after this begin: the same seed, the same throws."""
        __tracebackhide__ = True
        if type(number) is not int:
            raise TypeError(f"a seed is a whole number, and {number!r} is not")
        if not 0 <= number <= MOST_SEED:
            raise ValueError(f"a seed is a number from 0 to {MOST_SEED}, and {number} is not")
        self._seed = number

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._http.delete("/v1/faults").raise_for_status()

    def planned(self) -> list[dict[str, Any]]:
        """The plan as ``/v1/faults`` gives it."""
        faults: list[dict[str, Any]]
        faults = self._http.get("/v1/faults").raise_for_status().json()["faults"]
        return faults

    @property
    def struck(self) -> list[int]:
        """How often each fault of the plan struck so far, in the order of the plan."""
        return [fault["struck"] for fault in self.planned()]

    def may_strike(self, operation: str) -> bool:
        """Whether a fault of the plan could strike such a request now."""
        return any(
            fault["operation"] in {operation, "*"}
            and (fault["count"] is None or fault["struck"] < fault["count"])
            for fault in self.planned()
        )

    def _add(self, kind: str, operation: str | None, **how: Any) -> None:
        __tracebackhide__ = True
        fault = {"kind": kind, "operation": operation, **how}
        try:
            body = json.dumps({"faults": [fault], "seed": self._seed}, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{fault} is no fault: {error}") from None
        answer = self._http.post("/v1/faults", content=body)
        if answer.is_client_error:
            raise ValueError(f"{fault} is no fault: {answer.json()['message']}")
        answer.raise_for_status()
