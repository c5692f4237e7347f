"""Bugs of what stands around a claim: clocks, searches, callbacks, other processes."""

from __future__ import annotations

from typing import Any

from orchestrator import discovery
from orchestrator.clocks import WallClock
from orchestrator.discovery import _Search
from orchestrator.domain import claims
from orchestrator.domain import discovery as rules
from orchestrator.domain.discovery import Discovery, Found
from orchestrator.ports import ClaimApi
from tests.simulation.planting import Patch, bug

# --- time ----------------------------------------------------------------------------------------


@bug("the clock goes by the wall clock, also when somebody sets it")
def clock_follows_the_wall() -> list[Patch]:
    return [(WallClock, "now_ms", lambda self: self._wall_ns() // 1_000_000)]


# --- a button whose id nobody knows --------------------------------------------------------------


@bug("a search does not mind that other buttons were pressed, before or between")
def overlap_ignored() -> list[Patch]:
    def hear(state: Discovery, device_id: str, now_ms: int) -> tuple[Discovery, Found]:
        candidate = state.candidate or device_id
        found = Found("named" if state.candidate is None else "again", device_id)
        return Discovery(candidate=candidate, heard=((device_id, now_ms),)), found

    return [(discovery, "hear", hear)]


@bug("a search forgets after 12 seconds, not 120, who else was pressed")
def overlap_forgotten_early() -> list[Patch]:
    return [(rules, "QUIET_MS", 12_000)]


@bug("an overlap is told, and the claim that had begun goes on")
def overlap_cancels_nothing() -> list[Patch]:
    cancel = _Search._cancel

    async def only_at_the_end(self: _Search, reason: str = "") -> None:
        if not reason.startswith("overlap"):
            await cancel(self, reason)

    return [(_Search, "_cancel", only_at_the_end)]


@bug("the click that names a button claims it as well")
def one_click_claims() -> list[Patch]:
    async def at_once(api: ClaimApi, device_id: str, *, claim_id: str, **_: Any) -> Any:
        opened = await api.initiate(device_id, invocation=claim_id)
        await api.finalize(device_id, tags=None, if_epoch=opened.epoch, invocation=claim_id)
        return await api.attempt(opened.attempt_id)

    return [
        (discovery, "claim_device", at_once),
        (claims.TABLE, ("WAITING", "finalize", "owner"), "CLAIMED"),
    ]
