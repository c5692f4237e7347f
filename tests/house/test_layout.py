"""The tree is as the map draws it: nothing else at the top, every module says what it decides."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("firmware_sim", "hardware", "orchestrator")
TOP = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "firmware_sim",
    "hardware",
    "orchestrator",
    "pyproject.toml",
    "scripts",
    "tests",
}
# A file that needs more than 400 lines says here why.
LONGER = dict[str, str]()


def tracked() -> list[Path]:
    """What belongs to the project, as git sees it; in an unpacked archive, what lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        names = [
            path.relative_to(ROOT).as_posix()
            for name in TOP
            for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        ]
    return [ROOT / name for name in names if (ROOT / name).exists()]


MODULES = [
    path
    for path in tracked()
    if path.suffix == ".py"
    and path.relative_to(ROOT).parts[0] in PACKAGES
    and "boards" not in path.parts
]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_nothing_else_stands_at_the_top():
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} == TOP


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_a_module_opens_with_one_sentence(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no docstring"
    first = docstring.split("\n\n")[0]
    assert first.endswith((".", "?")), first


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_a_file_is_short_enough_to_be_read(path):
    lines = len(path.read_text().splitlines())
    assert lines <= 400 or short(path) in LONGER, f"{lines} lines"


def test_most_files_are_much_shorter():
    sizes = sorted(len(path.read_text().splitlines()) for path in MODULES)
    assert sizes[len(sizes) // 2] <= 150


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_in_a_readme_what_belongs_there(package):
    assert (ROOT / package / "README.md").exists()
    assert (ROOT / package / "py.typed").exists()


@pytest.mark.parametrize("script", ["bench", "check", "demo", "test"])
def test_each_script_says_in_its_first_lines_what_it_is_for(script):
    path = ROOT / "scripts" / script
    assert path.stat().st_mode & 0o111, "not executable"
    first, second, *_ = path.read_text().splitlines()
    assert first.startswith("#!")
    assert second.startswith(("# ", '"""'))


def test_no_test_folder_is_a_package():
    # buttonlab is no tests: it is what drives the virtual machine.
    packages = {
        path.parent.name
        for path in tracked()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] == "tests"
    }
    assert packages <= {"buttonlab"}
