"""Where current AWS clients find the model: written into their own search path, and taken out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator.api.model import paginators_model, service_model
from orchestrator.api.operations import API_VERSION
from orchestrator.domain.errors import ClickclaimError

SERVICE_NAME: Final = "iot1click-devices"
# What tells our file from one that somebody else put there.
_OURS: Final = "clickclaim"

_FILES: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "service-2.json": service_model,
    "paginators-1.json": paginators_model,
}


class ModelFolderError(ClickclaimError):
    """The folder of models cannot be used, or holds a model that is not ours."""


def model_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where clients look: the first folder of AWS_DATA_PATH, else ``~/.aws/models``."""
    first = environ.get("AWS_DATA_PATH", "").split(os.pathsep)[0]
    if first:
        return Path(first).expanduser() / SERVICE_NAME / API_VERSION
    home = environ.get("HOME")
    base = Path(home) if home else Path.home()
    return base / ".aws" / "models" / SERVICE_NAME / API_VERSION


def install_model(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Write the model and its paginators; the files written. Ours are replaced, others are not."""
    folder = model_folder(environ)
    _check_ours(folder, "install")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in _FILES.items():
            document = {"x-generated-by": _OURS, **content()}
            (folder / name).write_text(json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise ModelFolderError(
            f"The model cannot be written to {folder}: {error.strerror}."
            " Set AWS_DATA_PATH to a folder that you may write to."
        ) from error
    return tuple(folder / name for name in _FILES)


def remove_model(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Take out what ``install_model`` wrote; the files removed, none when none was there.

    Folders that are empty after it go too, but never ``~/.aws/models`` itself.
    """
    folder = model_folder(environ)
    _check_ours(folder, "remove")
    removed = tuple(folder / name for name in _FILES if (folder / name).exists())
    try:
        for path in removed:
            path.unlink()
        for empty in (folder, folder.parent):
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()
    except OSError as error:
        raise ModelFolderError(
            f"The model cannot be removed from {folder}: {error.strerror}. Delete it by hand."
        ) from error
    return removed


def _check_ours(folder: Path, verb: str) -> None:
    for name in _FILES:
        path = folder / name
        if path.exists() and not _is_ours(path):
            raise ModelFolderError(
                f"{path} was not written by clickclaim, so `aws-model {verb}` leaves it alone."
                " Move it away first."
            )


def _is_ours(path: Path) -> bool:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("x-generated-by") == _OURS
