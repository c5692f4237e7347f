"""The recipe fits this host, names its image by content, and a missing image says what to run."""

import dataclasses
from pathlib import Path

import pytest
from buttonlab import build, recipe, snapshot


def os_release(folder: Path, text: str) -> Path:
    path = folder / "os-release"
    path.write_text(text)
    return path


DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'


def test_debian_and_what_derives_from_ubuntu_are_known(tmp_path: Path) -> None:
    assert recipe.for_this_host(os_release(tmp_path, DEBIAN)).kernels == ("linux-image-amd64",)
    mint = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n'
    assert recipe.for_this_host(os_release(tmp_path, mint)).distribution == "ubuntu"


def test_another_system_is_told_where_it_would_work(tmp_path: Path) -> None:
    fedora = os_release(tmp_path, 'ID=fedora\nPRETTY_NAME="Fedora Linux 43"\n')
    with pytest.raises(recipe.UnsupportedHostError, match=r"Fedora Linux 43.*debian:12"):
        recipe.for_this_host(fedora)


def test_whatever_changes_the_image_changes_its_name(tmp_path: Path) -> None:
    made_by = recipe.for_this_host(os_release(tmp_path, DEBIAN))
    digests = {made_by.digest()}
    for field in dataclasses.fields(made_by):
        other = "other" if isinstance(getattr(made_by, field.name), str) else ("other",)
        digests.add(dataclasses.replace(made_by, **{field.name: other}).digest())
    assert len(digests) == 1 + len(dataclasses.fields(made_by))


def test_the_guest_gets_what_a_bench_installs(tmp_path: Path) -> None:
    wheels = " ".join(recipe.for_this_host(os_release(tmp_path, DEBIAN)).wheels)
    assert all(name in wheels for name in ("bleak", "pyserial", "uvicorn", "amqtt"))
    assert "pytest" not in wheels


def test_nothing_that_needs_an_installed_system_is_unpacked() -> None:
    assert [name for name in ("perl-base", "udev", "dpkg") if recipe.wanted(name)] == []
    assert all(recipe.wanted(name) for name in ("bluez", "libc6", "python3.11"))


def test_a_guest_that_is_not_built_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(snapshot.NotBuiltError, match=r"not built.*run: scripts/lab build"):
        snapshot.require(build.Image(tmp_path))


def test_the_cache_follows_the_users_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert recipe.cache_folder() == Path("/somewhere/clickclaim/lab")


def test_only_the_newest_images_are_kept(tmp_path: Path) -> None:
    import os

    for age, name in enumerate(["newest", "newer", "old"]):
        image = build.Image(tmp_path / name)
        image.folder.mkdir()
        for path in (image.kernel, image.root, image.boot_archive):
            path.write_bytes(b"")
        os.utime(image.folder, (1000 - age, 1000 - age))
    (tmp_path / "half.unfinished").mkdir()
    build._forget_old(tmp_path, kept=2)
    assert {path.name for path in tmp_path.iterdir()} == {"newest", "newer", "half.unfinished"}
