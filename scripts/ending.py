"""How a script ends that is stopped, or whose reader left: without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

# What a shell says of programs that SIGINT and SIGPIPE ended.
STOPPED = 128 + signal.SIGINT
READER_LEFT = 128 + signal.SIGPIPE


def ended(main: Callable[[], int]) -> int:
    """What ``main`` returns, also when Ctrl-C or SIGTERM stops it or ``| head`` has enough."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # Python flushes once more at its end, and nobody reads that either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    return status
