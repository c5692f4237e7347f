"""What goes into the guest: packages, kernel modules, Python wheels; and the hash that names it."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

LAB = Path(__file__).resolve().parent
REPOSITORY = LAB.parents[2]

# The distribution's general kernel: the cloud flavours leave out Bluetooth and USB serial.
_KERNELS = {"debian": ("linux-image-amd64",), "ubuntu": ("linux-image-generic",)}

_PACKAGES = ("bluez", "dbus-daemon", "kmod", "libgcc-s1", "python3", "busybox-static")

# Pulled in by dependencies, yet nothing in the guest runs them: it has no package manager, no
# users but root, no udev, and busybox stands for the usual tools.
_LEFT_OUT = (
    "adduser",
    "coreutils",
    "cpio",
    "dash",
    "debconf*",
    "debianutils",
    "dpkg",
    "dracut*",
    "gcc-*-base",
    "init-system-helpers",
    "initramfs-tools*",
    "klibc-utils",
    "libfile-find-rule-perl",
    "libgdbm*",
    "libklibc*",
    "libnumber-compare-perl",
    "libpam*",
    "libperl*",
    "libsemanage*",
    "libsepol*",
    "libtext-glob-perl",
    "linux-base*",
    "*-microcode",
    "linux-firmware*",
    "logsave",
    "lsb-base",
    "media-types",
    "mailcap",
    "mime-support",
    "passwd",
    "perl*",
    "systemd*",
    "sysvinit-utils",
    "tar",
    "tzdata*",
    "udev",
    "usrmerge",
    "wireless-regdb",
)

# Needed before the root file system is there, in the initramfs.
BOOT_MODULES = ("virtio_pci", "virtio_blk", "squashfs")

# uhid and the AF_ALG family are what bluetoothd asks for.
GUEST_MODULES = (
    "virtio_console",
    "bluetooth",
    "hci_uart",
    "uhid",
    "algif_hash",
    "algif_skcipher",
    "cmac",
    "ecb",
    "xhci_pci",
    "usbserial",
    "ftdi_sio",
    "cdc_acm",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what an image holds."""

    distribution: str
    release: str
    kernels: tuple[str, ...]
    packages: tuple[str, ...]
    wheels: tuple[str, ...]
    code: str
    """Hash of the lab's own code that ends up in the image or builds it."""

    def digest(self) -> str:
        """A short name for this recipe: the same content, the same name."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def folder(self) -> Path:
        """Where its image is kept."""
        return cache_folder() / self.digest()


class UnsupportedHostError(Exception):
    """This machine cannot build the guest; the message says what would be needed."""


def for_this_host(os_release: Path = Path("/etc/os-release")) -> Recipe:
    """The recipe of this machine: its own distribution's kernel, BlueZ and Python."""
    facts = _read_os_release(os_release)
    names = [facts.get("ID", ""), *facts.get("ID_LIKE", "").split()]
    distribution = next((name for name in names if name in _KERNELS), None)
    if distribution is None or os.uname().machine != "x86_64":
        raise UnsupportedHostError(
            f"the lab's guest is made of Debian or Ubuntu packages for x86_64, this is "
            f"{facts.get('PRETTY_NAME', 'an unknown system')} on {os.uname().machine}; "
            "run it in a debian:12 container"
        )
    return Recipe(
        distribution=distribution,
        release=facts.get("VERSION_ID", "unknown"),
        kernels=_KERNELS[distribution],
        packages=_PACKAGES,
        wheels=_wheels(REPOSITORY / "pyproject.toml"),
        code=_hash_of_code(),
    )


def wanted(package: str) -> bool:
    """Whether a package of the dependency closure is unpacked into the guest."""
    return not any(fnmatch.fnmatchcase(package, pattern) for pattern in _LEFT_OUT)


def cache_folder() -> Path:
    """The folder of all images."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "clickclaim" / "lab"


def _wheels(pyproject: Path) -> tuple[str, ...]:
    """The base install and the two driver extras: what a user at the bench installs."""
    project = tomllib.loads(pyproject.read_text())["project"]
    extras = project["optional-dependencies"]
    return tuple(sorted([*project["dependencies"], *extras["ble"], *extras["serial"]]))


def _hash_of_code() -> str:
    digest = hashlib.sha256()
    building = [LAB / name for name in ("recipe.py", "apt.py", "kernel.py", "root.py", "cpio.py")]
    for path in sorted([*building, *(LAB / "inside").iterdir()]):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _read_os_release(path: Path) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return {name: value.strip().strip('"') for name, value in pairs}
