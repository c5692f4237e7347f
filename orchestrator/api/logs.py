"""One JSON object a line: what the service did for whom, and what went wrong."""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec

from orchestrator.domain.times import utc_text

FACTS: Final = "clickclaim_facts"
"""Name of the attribute of a log record that carries its own members."""


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON; the members given with ``facts(…)`` stand at its top."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "at": utc_text(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            line["cause"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def facts(**members: Any) -> dict[str, Any]:
    """What to hand to a logger as ``extra``."""
    return {FACTS: members}
