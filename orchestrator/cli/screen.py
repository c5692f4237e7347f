"""What somebody sees while a claim is under way, and what it tells them to do next."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from orchestrator.cli.output import note, seconds
from orchestrator.discovery import Named, NoClick, NotForUs, Overlap
from orchestrator.flow import (
    CleanedUp,
    ClickCounted,
    ClickRefused,
    ServiceBack,
    ServiceLost,
    WindowOpened,
)
from orchestrator.ports import Clock
from orchestrator.runtime.ears import ServiceChange

if TYPE_CHECKING:
    from rich.status import Status

    from hardware.supervisor import StateChange

# Where no line can be rewritten, somebody who waits is reminded this often.
_REMIND_MS: Final = 30_000


class Screen:
    """Progress on stderr: a living line on a terminal, one line for each event elsewhere."""

    def __init__(self, clock: Clock, *, patience_ms: int) -> None:
        self._clock = clock
        self._patience_ms = patience_ms
        self._waiting_for = ""
        self._deadline_ms = 0
        self._reminded_ms = 0
        self._ticking: asyncio.Task[None] | None = None
        self._status: Status | None = None

    async def __aenter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()
        self._ticking = asyncio.create_task(self._tick(), name="countdown")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        if self._status is not None:
            self._status.stop()

    def doing(self, text: str) -> None:
        """What is going on now, as long as nothing else is."""
        self._waiting_for = ""
        if self._status is not None:
            self._status.update(text)
        else:
            note(text)

    def note(self, text: str) -> None:
        """One line that stays."""
        if self._status is not None:
            self._status.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            note(text)

    def told(self, progress: Any) -> None:
        """One step of a claim, or of the search for the button that is meant."""
        match progress:
            case WindowOpened():
                again = "goes on" if progress.resumed else "initiated"
                self.note(f"{progress.device_id}: claim {again} (claim id {progress.claim_id})")
                until_ms = self._clock.now_ms() + self._patience_ms
                self._wait("press the button now", min(progress.deadline_ms, until_ms))
            case ClickCounted():
                self.note(f"{progress.device_id}: clicked after {seconds(progress.after_ms)}")
                self.doing("finalizing")
            case ClickRefused():
                kind = f"{progress.click_type} click" if progress.click_type else "a click"
                self.note(f"{kind} did not count, {progress.disposition}: {progress.reason}")
            case ServiceLost():
                self.note(f"{progress.reason} Asking again until the window is over.")
            case ServiceBack():
                self.note("the service answers again")
            case CleanedUp():
                self._waiting_for = ""
            case _:
                self._searching(progress)

    def _searching(self, progress: Any) -> None:
        match progress:
            case Named(device_id=device_id):
                self.note(f"{device_id}: heard. Press the same button once more to claim it")
            case Overlap(device_id=one, other=other, quiet_ms=quiet_ms):
                which = f"{other} and {one}" if other else "two buttons"
                self.note(
                    f"{which} were pressed close together: neither is claimed. Press no button"
                    f" for {quiet_ms // 1000} s, then only the one you mean"
                )
                self.doing("waiting for quiet")
            case NoClick(heard=heard) if heard.carries == "level":
                self.note(
                    f"{heard.device_id}: its contact is heard, and the service times its clicks, so"
                    f" --any cannot see them. If it is the one you mean, claim it by its id:"
                    f" clickclaim claim {heard.device_id} --source SPEC"
                )
            case NoClick(heard=heard):
                self.note(f"{heard.device_id}: heard, but no click could be read: {heard.reason}")
            case NotForUs(heard=heard):
                whose = heard.device_id or "a button without a device id"
                self.note(f"a click of {whose}, {heard.disposition}: {heard.reason}")
                if heard.disposition == "UNKNOWN_DEVICE" and heard.device_id:
                    self.note(f"  to register it: clickclaim devices add {heard.device_id}")

    def source(self, change: StateChange) -> None:
        """A source changed its state."""
        if change.now.state == "READING" and change.before != "READING":
            self.note(f"{change.spec}: listening")
        elif change.now.state == "COOLING" and change.now.failures == 1:
            self.note(f"{change.now.reason}; waiting for it")

    def service(self, change: ServiceChange) -> None:
        """The service went away from the sources' point of view, or is back."""
        if change.away:
            self.note(f"{change.reason} What is heard meanwhile is kept.")
        else:
            lost = f", {change.dropped} were too many and are lost" if change.dropped else ""
            self.note(f"the service is back; {change.waiting} frames go to it{lost}")

    def _wait(self, text: str, deadline_ms: int) -> None:
        self._waiting_for, self._deadline_ms = text, deadline_ms
        self._reminded_ms = self._clock.now_ms()
        if text:
            self._show()

    def _show(self) -> None:
        left_s = max(0, self._deadline_ms - self._clock.now_ms() + 999) // 1000
        line = f"{self._waiting_for}, {left_s} s left"
        if self._status is not None:
            self._status.update(line)
        else:
            note(line)

    async def _tick(self) -> None:
        """Keeps the countdown true."""
        while True:
            await asyncio.sleep(0.5)
            now_ms = self._clock.now_ms()
            if not self._waiting_for:
                continue
            if self._status is not None:
                self._show()
            elif now_ms - self._reminded_ms >= _REMIND_MS:
                self._reminded_ms = now_ms
                self._show()
