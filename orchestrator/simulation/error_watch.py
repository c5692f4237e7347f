"""What production code could only log is a find: an exception ends the world that shows it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from orchestrator.domain.errors import StoreError


class LoggedError(Exception):
    """Production code met an error that it could only log."""


class ErrorWatch(logging.Handler):
    """An exception that production code could only log is a find."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        super().__init__(logging.ERROR)
        self._fail = fail

    def emit(self, record: logging.LogRecord) -> None:
        """Report an exception, unless it is the store's, which faults are meant to cause."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, StoreError):
            self._fail(LoggedError(f"{record.getMessage()} ({error!r})"))
