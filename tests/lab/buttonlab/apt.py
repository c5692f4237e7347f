"""Fetches packages with the host's own apt settings, in private folders: no root, no traces."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_URI_LINE = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) \d+")


class PackageError(Exception):
    """apt or dpkg refused; the message carries what they said."""


class PrivateApt:
    """An apt that believes nothing is installed and keeps all its state under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        for name in ("lists/partial", "cache/archives/partial", "debs"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").write_text("")

    def update(self) -> None:
        """Fetch the package lists; their signatures are checked by apt as ever."""
        self._apt("update")

    def closure(self, *packages: str) -> list[str]:
        """The packages and all they depend on, as if from nothing."""
        said = self._apt("install", "--yes", "--print-uris", "--no-install-recommends", *packages)
        found = (_URI_LINE.match(line) for line in said.splitlines())
        return [match["file"].split("_")[0] for match in found if match]

    def download(self, packages: list[str]) -> list[Path]:
        """Fetch these packages, and give their files."""
        folder = self._folder / "debs"
        self._apt("download", *packages, cwd=folder)
        files = {path.name.split("_")[0]: path for path in folder.glob("*.deb")}
        return [files[package] for package in packages]

    def _apt(self, *arguments: str, cwd: Path | None = None) -> str:
        options = {
            "Dir::State": self._folder,
            "Dir::State::lists": self._folder / "lists",
            "Dir::State::status": self._folder / "status",
            "Dir::Cache": self._folder / "cache",
            "Debug::NoLocking": "true",
            "APT::Sandbox::User": "",  # else apt, run by root, wants a folder _apt may write to
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return run(["apt-get", "-q", *flags, *arguments], cwd=cwd)


def unpack(package: Path, folder: Path) -> None:
    """Lay a package's files under a folder; none of its scripts is run."""
    folder.mkdir(parents=True, exist_ok=True)
    run(["dpkg-deb", "--extract", str(package), str(folder)])


def run(command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run to the end and give what it printed; raises PackageError with what it complained of."""
    environment = {**os.environ, "LC_ALL": "C", **(env or {})}
    done = subprocess.run(
        command, cwd=cwd, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        tail = (done.stderr or done.stdout)[-2000:]
        raise PackageError(f"{' '.join(command[:1])} ended with {done.returncode}: {tail}")
    return done.stdout
