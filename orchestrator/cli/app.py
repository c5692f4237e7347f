"""How a command is loaded and run, and how its failure becomes a sentence and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn, TypeVar

import typer

from orchestrator.cli.commands import COMMANDS
from orchestrator.cli.output import print_json
from orchestrator.runtime.process import fast_loop

T = TypeVar("T")

FAILED: Final = 1
USAGE: Final = 2
TIMED_OUT: Final = 3
UNUSABLE: Final = 4
CANCELLED: Final = 130

# Named and not imported: the adapters that raise them are loaded only by those who use them.
_UNUSABLE: Final = (
    "AccessRefusedError",
    "AuthoritiesError",
    "BindError",
    "BrokerPortError",
    "ModelFolderError",
    "StrangeAnswerError",
)

_TRACEBACK: Final = "CLICKCLAIM_TRACEBACK"


class CommandError(Exception):
    """A command cannot go on: a sentence, the line to type next, and the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def new_app(summary: str, *, group: bool = False, completion: bool = False) -> typer.Typer:
    """The Typer application of one command's module."""
    app = typer.Typer(
        help=summary,
        add_completion=completion,
        no_args_is_help=group,
        # Help is prettier with boxes on a terminal and easier to read without them in a file.
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    )
    if group:
        app.callback()(_nothing)
    return app


def whole_app() -> typer.Typer:
    """Every command in one application: for shell completion, and for whoever reads them all."""
    whole = new_app("clickclaim claims physical buttons.", completion=True)
    for name, command in COMMANDS.items():
        app = _load(command.module)
        if app.registered_callback is not None:
            whole.add_typer(app, name=name, help=command.summary)
        for one in app.registered_commands:
            if app.registered_callback is None and one.callback is not None:
                whole.command(name, short_help=command.summary)(one.callback)
    return whole


def run_command(arguments: list[str]) -> int:
    """Run ``clickclaim ARGUMENTS``; the exit code. Nothing but a sentence reaches the user."""
    # Commands say what happens in words of their own; `serve` turns the log on.
    logging.getLogger().addHandler(logging.NullHandler())
    name = arguments[0]
    return _run(_load(COMMANDS[name].module), arguments[1:], f"clickclaim {name}")


def complete(arguments: list[str]) -> int:
    """Answer a shell that asks for completions, or install them; the exit code."""
    return _run(whole_app(), arguments, "clickclaim")


def run_async(work: Callable[[], Coroutine[Any, Any, T]], *, fast: bool = False) -> T:
    """Run a command's coroutine; Ctrl-C and SIGTERM cancel it, so that it can clean up."""
    with asyncio.Runner(loop_factory=fast_loop if fast else None) as runner:
        try:
            return runner.run(_until_terminated(work()))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise SystemExit(CANCELLED) from None


async def _until_terminated(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    if task is not None and os.name != "nt":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def _load(module: str) -> typer.Typer:
    app: typer.Typer = importlib.import_module(f"orchestrator.cli.{module}").app
    return app


def _nothing() -> None:
    """A group does nothing by itself."""


def _run(app: typer.Typer, arguments: list[str], program: str) -> int:
    # What the output's encoding lacks is shown as "?", and fails no command that did its work.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")
    try:
        app(arguments, prog_name=program)
    except SystemExit as exit_:
        # Typer has caught the BrokenPipeError itself, left this behind and called it a failure.
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":
            return _reader_left()
        return exit_.code if isinstance(exit_.code, int) else FAILED
    except KeyboardInterrupt:
        return CANCELLED
    except Exception as error:  # noqa: BLE001 - the last place where a failure can become a sentence
        return _report(_first(error), as_json="--json" in arguments)
    return 0


def _report(error: BaseException, *, as_json: bool) -> int:
    """Print what went wrong and what to type next; the exit code."""
    message, hint, code = _explain(error)
    if as_json:
        with contextlib.suppress(OSError):  # it may be the output itself that failed
            print_json({"error": message, "next": hint or None, "exitCode": code})
    sys.stderr.write(f"error: {message}\n" + (f"  {hint}\n" if hint else ""))
    if os.environ.get(_TRACEBACK):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _drop_output()
    return code


def _explain(error: BaseException) -> tuple[str, str, int]:
    """Message, line to type next and exit code of an error."""
    from hardware.capture import CaptureError
    from hardware.source import SourceError, SourceSpecError
    from orchestrator.domain.errors import ClickclaimError, InvalidRequestError, StoreError
    from orchestrator.ports import ServiceAwayError

    if type(error).__name__ in _UNUSABLE:
        return str(error), "", UNUSABLE
    match error:
        case CommandError():
            return str(error), error.hint, error.code
        case SourceSpecError():
            return str(error), "", USAGE
        case SourceError() | StoreError() | ServiceAwayError():
            return str(error), "", UNUSABLE
        case InvalidRequestError():
            return str(error), "", USAGE
        case ClickclaimError() | CaptureError():
            return str(error), "", FAILED
        case OSError(errno=errno.ENOSPC):
            what = error.filename or "the output"
            return (
                f"{what} cannot be written: {error.strerror}.",
                "make room there and type it again",
                UNUSABLE,
            )
    kind = type(error).__name__
    hint = f"to see where, set {_TRACEBACK}=1 and type it again; please report it"
    return f"clickclaim itself failed: {kind}: {error}", hint, FAILED


def _first(error: BaseException) -> BaseException:
    """The error that matters in a group of them: the one that somebody worded."""
    while isinstance(error, BaseExceptionGroup):
        worded = [one for one in error.exceptions if not _is_bare(one)]
        error = (worded or list(error.exceptions))[0]
    return error


def _is_bare(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError | KeyboardInterrupt)


def output_failed(error: OSError) -> int:
    """The exit code where nothing but the output was at work, once it is told."""
    return _reader_left() if isinstance(error, BrokenPipeError) else _report(error, as_json=False)


def _reader_left() -> int:
    """`clickclaim watch | head`: the reader has seen enough; that is no failure of ours."""
    _drop_output()
    sys.stderr = sys.__stderr__
    return 0


def _drop_output() -> None:
    """What nobody takes any more; else Python tries again at its end, and exits with 120."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - lives until exit


def usage(message: str, hint: str = "") -> NoReturn:
    """End with exit code 2: an argument is missing or wrong."""
    raise CommandError(message, hint, USAGE)
