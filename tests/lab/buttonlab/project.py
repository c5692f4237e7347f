"""Packs the code under test for the guest: the three packages, with byte code where it fits."""

from __future__ import annotations

import io
import py_compile
import sys
import tarfile
import tempfile
from pathlib import Path

_PACKAGES = ("firmware_sim", "hardware", "orchestrator")


def pack_project(repository: Path) -> bytes:
    """A tar archive of the packages as they are in the work tree.

    The emulated processor compiles a hundred files in many seconds, so the byte code goes along;
    a guest whose Python is of another minor version ignores it.
    """
    written = io.BytesIO()
    with (
        tempfile.TemporaryDirectory() as compiled,
        tarfile.open(fileobj=written, mode="w:gz", compresslevel=1) as tar,
    ):
        for package in _PACKAGES:
            for path in sorted((repository / package).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    tar.add(path, path.relative_to(repository))
                    if path.suffix == ".py":
                        _add_byte_code(tar, path, repository, Path(compiled))
    return written.getvalue()


def _add_byte_code(tar: tarfile.TarFile, source: Path, repository: Path, scratch: Path) -> None:
    inside = source.relative_to(repository)
    byte_code = scratch / "one.pyc"
    try:
        py_compile.compile(
            str(source),
            cfile=str(byte_code),
            dfile=str(inside),
            doraise=True,
            # The guest sees other times of modification than the work tree has.
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except py_compile.PyCompileError:
        return  # a board's program may be no CPython; nobody imports it here
    name = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    tar.add(byte_code, inside.parent / "__pycache__" / name)
