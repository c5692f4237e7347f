"""Lines from one serial port, read by one thread, found again after every replug."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from firmware_sim.core.wire.sentence import LineReader
from hardware.click import RawFrame
from hardware.source import (
    SourceAwayError,
    SourceError,
    SourceRefusedError,
    SourceSpecError,
)
from hardware.sources.noise import NoiseWatch
from hardware.sources.ports import (
    Comports,
    Node,
    PortInfo,
    PortSpec,
    UsbId,
    explain_open_error,
    find_port,
    is_gone,
    is_not_a_terminal,
    list_comports,
    node_at,
    usb_id_of,
)

# How often the list of ports is looked at while the wanted one is away. A node is there within
# 50 ms of the plug; a person does not notice a quarter of a second.
_POLL_S: Final = 0.25

# udev gives a new node to its group a moment after it appears; until then it looks forbidden.
_PERMISSION_GRACE_S: Final = 1.0

# The reader looks at its stop flag this often, for handlers that cannot cancel a read.
_READ_TIMEOUT_S: Final = 0.5

# Our own sentence is at most this long, and people read it in a terminal. Longer is noise.
MAX_LINE_BYTES: Final = 255

# Lines waiting for a slow consumer. Beyond it the reader pauses, and the port's own flow control
# or the kernel's buffer takes over.
_MAX_WAITING: Final = 1_000

_log = logging.getLogger(__name__)


def open_serial(spec: str, *, now_ms: Callable[[], int], **options: Any) -> SerialSource:
    """A SerialSource for a spec string; see there for the options."""
    return SerialSource(spec, now_ms=now_ms, **options)


class SerialSource:
    """One serial port as a Source.

    ``comports`` lists the ports of this machine; ``on_notice`` is told, once an opening, when
    the port gives nothing but noise; ``poll_s`` is how often the list is looked at while the
    port is away.
    """

    def __init__(
        self,
        spec: str,
        *,
        now_ms: Callable[[], int],
        comports: Comports = list_comports,
        on_notice: Callable[[str], None] | None = None,
        poll_s: float = _POLL_S,
        permission_grace_s: float = _PERMISSION_GRACE_S,
    ) -> None:
        self._wanted = PortSpec.parse(spec)
        self._now_ms = now_ms
        self._comports = comports
        self._on_notice = on_notice
        self._poll_s = poll_s
        self._permission_grace_s = permission_grace_s
        self._remembered: UsbId | None = None
        self._seen_away = False
        self._tried: Node | None = None
        self._reader: _Reader | None = None
        self._address = ""
        self._name: str | None = None

    @property
    def spec(self) -> str:
        """The spec string."""
        return self._wanted.spec

    @property
    def heard_directly(self) -> bool:
        """Whether frames come from our own driver, and not from a network or a program."""
        return self._wanted.heard_directly

    async def open(self) -> None:
        """Find the port, open it for ourselves alone, and start to read."""
        self._seen_away = False
        try:
            path, info = await asyncio.to_thread(self._find)
            self._tried = node_at(path)
            port = await self._open_port(path)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "serial":
                raise
            raise SourceRefusedError(
                self.spec, "pyserial is not installed", "pip install 'clickclaim[serial]'"
            ) from error
        if self._wanted.is_url and self.heard_directly:
            info = await asyncio.to_thread(self._info_of, port.port)
        self._remembered = usb_id_of(info) or self._remembered
        self._address = (info and info.serial_number) or path
        self._name = info.product if info else None
        self._reader = _Reader(port, on_line=self._frame, on_noise=self._notice)
        self._reader.start(f"serial {path}")

    async def read(self) -> RawFrame:
        """The next line."""
        if self._reader is None:
            raise SourceAwayError(self.spec, "is not open")
        try:
            return await self._reader.next()
        except OSError as error:
            if self._wanted.is_url:
                raise SourceAwayError(self.spec, f"the connection ended ({error})") from error
            raise SourceAwayError(
                self.spec, f"unplugged ({error})", "plug the button in again"
            ) from error

    async def acknowledge(self, frame: RawFrame) -> None:
        """Nothing: a serial line has no way back."""

    async def close(self) -> None:
        """Stop the reader and let go of the port."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await asyncio.to_thread(reader.stop)

    async def wait_for_wake(self) -> None:
        """Return when the port has been away and is there again, however short that was."""
        if self._wanted.is_url:
            await asyncio.Event().wait()  # a network has no plug to watch
        while True:
            try:
                path, _ = await asyncio.to_thread(self._find)
            except (SourceError, OSError):
                self._seen_away = True
            else:
                # A board that resets is gone and back between two looks: its node is another.
                if self._seen_away or node_at(path) != self._tried:
                    return
            await asyncio.sleep(self._poll_s)

    def _find(self) -> tuple[str, PortInfo | None]:
        ports = [] if self._wanted.is_url else self._comports()
        try:
            return find_port(self._wanted, ports, self._remembered)
        except SourceAwayError:
            self._seen_away = True
            raise

    def _info_of(self, device: str) -> PortInfo | None:
        return next((port for port in self._comports() if port.device == device), None)

    async def _open_port(self, path: str) -> Any:
        if not self._wanted.is_url and is_not_a_terminal(path):
            raise SourceRefusedError(
                self.spec, f"{path} is not a serial port", "see `clickclaim buttons`"
            )
        deadline_s = asyncio.get_running_loop().time() + self._permission_grace_s
        while True:
            try:
                return await asyncio.to_thread(_open_pyserial, path, self._wanted)
            except OSError as error:
                problem = explain_open_error(self.spec, path, error)
                denied = isinstance(problem, SourceRefusedError)
                if not denied or asyncio.get_running_loop().time() >= deadline_s:
                    self._seen_away = self._seen_away or is_gone(error)
                    raise problem from error
                await asyncio.sleep(self._poll_s)

    def _frame(self, line: bytes) -> RawFrame:
        return RawFrame(
            transport="serial",
            source=self.spec,
            heard_ms=self._now_ms(),
            payload=line,
            address=self._address,
            name=self._name,
            direct=self.heard_directly,
        )

    def _notice(self) -> None:
        sentence = (
            f"{self.spec}: noise: wrong baud rate? It is {self._wanted.baud} now; "
            "name another with ?baud="
        )
        _log.warning("%s", sentence)
        if self._on_notice is not None:
            self._on_notice(sentence)


def _open_pyserial(path: str, wanted: PortSpec) -> Any:
    import serial  # noqa: PLC0415 - drivers load when asked for

    # Not every URL handler knows exclusive access, and only a local device can have it.
    exclusive = {} if wanted.is_url else {"exclusive": True}
    try:
        return serial.serial_for_url(
            path, baudrate=wanted.baud, timeout=_READ_TIMEOUT_S, **exclusive
        )
    except ValueError as error:
        raise SourceSpecError(wanted.spec, str(error), "mend the spec") from error


class _Reader:
    """The thread of one port, and the queue between it and the event loop."""

    def __init__(
        self,
        port: Any,
        *,
        on_line: Callable[[bytes], RawFrame],
        on_noise: Callable[[], None],
    ) -> None:
        self._port = port
        self._on_line = on_line
        self._on_noise = on_noise
        self._loop = asyncio.get_running_loop()
        self._frames: deque[RawFrame] = deque()
        self._room = threading.Semaphore(_MAX_WAITING)
        self._heard = asyncio.Event()
        self._error: OSError | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, name: str) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def next(self) -> RawFrame:
        """The next frame; after the last one, the error that ended the port."""
        while not self._frames:
            if self._error is not None:
                raise self._error
            self._heard.clear()
            await self._heard.wait()
        self._room.release()
        return self._frames.popleft()

    def stop(self) -> None:
        """End the thread, then close the port: never the other way round, its number is reused."""
        self._stopping.set()
        with contextlib.suppress(Exception):  # handlers without it wake up by their timeout
            self._port.cancel_read()
        if self._thread is not None:
            self._thread.join(timeout=_READ_TIMEOUT_S * 4)
        with contextlib.suppress(Exception):  # nothing a broken port says now matters
            self._port.close()

    def _run(self) -> None:
        lines, noise = LineReader(MAX_LINE_BYTES), NoiseWatch()
        try:
            while not self._stopping.is_set():
                data = self._port.read(1)
                if data:
                    # The rest of what is there, in one go; a level of 1 byte a read starves.
                    data += self._port.read(min(self._port.in_waiting, 4096))
                    self._take(data, lines, noise)
        except Exception as error:  # noqa: BLE001 - URL handlers raise what they like when they break
            failure = error if isinstance(error, OSError) else OSError(str(error))
            self._tell(self._fail, failure)

    def _take(self, data: bytes, lines: LineReader, noise: NoiseWatch) -> None:
        dropped_before = lines.dropped_lines
        whole = lines.feed(data)
        if lines.dropped_lines > dropped_before:
            noise.heard_noise(MAX_LINE_BYTES)
        if noise.say():
            self._tell(self._on_noise)
        for line in whole:
            if not noise.is_noise(line):
                self._hand_over(self._on_line(line))
            elif noise.say():
                self._tell(self._on_noise)

    def _hand_over(self, frame: RawFrame) -> None:
        while not self._room.acquire(timeout=_READ_TIMEOUT_S):
            if self._stopping.is_set():
                return
        self._tell(self._put, frame)

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *arguments)

    def _put(self, frame: RawFrame) -> None:
        self._frames.append(frame)
        self._heard.set()

    def _fail(self, error: OSError) -> None:
        self._error = error
        self._heard.set()
