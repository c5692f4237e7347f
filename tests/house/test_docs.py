"""What exists stands in the documentation, and what the documentation says to type exists."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from hardware.sources import SCHEMES
from orchestrator.cli.app import whole_app
from orchestrator.cli.commands import COMMANDS, EXIT_CODES
from orchestrator.domain.events import DISPOSITIONS
from orchestrator.settings import ClickPolicy, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PACKAGES = ("firmware_sim", "hardware", "orchestrator")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md"]
PAGES += sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.md"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_readme(name):
    assert re.search(rf"`(clickclaim )?{re.escape(name)}\b", README)


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_stands_in_the_readme(code):
    assert f"| {code} | {EXIT_CODES[code]} |" in README


@pytest.mark.parametrize("name", [one.name for one in fields(Settings)])
def test_every_setting_stands_in_the_readme(name):
    if name in {"profile", "clicks"}:  # the columns, and a group of settings
        return
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [one.name for one in fields(ClickPolicy)])
def test_every_setting_of_the_click_policy_stands_in_the_readme(name):
    assert f"`clicks.{name}`" in README


@pytest.mark.parametrize("disposition", DISPOSITIONS)
def test_every_disposition_stands_in_the_readme_with_its_meaning(disposition):
    row = re.search(rf"^\| {disposition} \| (.*) \|$", README, re.MULTILINE)
    assert row
    assert row[1].startswith(DISPOSITIONS[disposition])


@pytest.mark.parametrize("scheme", sorted({*SCHEMES, "sim"} - {"memory"}))
def test_every_source_stands_in_the_readme(scheme):
    assert f"`{scheme}:" in README


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_links_between_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        where, _, _ = target.partition("#")
        if not where or "://" in where:
            continue
        assert (path.parent / where).exists(), f"{target} in {short(path)}"


def typed_lines() -> list[str]:
    """Every `clickclaim …` line in a code block of a page."""
    lines = []
    for path in PAGES:
        for block in re.findall(r"```[a-z]*\n(.*?)```", path.read_text(), re.DOTALL):
            whole = block.replace("\\\n", " ")
            lines += re.findall(r"^\$?\s*(clickclaim [^#\n]*)", whole, re.MULTILINE)
    return sorted({line.strip() for line in lines})


@pytest.mark.parametrize("line", typed_lines())
def test_a_line_to_type_names_a_command_and_options_that_exist(line):
    if line == "clickclaim claims physical buttons.":
        return
    command = typer.main.get_command(whole_app())
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not getattr(command, "commands", None) or words in ([], ["--help"]), line
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    known |= {"--help"}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known, f"{options - known} in: {line}"


def test_the_changelog_has_the_form_that_it_names():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "keepachangelog.com" in text
    sections = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert sections[0] == "Unreleased"
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
