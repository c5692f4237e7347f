"""Runs the guest in QEMU: cold boot, snapshot, resume; decides which devices it has.

Plain TCG, never KVM: a nested or forbidden ``/dev/kvm`` would make results differ by machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from .build import Image
from .guest import Guest
from .inside.agent import PORT_NAME
from .qmp import Qmp

QEMU = "qemu-system-x86_64"
MEMORY_MB = 512

# Cold boot took 7 to 18 s on two cores; ten times that is a guest that hangs.
BOOT_TIMEOUT_S = 180.0

_COMMAND_LINE = "console=ttyS0 loglevel=4 panic=-1 mitigations=off random.trust_cpu=on quiet"


class MachineError(Exception):
    """QEMU could not be started or ended by itself; the message has its last words."""


@dataclass(slots=True)
class Machine:
    """A running guest and the sockets of its devices."""

    folder: Path
    qmp: Qmp
    guest: Guest

    @property
    def radio_socket(self) -> Path:
        """The other end of the guest's second serial port, where a Bluetooth controller sits."""
        return self.folder / "radio"

    @property
    def usb_socket(self) -> Path:
        """The other end of the USB serial adapter that can be plugged in."""
        return self.folder / "usb"

    @property
    def console(self) -> str:
        """What the kernel and init said."""
        return (self.folder / "console").read_text(errors="replace")


@asynccontextmanager
async def cold_boot(image: Image) -> AsyncIterator[Machine]:
    """A guest started from nothing. QEMU is gone when the block ends, however it ends."""
    async with _started(image) as machine:
        await _introduce(machine)
        yield machine


@asynccontextmanager
async def resume(image: Image, snapshot: Path) -> AsyncIterator[Machine]:
    """A guest as it was when the snapshot was taken, with the clock of now."""
    async with _started(image, "-incoming", "defer") as machine:
        await machine.qmp.execute("migrate-incoming", uri=f"exec:cat {shlex.quote(str(snapshot))}")
        await _migrated(machine.qmp)
        # It was saved standing still, and so it comes back.
        await machine.qmp.execute("cont")
        await _introduce(machine)
        yield machine


async def take_snapshot(machine: Machine, snapshot: Path) -> None:
    """Stop the guest and write it to a file. It does not run on."""
    unfinished = snapshot.with_name(snapshot.name + ".unfinished")
    await machine.qmp.execute("stop")
    # QEMU throttles a migration to spare a network that is not there.
    await machine.qmp.execute("migrate-set-parameters", max_bandwidth=10**10)
    await machine.qmp.execute("migrate", uri=f"exec:cat > {shlex.quote(str(unfinished))}")
    await _migrated(machine.qmp)
    unfinished.rename(snapshot)


async def _migrated(qmp: Qmp) -> None:
    while True:
        status = (await qmp.execute("query-migrate")).get("status")
        if status == "completed":
            return
        if status in ("failed", "cancelled"):
            raise MachineError("QEMU could not save or load the snapshot; run: scripts/lab clean")
        await asyncio.sleep(0.01)  # QMP's own events for this need a capability both sides set


async def _introduce(machine: Machine) -> None:
    try:
        async with asyncio.timeout(BOOT_TIMEOUT_S):
            await machine.guest.hello()
    except TimeoutError:
        raise MachineError(f"the guest did not come up: {machine.console[-2000:]}") from None


@asynccontextmanager
async def _started(image: Image, *more: str) -> AsyncIterator[Machine]:
    # Unix sockets have short names (107 bytes), so not under a test's own long folder.
    folder = Path(tempfile.mkdtemp(prefix="clickclaim-lab-"))
    command = [QEMU, *_devices(image, folder), *more]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with contextlib.AsyncExitStack() as opened:
            # Named last on the command line, it is the last socket to be there.
            qmp = await _control(process, folder / "qmp")
            opened.push_async_callback(qmp.close)
            guest = await Guest.connect(folder / "agent")
            opened.push_async_callback(guest.close)
            yield Machine(folder, qmp, guest)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        shutil.rmtree(folder)


async def _control(process: asyncio.subprocess.Process, socket: Path) -> Qmp:
    """Connect as soon as QEMU listens, which is a moment after the socket's name is there."""
    while process.returncode is None:
        try:
            return await Qmp.connect(socket)
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.01)
    assert process.stderr is not None
    said = (await process.stderr.read()).decode(errors="replace")
    raise MachineError(f"{QEMU} ended with {process.returncode}: {said.strip()}")


def _devices(image: Image, folder: Path) -> list[str]:
    """QEMU's arguments. A snapshot fits only the very same devices."""
    listens = "server=on,wait=off"
    arguments = {
        "-machine": ["pc,accel=tcg,usb=off"],
        "-cpu": ["max"],
        "-smp": ["1"],
        "-m": [f"{MEMORY_MB}M"],
        "-kernel": [str(image.kernel)],
        "-initrd": [str(image.boot_archive)],
        "-append": [_COMMAND_LINE],
        "-drive": [f"file={image.root},format=raw,if=virtio,readonly=on"],
        "-display": ["none"],
        "-vga": ["none"],
        "-nic": ["none"],
        "-chardev": [
            f"file,id=console,path={folder}/console",
            f"socket,id=radio,path={folder}/radio,{listens}",
            f"socket,id=agent,path={folder}/agent,{listens}",
            f"socket,id=usb,path={folder}/usb,{listens}",
        ],
        "-serial": ["chardev:console", "chardev:radio"],
        "-device": [
            "virtio-serial-pci",
            f"virtserialport,chardev=agent,name={PORT_NAME}",
            "qemu-xhci,id=xhci",
        ],
        "-qmp": [f"unix:{folder}/qmp,{listens}"],
    }
    flags = [
        part for flag, values in arguments.items() for value in values for part in (flag, value)
    ]
    return ["-nodefaults", "-no-user-config", *flags]
