"""The command behind ``scripts/lab``: build, test, check, shell, clean."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time

from . import apt, build, kernel, machine, qmp, recipe, snapshot
from .project import pack_project

_EXPECTED = (
    apt.PackageError,
    kernel.KernelError,
    machine.MachineError,
    qmp.QmpError,
    recipe.UnsupportedHostError,
    snapshot.NotBuiltError,
)


def main(arguments: list[str]) -> int:
    """Run one subcommand, the first argument, and give its exit status."""
    name, *rest = arguments
    try:
        return _COMMANDS[name](rest)
    except _EXPECTED as error:
        _say(f"scripts/lab {name}: {error}")
        return 1


def _check(rest: list[str]) -> int:
    made_by = recipe.for_this_host()
    image = build.image_for(made_by)
    _say(f"{made_by.distribution} {made_by.release}: its kernel, BlueZ and Python go in the guest")
    _say(f"image: {'built' if image.exists() else 'not built yet'}, {image.folder}")
    return 0


def _build(rest: list[str]) -> int:
    started = time.monotonic()
    image = build.build(recipe.for_this_host(), _say)
    booted = time.monotonic()
    kept = asyncio.run(snapshot.ready(image))
    now = time.monotonic()
    size_mb = kept.stat().st_size / 1e6
    _say(f"cold boot and snapshot ({size_mb:.0f} MB): {now - booted:.1f} s")
    _say(f"the guest is ready, {now - started:.1f} s in all")
    return 0


def _test(rest: list[str]) -> int:
    _build([])
    folder = str(recipe.LAB.parent.relative_to(recipe.REPOSITORY))
    options = ["-m", "vm", "--durations=0", "--durations-min=0.2", folder, *rest]
    os.chdir(recipe.REPOSITORY)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *options])


def _run(argv: list[str]) -> int:
    return asyncio.run(_run_in_guest(argv or ["uname", "-a"]))


async def _run_in_guest(argv: list[str]) -> int:
    image = build.image_for(recipe.for_this_host())
    async with machine.resume(image, snapshot.require(image)) as resumed:
        await resumed.guest.send_project(pack_project(recipe.REPOSITORY))
        done = await (await resumed.guest.start(*argv)).finish(within_s=600)
    print(done.out, end="")
    print(done.err, end="", file=sys.stderr)
    return done.status


def _clean(rest: list[str]) -> int:
    folder = recipe.cache_folder()
    shutil.rmtree(folder, ignore_errors=True)
    _say(f"deleted {folder}")
    return 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)


_COMMANDS = {"build": _build, "test": _test, "check": _check, "run": _run, "clean": _clean}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
