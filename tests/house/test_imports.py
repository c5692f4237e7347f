"""What may import what, where a list of forbidden names cannot say it."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Pure parts of the standard library: no clock, no file, no network, no log, no randomness.
PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "re",
    "string",
    "typing",
}
# Distributions that are imported under another name.
IMPORTED_AS = {"paho-mqtt": "paho", "pyserial": "serial"}
# Distributions that a library of ours imports, where it finds them.
USED_BY_LIBRARIES = {"sniffio"}
# What every MicroPython build has.
ON_THE_CHIP = {"binascii", "hashlib", "struct"}


PRODUCT = [
    path
    for package in ("firmware_sim", "hardware", "orchestrator")
    for path in (ROOT / package).rglob("*.py")
]


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports when it runs, wherever the import stands."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def files_of(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


@pytest.mark.parametrize("path", files_of("orchestrator/domain"), ids=lambda path: path.stem)
def test_the_rules_use_only_pure_parts_of_the_standard_library(path):
    outside = {
        name
        for name in imports_of(path)
        if not name.startswith(("orchestrator.domain", "orchestrator.settings"))
        and name.split(".")[0] not in PURE
    }
    assert outside == set()


def test_nothing_in_the_rules_asks_what_time_it_is():
    for path in files_of("orchestrator/domain"):
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        ]
        assert not [call for call in calls if call.endswith((".now", ".utcnow", ".today"))], path


@pytest.mark.parametrize(
    "path", files_of("firmware_sim/core"), ids=lambda path: "-".join(path.parts[-2:])
)
def test_the_device_core_imports_itself_and_what_a_chip_has(path):
    outside = {
        name for name in imports_of(path) if not name.startswith("firmware_sim.core")
    } - ON_THE_CHIP
    assert outside == set()


def test_whatever_is_installed_with_the_product_is_used_by_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["ble"], *extras["serial"]]
    code = "\n".join(path.read_text() for path in PRODUCT)
    names = {re.match(r"[\w-]+", one).group() for one in wanted}
    modules = {IMPORTED_AS.get(name, name): name for name in names}
    used = re.compile(r"^\s*(?:import|from) (\w+)|find_spec\(\"(\w+)\"\)", re.MULTILINE)
    imported = {module for found in used.findall(code) for module in found if module}
    unused = {name for module, name in modules.items() if module not in imported}
    assert unused - USED_BY_LIBRARIES == set()
