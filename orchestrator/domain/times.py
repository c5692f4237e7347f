"""How a moment is written: UTC with milliseconds and a Z."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, written as Z


def utc_text(at_ms: int) -> str:
    """``2019-07-18T23:47:55.015Z``: always three digits of a second."""
    # A sum of integers: a float of seconds would round some milliseconds away.
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds") + "Z"
