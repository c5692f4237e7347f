"""Makes the guest's image: the order of the steps, and that a half-made one never counts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import apt, kernel, recipe
from .recipe import Recipe
from .root import Root

Say = Callable[[str], None]

# Two branches can be worked on in turn; each image takes a quarter of a gigabyte.
_KEPT = 2


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image: what QEMU is started with."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """The uncompressed kernel."""
        return self.folder / "vmlinux"

    @property
    def boot_archive(self) -> Path:
        """The initramfs."""
        return self.folder / "initramfs"

    @property
    def root(self) -> Path:
        """The squashfs root file system."""
        return self.folder / "root.squashfs"

    def exists(self) -> bool:
        """Whether it was built to the end."""
        return self.root.exists() and self.kernel.exists() and self.boot_archive.exists()


def image_for(made_by: Recipe) -> Image:
    """Where the image of a recipe is, built or not."""
    return Image(made_by.folder())


def build(made_by: Recipe, say: Say) -> Image:
    """Make the image, unless it is there already. Needs the network, not root."""
    image = image_for(made_by)
    if image.exists():
        say(f"image is there: {image.folder}")
        return image
    # Beside its final place: a rename within one file system is all or nothing.
    unfinished = image.folder.with_name(f"{image.folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _fill(unfinished, made_by, say)
    shutil.rmtree(unfinished / "work")
    shutil.rmtree(image.folder, ignore_errors=True)
    unfinished.rename(image.folder)
    _forget_old(image.folder.parent, _KEPT)
    return image


def _forget_old(cache: Path, kept: int) -> None:
    """Delete all but the newest images: each change of the recipe makes another."""
    images = [folder for folder in cache.iterdir() if Image(folder).exists()]
    for folder in sorted(images, key=lambda image: image.stat().st_mtime)[:-kept]:
        shutil.rmtree(folder)


def _fill(folder: Path, made_by: Recipe, say: Say) -> None:
    work, image = folder / "work", Image(folder)
    root, tools = Root(work / "root"), Root(work / "tools")
    with _told("packages: lists and download", say):
        packages = apt.PrivateApt(work / "apt")
        packages.update()
        closure = packages.closure(*made_by.kernels, *made_by.packages)
        guest = packages.download([name for name in closure if recipe.wanted(name)])
        squashfs = packages.closure("squashfs-tools")
        host = packages.download([name for name in squashfs if recipe.wanted(name)])
    with _told("root file system: unpack", say):
        root.unpack(guest)
        tools.unpack(host)
    with _told("wheels", say):
        root.install_wheels(made_by.wheels)
    with _told("kernel and modules", say):
        version = root.keep_modules((*recipe.BOOT_MODULES, *recipe.GUEST_MODULES))
        (bzimage,) = (root.folder / "boot").glob("vmlinuz-*")
        image.kernel.write_bytes(kernel.vmlinux(bzimage.read_bytes()))
        shutil.rmtree(root.folder / "boot")
    with _told("furnish and compile", say):
        root.furnish(recipe.LAB / "inside")
        root.compile()
    with _told("pack", say):
        root.pack(tools, image.root)
        image.boot_archive.write_bytes(root.boot_archive())
    size_mb = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
    say(f"Linux {version}, {size_mb:.0f} MB in all")


@contextmanager
def _told(step: str, say: Say) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{step}: {time.monotonic() - started:.1f} s")
