"""What a fault that passes does to work that must not end: it is said once, and tried again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from orchestrator.domain.errors import ClickclaimError
from orchestrator.ports import Clock

T = TypeVar("T")

# A store that is full now takes it later; whoever frees some space sees it work again at once.
RETRY_FIRST_MS: Final = 250
RETRY_CAP_MS: Final = 5_000

_log = logging.getLogger(__name__)


async def patiently(
    clock: Clock,
    work: Callable[[], Awaitable[T]],
    meanwhile: str,
    *,
    first_ms: int = RETRY_FIRST_MS,
    cap_ms: int = RETRY_CAP_MS,
) -> T:
    """What ``work`` returns, tried until it does, with growing pauses.

    The first failure goes into the log, with ``meanwhile``: the sentence that says what does not
    happen until it is mended. An error that is not a ClickclaimError is a fault of ours, which
    no waiting mends, and is raised.
    """
    pause_ms = first_ms
    while True:
        try:
            return await work()
        except ClickclaimError as error:
            if pause_ms == first_ms:
                _log.error("%s %s", error, meanwhile)
            await clock.sleep_until(clock.now_ms() + pause_ms)
            pause_ms = min(2 * pause_ms, cap_ms)
