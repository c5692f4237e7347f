"""What a test of a user needs: a claim service in process, a button to press, time to own."""

from __future__ import annotations

from orchestrator.clocks import VirtualClock

__all__ = ["VirtualClock"]
