"""Keeps one snapshot of the booted guest for each image and QEMU: made once, resumed ever after."""

from __future__ import annotations

import hashlib
import inspect
import shutil
import subprocess
from pathlib import Path

from . import machine
from .build import Image


class NotBuiltError(Exception):
    """The image or its snapshot is missing; the message has the command that makes them."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; run: scripts/lab build")


def snapshot_for(image: Image) -> Path:
    """Where the snapshot is that this QEMU can load: it must be the very same program."""
    program = shutil.which(machine.QEMU)
    if program is None:
        raise NotBuiltError(f"{machine.QEMU} is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    devices = inspect.getsource(machine).encode()
    key = hashlib.sha256(version + devices).hexdigest()[:12]
    return image.folder / f"ready-{key}.snapshot"


async def ready(image: Image) -> Path:
    """Boot the guest once and keep it as it stands, unless that was done before."""
    snapshot = snapshot_for(image)
    if not snapshot.exists():
        for stale in image.folder.glob("ready-*.snapshot*"):
            stale.unlink()
        async with machine.cold_boot(image) as booted:
            await machine.take_snapshot(booted, snapshot)
    return snapshot


def require(image: Image) -> Path:
    """The snapshot of a built image. Raises NotBuiltError, never builds."""
    if not image.exists():
        raise NotBuiltError(f"the lab's guest is not built (looked in {image.folder})")
    snapshot = snapshot_for(image)
    if not snapshot.exists():
        raise NotBuiltError(f"the lab's guest was never booted ({snapshot.name} is missing)")
    return snapshot
