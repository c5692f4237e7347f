"""Importing a package loads no driver; asking for help loads next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DRIVERS = {
    "aiomqtt",
    "amqtt",
    "asyncpg",
    "bleak",
    "botocore",
    "bumble",
    "paho",
    "psycopg",
    "serial",
    "uvicorn",
    "uvloop",
}


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Top-level names of what a fresh interpreter has loaded after this code."""
    after = f"""
import json, sys
sys.argv = {["clickclaim", *arguments]!r}
try:
    {code}
except SystemExit:
    pass
print("\\n" + json.dumps(sorted(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", after], capture_output=True, text=True, check=True, timeout=30
    )
    return {name.split(".")[0] for name in json.loads(ran.stdout.splitlines()[-1])}


PACKAGES = [
    "firmware_sim",
    "firmware_sim.core",
    "firmware_sim.links",
    "firmware_sim.world",
    "hardware",
    "hardware.families",
    "hardware.sources",
    "hardware.supervisor",
    "orchestrator",
    "orchestrator.api",
    "orchestrator.cli",
    "orchestrator.claims.service",
    "orchestrator.flow",
    "orchestrator.ingest",
    "orchestrator.remote",
    "orchestrator.runtime",
    "orchestrator.stores",
]


@pytest.fixture(scope="module")
def loaded_in_turn() -> dict[str, list[str]]:
    """What each package loads of all that those before it had not loaded yet."""
    program = f"""
import importlib, json, sys
loaded, before = {{}}, set(sys.modules)
for package in {PACKAGES}:
    importlib.import_module(package)
    loaded[package] = sorted(sys.modules.keys() - before)
    before = set(sys.modules)
print(json.dumps(loaded))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return json.loads(ran.stdout)


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_no_driver(package, loaded_in_turn):
    assert {name.split(".")[0] for name in loaded_in_turn[package]} & DRIVERS == set()


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_the_overview_loads_neither_typer_nor_rich(argument):
    loaded = loaded_by("from orchestrator.cli import main; main()", argument)
    assert loaded & (DRIVERS | {"typer", "rich", "asyncio", "msgspec", "sqlite3"}) == set()


@pytest.mark.parametrize("command", ["serve", "claim", "devices", "records", "press", "watch"])
def test_the_help_of_a_command_loads_no_driver(command):
    loaded = loaded_by("from orchestrator.cli import main; main()", command, "--help")
    assert loaded & (DRIVERS | {"httpx", "cryptography"}) == set()
