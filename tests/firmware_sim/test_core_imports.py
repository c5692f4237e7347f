"""The device core can be flashed: it imports only what the chip has."""

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parent.parent.parent / "firmware_sim" / "core"
ON_THE_CHIP = {"struct", "hashlib", "binascii"}
# Only type checkers read what stands under `if TYPE_CHECKING:`; no interpreter runs it.
FOR_TYPE_CHECKERS = {"collections.abc"}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            yield node.module


def without_type_checking(tree):
    def runs(node):
        return not (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        )

    return ast.Module([node for node in tree.body if runs(node)], [])


def is_core(name):
    return name == "firmware_sim.core" or name.startswith("firmware_sim.core.")


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.stem)
def test_a_core_file_imports_only_what_the_chip_has(path):
    tree = ast.parse(path.read_text())
    for name in imported(without_type_checking(tree)):
        assert is_core(name) or name in ON_THE_CHIP, f"{path.name} imports {name}"
    for name in imported(tree):
        assert is_core(name) or name in ON_THE_CHIP | FOR_TYPE_CHECKERS


def test_there_are_core_files_to_look_at():
    assert {path.stem for path in CORE.glob("*.py")} >= {
        "battery", "clicks", "counter", "debounce", "device",
    }  # fmt: skip
