"""The command line: which commands there are, and what is loaded for one of them."""

from __future__ import annotations

import os
import sys

from orchestrator.cli.commands import (
    COMMANDS,
    COMPLETION,
    COMPLETION_OPTIONS,
    overview,
    suggestion,
)

__all__ = ["main"]


def main() -> None:
    """Run ``clickclaim`` with the arguments of this process, and exit with its code."""
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # while a command was loading: later it is the command's to hear
        code = 130
    except OSError as error:  # of the overview or the version: a command tells its own
        from orchestrator.cli.app import output_failed

        code = output_failed(error)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    if COMPLETION in os.environ:  # a shell asks what may follow what was typed so far
        from orchestrator.cli.app import complete

        return complete(arguments)
    # The overview loads nothing: it is what people see first, and often.
    if not arguments or arguments[0] in {"--help", "-h", "help"}:
        return _show(overview(colour=sys.stdout.isatty()))
    if arguments[0] in {"--version", "-V"}:
        from orchestrator import __version__

        return _show(f"clickclaim {__version__}\n")
    name = arguments[0]
    if name not in COMMANDS and name not in COMPLETION_OPTIONS:
        sys.stderr.write(f"error: there is no command {name!r}\n  {suggestion(name)}\n")
        return 2

    # Loading a command makes many objects and no garbage: at Python's default of 700 the collector
    # walks them hundreds of times, a tenth of the time until `serve` is ready.
    from orchestrator.runtime.process import collect_seldom

    collect_seldom()
    from orchestrator.cli.app import complete, run_command

    return (complete if name in COMPLETION_OPTIONS else run_command)(arguments)


def _show(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()  # here, where a failure can become a sentence
    return 0
