"""What holds for every test: files left out are not imported, and Ctrl-C is not ignored."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

OWN_MARKS = re.compile(r"^pytestmark = .*$", re.MULTILINE)


def pytest_configure() -> None:
    """What a shell starts in the background ignores SIGINT, and so does all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that ``-m`` leaves out as a whole: some load libraries for seconds."""
    left_out = marks_left_out(config.option.markexpr)
    if not left_out or collection_path.suffix != ".py":
        return None
    own = OWN_MARKS.search(collection_path.read_text())
    named = re.findall(r"pytest\.mark\.(\w+)", own.group()) if own else []
    return True if left_out.intersection(named) else None


def marks_left_out(expression: str) -> set[str]:
    """What no selected test may bear: the ``not`` terms that every alternative shares."""
    outermost = re.sub(r"\([^()]*\)", "()", expression)
    if " or " in outermost:
        return set()
    terms = re.findall(r"not (\w+)|and|\S+", outermost)
    return {term for term in terms if term}
