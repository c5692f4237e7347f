"""Whether the packages that the fixtures import are ours, in a process with a project's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

_OURS: Final = Path(__file__).parents[2]


class PackageHiddenError(Exception):
    """A package of ours cannot be imported: one of the same name comes first."""


def check_packages() -> None:
    """PackageHiddenError where ``import hardware`` gives another package than clickclaim's."""
    for name in ("firmware_sim", "hardware"):
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin) if spec and spec.origin else None
        if found is None or _OURS not in found.parents:
            where = found.parent if found and found.name == "__init__.py" else found
            raise PackageHiddenError(
                f"the package {name} comes from {where}, not from clickclaim, which has one of that"
                " name too. Rename it, or keep its folder out of sys.path:"
                " pytest --import-mode=importlib"
            )
