"""A click as one line of text on a serial port, both directions, and how a reader falls in step."""

from firmware_sim.core.wire.click import U32_MAX, ButtonClick
from firmware_sim.core.wire.errors import WireError
from firmware_sim.core.wire.mqtt import life_text

# A reader on a chip has one such buffer. The longest sentence has 113 bytes, so a later version
# may double its fields; a longer line is noise.
MAX_SENTENCE_BYTES = 255

_FIELDS = 8


def _shift_nibble(crc: int) -> int:
    crc <<= 12
    for _ in range(4):
        crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


# Half a byte at a time: 16 numbers of RAM on the chip for a quarter of the time.
_CRC_OF_NIBBLE = tuple([_shift_nibble(nibble) for nibble in range(16)])


def encode_sentence(click: ButtonClick) -> bytes:
    """``$CLK,deviceId,bootId,counter,clickType,remainingLife,testMode,auth*CRC`` CR LF.

    The time and the certificate id are not said: a cable has neither.
    """
    life = "" if click.remaining_life_bp is None else life_text(click.remaining_life_bp)
    body = (
        f"CLK,{click.device_id},{click.boot_id},{click.counter},{click.click_type},{life},"
        f"{1 if click.test_mode else 0},{click.auth}"
    ).encode()
    return b"$" + body + f"*{crc16_ccitt_false(body):04X}\r\n".encode()


def decode_sentence(line: bytes) -> ButtonClick:
    """The click in one line, with or without its line end. Raises WireError only.

    What stands before the last ``$`` is skipped: the rest of a sentence that an unplugged cable
    or a restarted chip broke off. From there on nothing is forgiven.
    """
    line = line.rstrip(b"\r\n")
    start = line.rfind(b"$")
    if start < 0:
        raise WireError("form", f"{_shown(line)} is no sentence: it has no $")
    sentence = line[start:]
    if len(sentence) > MAX_SENTENCE_BYTES:
        raise WireError(
            "oversize",
            f"a sentence of {len(sentence)} bytes; the format ends at {MAX_SENTENCE_BYTES}",
        )
    if sentence[-5:-4] != b"*" or sentence[:5] != b"$CLK,":
        raise WireError("form", f"{_shown(sentence)} is not $CLK,...*CRC")
    body = sentence[1:-5]
    check = f"{crc16_ccitt_false(body):04X}".encode()
    if sentence[-4:] != check:
        raise WireError(
            "crc", f"{_shown(sentence)} was changed on the way: its CRC should be {check.decode()}"
        )
    return _read_fields(body)


def crc16_ccitt_false(data: bytes) -> int:
    """CRC-16, polynomial 0x1021, start 0xFFFF, nothing reflected; ``123456789`` gives 0x29B1."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc << 4 & 0xFFFF) ^ _CRC_OF_NIBBLE[crc >> 12 ^ byte >> 4]
        crc = (crc << 4 & 0xFFFF) ^ _CRC_OF_NIBBLE[crc >> 12 ^ byte & 0x0F]
    return crc


class LineReader:
    """Bytes as they arrive -> whole lines, with a bounded buffer.

    A line longer than ``max_bytes`` is dropped up to its newline and counted in ``dropped_lines``.
    """

    def __init__(self, max_bytes: int = MAX_SENTENCE_BYTES) -> None:
        self.dropped_lines = 0
        self._max_bytes = max_bytes
        self._held = b""
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, without line end; empty lines are left out."""
        lines = []
        pieces = data.split(b"\n")
        for piece in pieces[:-1]:
            self._hold(piece)
            line = self._held.rstrip(b"\r")
            if line and not self._dropping:
                lines.append(line)
            self._held = b""
            self._dropping = False
        self._hold(pieces[-1])
        return lines

    def _hold(self, piece: bytes) -> None:
        if self._dropping:
            return
        # One more for the CR, which is no part of the line.
        if len(self._held) + len(piece) > self._max_bytes + 1:
            self._held = b""
            self._dropping = True
            self.dropped_lines += 1
        else:
            self._held += piece


class SentenceReader:
    """Bytes as they arrive -> clicks and refusals; falls in step again at each newline."""

    def __init__(self) -> None:
        self._lines = LineReader()

    def feed(self, data: bytes) -> "list[ButtonClick | WireError]":
        """What these bytes complete: a click, or the WireError that says why a line is none.

        In order, but for lines that were too long: they come last.
        """
        found: list[ButtonClick | WireError] = []
        dropped_before = self._lines.dropped_lines
        for line in self._lines.feed(data):
            try:
                found.append(decode_sentence(line))
            except WireError as refusal:
                found.append(refusal)
        dropped = self._lines.dropped_lines - dropped_before
        too_long = f"a line of more than {MAX_SENTENCE_BYTES} bytes"
        found.extend([WireError("oversize", too_long) for _ in range(dropped)])
        return found


def _read_fields(body: bytes) -> ButtonClick:
    try:
        text = body.decode()
    except UnicodeError:
        raise WireError("form", f"{_shown(body)} is not ASCII") from None
    fields = text.split(",")
    if len(fields) != _FIELDS:
        raise WireError("missing", f"{_shown(body)} has {len(fields)} fields, not {_FIELDS}")
    if fields[6] not in ("0", "1"):
        raise WireError("range", f"testMode is {fields[6]!r}, neither 0 nor 1")
    return ButtonClick(
        fields[1],
        _u32("bootId", fields[2]),
        _u32("counter", fields[3]),
        fields[4],
        remaining_life_bp=_life_bp(fields[5]),
        test_mode=fields[6] == "1",
        auth=fields[7],
    )


def _u32(name: str, text: str) -> int:
    """A decimal number in its one canonical form, so that a signature covers what was sent."""
    if not _all_digits(text) or len(text) > 10 or (len(text) > 1 and text[0] == "0"):
        raise WireError("range", f"{name} is {text!r}, not a decimal number without leading zeros")
    value = int(text)
    if value > U32_MAX:
        raise WireError("range", f"{name} is {text}; it must be 0 to {U32_MAX}")
    return value


def _life_bp(text: str) -> int | None:
    if text == "":
        return None
    parts = text.split(".")
    decimals = parts[1] if len(parts) == 2 else "0"
    if len(parts) > 2 or not _all_digits(parts[0]) or not _all_digits(decimals):
        raise WireError("range", f"remainingLife is {text!r}, not a percentage such as 99.85")
    if len(parts[0]) > 3 or len(decimals) > 2:
        raise WireError("range", f"remainingLife is {text!r}; it has at most two decimals")
    return int(parts[0]) * 100 + int((decimals + "0")[:2])


def _all_digits(text: str) -> bool:
    if text == "":
        return False
    for character in text:
        if not "0" <= character <= "9":
            return False
    return True


def _shown(line: bytes) -> str:
    return repr(line[:60])
