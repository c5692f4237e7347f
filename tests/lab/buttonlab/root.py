"""Lays out the guest's root file system and packs it, using only programs that lie in it.

The guest's own Python, run on the host through the guest's own loader, installs the wheels and
compiles them: byte code fits whatever Python the host has, and nothing is installed on the host.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import apt, cpio, kernel, recipe

_LIBRARIES = "usr/lib/x86_64-linux-gnu"

# Read by people or by programs the guest does not have.
_UNREAD = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/alsa",
    "usr/share/bash-completion",
    "usr/share/zsh",
    "usr/lib/udev",
    "usr/lib/systemd",
    "usr/lib/python3.*/test",
    "usr/lib/python3.*/idlelib",
    "usr/lib/python3.*/lib2to3",
    "usr/lib/python3.*/turtledemo",
    "usr/lib/python3.*/pydoc_data",
    "usr/lib/x86_64-linux-gnu/perl*",
    "usr/lib/x86_64-linux-gnu/gconv",
)

# The claim API is signed, never called with a ready-made client: of botocore's hundreds of
# service descriptions the guest needs none, only the tables beside them.
_SERVICE_DESCRIPTIONS = "usr/lib/python3/dist-packages/botocore/data/*/*/"

_ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nmessagebus:x:100:100::/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nmessagebus:x:100:\nbluetooth:x:101:\ndialout:x:20:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/hostname": "bench\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}

_MOUNT_POINTS = ("proc", "sys", "dev", "run", "tmp", "root", "opt", "var/lib", "mnt")


class Root:
    """A root file system in the making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def unpack(self, packages: Iterable[Path]) -> None:
        """Lay out the packages, with ``/bin``, ``/lib`` and their like merged into ``/usr``."""
        for package in packages:
            apt.unpack(package, self.folder)
        for name in ("bin", "sbin", "lib", "lib64"):
            merged, separate = self.folder / "usr" / name, self.folder / name
            merged.mkdir(parents=True, exist_ok=True)
            if separate.is_dir() and not separate.is_symlink():
                shutil.copytree(separate, merged, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(separate)
            if not separate.is_symlink():
                separate.symlink_to(f"usr/{name}")

    def run(self, program: str, *arguments: str, called: str = "", **environment: str) -> str:
        """Run a program that lies in this root, on the host, with this root's libraries.

        ``called`` is the name it finds itself under, for programs that are many in one.
        """
        libraries = self.folder / _LIBRARIES
        loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
        name = called or Path(program).name
        where = str((self.folder / program).resolve())
        return apt.run([*loader, "--argv0", name, where, *arguments], env=environment)

    def python(self, *arguments: str) -> str:
        """Run the guest's Python on the host."""
        return self.run("usr/bin/python3", *arguments, PYTHONHOME=str(self.folder / "usr"))

    def install_wheels(self, requirements: Iterable[str]) -> None:
        """Install wheels for the guest's Python, with the pip of the Python that runs us."""
        pip = Path(sysconfig.get_path("purelib")) / "pip"
        target = self.folder / "usr/lib/python3/dist-packages"
        options = ["--quiet", "--only-binary=:all:", "--no-compile", "--root-user-action=ignore"]
        self.python(str(pip), "install", *options, "--target", str(target), *requirements)

    def keep_modules(self, wanted: Iterable[str]) -> str:
        """Drop every kernel module but these and what they need; gives the kernel's version."""
        (folder,) = (self.folder / "usr/lib/modules").iterdir()
        self._depmod(folder.name)
        builtin = (folder / "modules.builtin").read_text()
        files = kernel.modules_in_order((folder / "modules.dep").read_text(), wanted, builtin)
        kernel.prune_modules(folder, files)
        kernel.decompress_modules(folder)
        self._depmod(folder.name)
        return folder.name

    def furnish(self, inside: Path) -> None:
        """Put in accounts, mount points, the lab's own programs, and drop what nobody reads."""
        for pattern in (*_UNREAD, _SERVICE_DESCRIPTIONS):
            for path in self.folder.glob(pattern):
                shutil.rmtree(path)
        for name, text in _ACCOUNTS.items():
            (self.folder / name).write_text(text)
        for name in _MOUNT_POINTS:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copytree(inside, self.folder / "lab", ignore=shutil.ignore_patterns("__pycache__"))
        for program in (self.folder / "lab").iterdir():
            program.chmod(0o755)
        modules = "".join(f"{name}\n" for name in recipe.GUEST_MODULES)
        (self.folder / "lab/modules").write_text(modules)
        (self.folder / "etc/inittab").symlink_to("/lab/inittab")
        (self.folder / "var/run").symlink_to("/run")
        (self.folder / "usr/bin/clickclaim").symlink_to("/lab/clickclaim")
        self._install_busybox()

    def compile(self) -> None:
        """Compile every Python file that will be imported; byte code is never checked again."""
        # One worker each (-j would start the host's Python), but the two folders at once.
        options = ["-q", "-q", "--invalidation-mode", "unchecked-hash"]
        where = ["-s", str(self.folder), "-p", "/"]
        # Some packages ship templates that are no Python; the guest would not import them either.
        script = "import compileall; compileall.main()"
        with ThreadPoolExecutor() as pool:
            folders = self.folder.glob("usr/lib/python3*")
            compiled = [
                pool.submit(self.python, "-c", script, *options, *where, str(folder))
                for folder in folders
            ]
        for one in compiled:
            one.result()

    def pack(self, mksquashfs: Root, image: Path) -> None:
        """Write the squashfs image; everything in it belongs to root."""
        options = ["-all-root", "-noappend", "-quiet", "-no-progress", "-comp", "lz4"]
        mksquashfs.run("usr/bin/mksquashfs", str(self.folder), str(image), *options)

    def boot_archive(self) -> bytes:
        """The initramfs: busybox, and the modules that make the root file system readable."""
        (folder,) = (self.folder / "usr/lib/modules").iterdir()
        builtin = (folder / "modules.builtin").read_text()
        dep = (folder / "modules.dep").read_text()
        files = kernel.modules_in_order(dep, recipe.BOOT_MODULES, builtin)
        modules = [
            cpio.program(f"m/{number:02}.ko", kernel.decompress((folder / path).read_bytes()))
            for number, path in enumerate(files)
        ]
        return cpio.archive(
            [
                *(cpio.folder(name) for name in ("bin", "dev", "m", "root")),
                cpio.character_device("dev/console", 5, 1),
                cpio.program("bin/busybox", (self.folder / "usr/bin/busybox").read_bytes()),
                cpio.program("init", (self.folder / "lab/first-init").read_bytes()),
                *modules,
            ]
        )

    def _depmod(self, version: str) -> None:
        self.run("usr/bin/kmod", "-b", str(self.folder), version, called="depmod")

    def _install_busybox(self) -> None:
        for applet in self.run("usr/bin/busybox", "--list").split():
            link = self.folder / "usr/bin" / applet
            taken = any(os.path.lexists(self.folder / place / applet) for place in _PROGRAMS)
            if not taken:
                link.symlink_to("busybox")
        (self.folder / "usr/sbin/init").unlink(missing_ok=True)
        (self.folder / "usr/sbin/init").symlink_to("../bin/busybox")


_PROGRAMS = ("usr/bin", "usr/sbin")
