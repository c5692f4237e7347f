"""How the end of an attempt is shown: its outcome, and what happened when."""

from __future__ import annotations

import sys
from typing import Any, Final

from orchestrator.claims.views import attempt_json
from orchestrator.cli.output import say, seconds
from orchestrator.domain.attempts import Attempt, Mark

_COLOURS: Final = {"CLAIMED": "green", "TIMED_OUT": "yellow", "CANCELLED": "yellow"}


def print_attempt(attempt: Attempt) -> None:
    """Outcome, device and timeline of an attempt that ended."""
    took_ms = (attempt.ended_ms or attempt.opened_ms) - attempt.opened_ms
    reason = f": {attempt.reason}" if attempt.reason else ""
    text = f"{attempt.device_id} in {seconds(took_ms)}{reason}"
    _headline(attempt.outcome or "OPEN", text)
    for mark in attempt.timeline:
        say(f"  {(mark.at_ms - attempt.opened_ms) / 1000:8.3f} s  {_words(mark)}")


def attempt_document(attempt: Attempt, *, claim_id: str, exit_code: int) -> dict[str, Any]:
    """What ``claim --json`` prints: the record, and how the command ended."""
    return {**attempt_json(attempt), "claimId": claim_id, "exitCode": exit_code}


def _headline(outcome: str, text: str) -> None:
    if not sys.stdout.isatty():
        say(f"{outcome} {text}")
        return
    from rich.console import Console
    from rich.text import Text

    colour = _COLOURS.get(outcome, "red")
    Console().print(Text.assemble((outcome, f"bold {colour}"), " ", text), soft_wrap=True)


def _words(mark: Mark) -> str:
    if mark.what != "click":
        return mark.what
    detail = mark.detail
    facts = [str(detail.get("family", "")), f"heard by a {detail.get('heardBy', '?')}"]
    facts.append("authenticated" if detail.get("authenticated") else "not authenticated")
    if detail.get("simulated"):
        facts.append("simulated")
    return (
        f"{detail.get('clickType', '?')} click by {detail.get('source', '?')} ({', '.join(facts)})"
    )
