"""Where Node.js and its MicroPython are; a missing one is a failure, not a skip."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "firmware_sim" / "micropython"


def node() -> str:
    """The program that runs MicroPython."""
    found = shutil.which("node")
    if found is None:
        pytest.fail(
            "Node.js is not installed; install Node 18 or later, or deselect with -m 'not node'"
        )
    if not (FOLDER / "node_modules" / "@micropython").is_dir():
        pytest.fail(f"MicroPython is not installed; run: npm ci --prefix {FOLDER}")
    return found
