"""The time of a test's namespace: it stands still until it is told to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.pytest_plugin.threads import in_thread

if TYPE_CHECKING:
    import httpx


class NamespaceClock:
    """Moves this test's time and nobody else's. Claims go by it; signatures do not."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def __repr__(self) -> str:
        return "<virtual clock of this test's namespace>"

    @property
    def now_ms(self) -> int:
        """UTC milliseconds, as told."""
        answer = self._http.get("/v1/clock").raise_for_status()
        return int(answer.json()["nowMs"])

    async def advance(self, by_ms: int) -> int:
        """Let time pass; what time it is then. Whatever became due is durable."""
        __tracebackhide__ = True
        return await in_thread(self.advance_sync, by_ms)

    def advance_sync(self, by_ms: int) -> int:
        """As ``advance``, in a plain test."""
        __tracebackhide__ = True
        if type(by_ms) is not int:
            raise TypeError(f"time passes by whole milliseconds, not by {by_ms!r}")
        if by_ms < 0:
            raise ValueError(f"time does not go back, and {by_ms} ms would")
        answer = self._http.post("/v1/clock/advance", json={"ms": by_ms})
        if answer.is_client_error:
            raise ValueError(f"{by_ms} ms cannot pass: {answer.json()['message']}")
        answer.raise_for_status()
        return int(answer.json()["nowMs"])
