"""What goes out on the USB serial port: sentences as they are, remarks behind a ``#``."""

import sys

# Text mode would turn the sentence's CR LF into CR CR LF.
_port = getattr(sys.stdout, "buffer", sys.stdout)


def write(data: bytes) -> None:
    """The bytes of a sentence."""
    _port.write(data)


def remark(text: str) -> None:
    """A line for a person at a terminal; readers of sentences skip it."""
    _port.write(b"# " + text.encode() + b"\r\n")
