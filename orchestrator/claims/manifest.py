"""A manifest of devices: a CSV file as a factory or a shipping list gives it, read whole first."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orchestrator.claims.device_keys import KeyKind, parse_kind, parse_secret
from orchestrator.domain.errors import ClickclaimError, InvalidRequestError
from orchestrator.domain.ids import parse_claim_code, parse_device_id

COLUMNS: Final = ("deviceId", "type", "claimCode", "key", "keyKind", "alias", "ratedClicks")
# A claim's clicks are counted in 32 bits on the button.
_RATED_CLICKS_MAX: Final = 2**32 - 1


class ManifestError(ClickclaimError):
    """A row cannot be used; nothing of the file was imported."""

    def __init__(self, path: Path, line: int, column: str, problem: str) -> None:
        where = f"{path}, line {line}" + (f", column {column}" if column else "")
        super().__init__(f"{where}: {problem} Nothing was imported; mend the line and try again.")
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One device of a manifest."""

    line: int
    device_id: str
    kind: str = "button"
    claim_code: str | None = None
    key_kind: KeyKind | None = None
    key: bytes | None = field(default=None, repr=False)
    alias: str | None = None
    rated_clicks: int | None = None


def read_manifest(path: Path) -> list[ManifestRow]:
    """Every row of the file, or ManifestError naming file, line and column of the first bad one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ManifestError(path, 0, "", f"cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ManifestError(path, 0, "", "is not UTF-8 text.") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    _check_header(path, reader.fieldnames)
    rows: list[ManifestRow] = []
    seen: dict[str, int] = {}
    for line, cells in _rows(path, reader):
        row = _parse(path, line, cells)
        if row.device_id in seen:
            first = seen[row.device_id]
            raise ManifestError(
                path, line, "deviceId", f"{row.device_id} stands on line {first} already."
            )
        seen[row.device_id] = line
        rows.append(row)
    return rows


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for cells in reader:
            line = reader.line_num
            if None in cells:
                raise ManifestError(path, line, "", "has more cells than the header has names.")
            yield line, {name: (cell or "").strip() for name, cell in cells.items()}
    except csv.Error as error:
        raise ManifestError(path, reader.line_num, "", f"is not CSV: {error}.") from None


def _check_header(path: Path, names: object) -> None:
    found = list(names) if isinstance(names, list | tuple) else []
    if "deviceId" not in found:
        raise ManifestError(
            path, 1, "deviceId", "the header needs this column; " + f"it may have {_columns()}."
        )
    for name in found:
        if name not in COLUMNS:
            raise ManifestError(path, 1, str(name), f"is not one of {_columns()}.")


def _parse(path: Path, line: int, cells: dict[str, str]) -> ManifestRow:
    """A row, each cell checked; an empty cell says nothing."""

    def refuse(column: str, problem: str) -> ManifestError:
        return ManifestError(path, line, column, problem)

    column = "deviceId"
    try:
        device_id = parse_device_id(cells["deviceId"])
        column = "claimCode"
        code = parse_claim_code(cells["claimCode"]) if cells.get("claimCode") else None
        kind_text = cells.get("keyKind") or ("hmac" if cells.get("key") else "")
        column = "keyKind"
        key_kind = parse_kind(kind_text) if kind_text else None
        column = "key"
        key = parse_secret(key_kind, cells["key"]) if key_kind and cells.get("key") else None
    except InvalidRequestError as error:
        raise refuse(column, str(error)) from None
    if key_kind is not None and key is None:
        raise refuse("key", f"keyKind is {key_kind}, and the key is missing.")
    return ManifestRow(
        line=line,
        device_id=device_id,
        kind=cells.get("type") or "button",
        claim_code=code,
        key_kind=key_kind,
        key=key,
        alias=cells.get("alias") or None,
        rated_clicks=_rated_clicks(path, line, cells.get("ratedClicks") or ""),
    )


def _rated_clicks(path: Path, line: int, text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _RATED_CLICKS_MAX:
        raise ManifestError(path, line, "ratedClicks", f"{text!r} is not a whole number from 1.")
    return int(text)


def _columns() -> str:
    return ", ".join(COLUMNS)
