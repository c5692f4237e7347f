"""What others may import is listed, and the list is what is there."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What people outside build on. Whoever changes a name here breaks somebody's program, and says so
# in the changelog.
PINNED = {
    "orchestrator.testing": {
        "ClickMissedError",
        "InProcessService",
        "TestButton",
        "VirtualClock",
        "claim_service",
    },
    "orchestrator.remote": {
        "AccessRefusedError",
        "Credentials",
        "RemoteClaims",
        "Retry",
        "StrangeAnswerError",
    },
    "orchestrator.ingest": {"Ingest", "Report"},
    "orchestrator.cli": {"main"},
    "hardware.families": {"FAMILIES", "Family", "Level", "Options", "Reading", "Sender"},
}


def modules_with_a_list() -> list[str]:
    found = []
    for package in ("firmware_sim", "hardware", "orchestrator"):
        for path in sorted((ROOT / package).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if {"common", "esp32", "pico_w"} & set(inside.parts):
                continue
            names = [
                target.id
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            ]
            if "__all__" in names:
                parts = inside.with_suffix("").parts
                found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


@pytest.mark.parametrize("module", modules_with_a_list())
def test_every_listed_name_is_there_and_none_is_listed_twice(module):
    listed = importlib.import_module(module).__all__
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert hasattr(importlib.import_module(module), name), name


@pytest.mark.parametrize("module", PINNED)
def test_public_names_are_pinned(module):
    assert set(importlib.import_module(module).__all__) == PINNED[module]


def test_every_package_that_exports_names_is_pinned():
    exporting = {
        name
        for name in modules_with_a_list()
        if name.count(".") == 1 and name.startswith("orchestrator.")
    }
    assert exporting <= set(PINNED)
