"""What a file of heard frames looks like: one JSON line each, readable up to where it was cut.

The first line says what the file is. A frame's bytes stand as ``text`` where they are printable
ASCII, else as ``hex``. Keys are never written, and what a capture holds is simulated from then on:
nobody presses when it is played.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from hardware.click import RawFrame

FORMAT: Final = "clickclaim-capture"
VERSION: Final = 1

# A frame takes some 300 bytes, so this is a quarter of a million frames: a night of a busy room.
# A recording that was forgotten must not fill the disk.
MAX_BYTES: Final = 64 * 1024 * 1024

# The longest frame is an MQTT payload, 16 KiB where a decoder still reads it; as hex twice that.
# Longer payloads are refused by the recorder; a longer line in a file is not ours.
MAX_PAYLOAD_BYTES: Final = 64 * 1024
MAX_LINE_CHARS: Final = 4 * MAX_PAYLOAD_BYTES

_TRANSPORTS: Final = ("mqtt", "serial", "ble-advertisement", "ble-notify")


class CaptureError(Exception):
    """A capture file cannot be used. The message names it, what is wrong, and the next step.

    CaptureError
    ├── NotACaptureError    the first line is not a capture's, or of a later version
    └── CaptureFullError    the file has reached its bound
    """


class NotACaptureError(CaptureError):
    """The file is something else."""


class CaptureFullError(CaptureError):
    """The frame was not written: the file is as large as it may become."""


class CaptureWriter:
    """Writes frames to a file, each complete before the next. A context manager."""

    def __init__(
        self, path: Path, *, started_ms: int, note: str = "", max_bytes: int = MAX_BYTES
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._file: TextIO = path.open("w", encoding="utf-8", newline="\n")
        self.frames = 0
        """Frames written so far."""
        self.written_bytes = 0
        header = {"format": FORMAT, "version": VERSION, "started_ms": started_ms}
        self._write({**header, "note": note} if note else header)

    def add(self, frame: RawFrame) -> None:
        """Write one frame. Raises CaptureFullError when it does not fit any more."""
        self._write(to_json(frame))
        self.frames += 1

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, value: dict[str, Any]) -> None:
        line = json.dumps(value, separators=(",", ":")) + "\n"  # ASCII: a char is a byte
        if self.written_bytes + len(line) > self._max_bytes or len(line) > MAX_LINE_CHARS:
            raise CaptureFullError(
                f"{self._path}: a frame of {len(line)} bytes does not fit: the file has"
                f" {self.written_bytes} of at most {self._max_bytes}; record to another file"
            )
        self._file.write(line)
        self._file.flush()  # a recording that is killed keeps every frame before the kill
        self.written_bytes += len(line)


class CaptureReader:
    """Reads the frames of a file in order; where it is cut or damaged, it ends and says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cut = ""
        """Why reading ended before the end of the file; empty when it did not."""
        with path.open(encoding="utf-8", errors="replace") as lines:
            first = lines.readline(MAX_LINE_CHARS)
        header = _parse(first)
        if header is None or header.get("format") != FORMAT:
            raise NotACaptureError(f"{path}: not a capture: its first line does not say {FORMAT}")
        if header.get("version") != VERSION:
            raise NotACaptureError(
                f"{path}: a capture of version {header.get('version')!r}, and this program reads"
                f" version {VERSION}: use the program that recorded it, or a later one"
            )
        self.header = header

    def __iter__(self) -> Iterator[RawFrame]:
        self.cut = ""
        with self._path.open(encoding="utf-8", errors="replace") as lines:
            lines.readline(MAX_LINE_CHARS)
            number = 1
            while line := lines.readline(MAX_LINE_CHARS):
                number += 1
                if not line.strip():
                    continue
                frame = from_json(_parse(line))
                if frame is None:
                    self.cut = f"{self._path}: cut or damaged at line {number}: read up to there"
                    return
                yield frame


def to_json(frame: RawFrame) -> dict[str, Any]:
    """A frame as plain values; what is unset is left out, and so is the source's own handle."""
    if len(frame.payload) > MAX_PAYLOAD_BYTES:
        raise CaptureFullError(
            f"a payload of {len(frame.payload)} bytes is no button's; at most {MAX_PAYLOAD_BYTES}"
        )
    printable = all(0x20 <= byte <= 0x7E for byte in frame.payload)
    said: dict[str, Any] = {
        "heard_ms": frame.heard_ms,
        "transport": frame.transport,
        "source": frame.source,
        "address": frame.address,
        "channel": frame.channel,
        "text" if printable else "hex": (
            frame.payload.decode() if printable else frame.payload.hex()
        ),
        "name": frame.name,
        "rssi_dbm": frame.rssi_dbm,
        "service_uuids": list(frame.service_uuids) or None,
        "manufacturer_data": [[c, d.hex()] for c, d in frame.manufacturer_data] or None,
        "retained": frame.retained or None,
        "queued": frame.queued or None,
        "last_heard_before_ms": frame.last_heard_before_ms,
        "direct": frame.direct or None,
        "link_lost": frame.link_lost or None,
        "simulated": frame.simulated or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def from_json(said: dict[str, Any] | None) -> RawFrame | None:
    """The frame that ``to_json`` wrote, as it was heard; None when it is not one."""
    if said is None or said.get("transport") not in _TRANSPORTS:
        return None
    try:
        payload = bytes.fromhex(said["hex"]) if "hex" in said else str(said["text"]).encode("ascii")
        return RawFrame(
            transport=said["transport"],
            source=str(said["source"]),
            heard_ms=_integer(said["heard_ms"]),
            payload=payload,
            address=_text(said.get("address")),
            channel=_text(said.get("channel")),
            name=_text(said.get("name")),
            rssi_dbm=_maybe_integer(said.get("rssi_dbm")),
            service_uuids=tuple(str(uuid) for uuid in said.get("service_uuids", ())),
            manufacturer_data=tuple(
                (_integer(company), bytes.fromhex(data))
                for company, data in said.get("manufacturer_data", ())
            ),
            retained=said.get("retained") is True,
            queued=said.get("queued") is True,
            last_heard_before_ms=_maybe_integer(said.get("last_heard_before_ms")),
            direct=said.get("direct") is True,
            link_lost=said.get("link_lost") is True,
            simulated=said.get("simulated") is True,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _parse(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _maybe_integer(value: Any) -> int | None:
    return None if value is None else _integer(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
