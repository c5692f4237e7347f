"""What our own button says of one click, whatever the encoding, and which values can be."""

from firmware_sim.core.clicks import CLICK_TYPES
from firmware_sim.core.wire.errors import WireError

U32_MAX = 0xFFFFFFFF

# Remaining life travels as an integer inside the core: hundredths of a percent, since many chips
# count in 32-bit floats, which cannot hold 99.85.
LIFE_MAX_BP = 10_000

# The claim API accepts 1 to 32 of these in a device id.
_DEVICE_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
MAX_DEVICE_ID_CHARS = 32

# The claim API's certificate ids are 64 hex digits; twice that leaves room for a thumbprint with
# colons and still bounds the frame.
MAX_CERTIFICATE_ID_CHARS = 128

# 16 bytes of the HMAC in hex: half of SHA-256, as RFC 2104 section 5 allows at the least.
AUTH_CHARS = 32

# 9999-12-31T23:59:59.999Z, the last moment that the text form can say.
MAX_REPORTED_MS = 253_402_300_799_999


class ButtonClick:
    """One click of one of our own buttons. Immutable by custom; compared by value.

    - ``device_id``: 1..32 of ``A-Z a-z 0-9 _ -``
    - ``boot_id``, ``counter``: u32; the boot id rises at each start, the counter at each click
    - ``click_type``: SINGLE, DOUBLE or LONG
    - ``remaining_life_bp``: hundredths of a percent, 0..10000, or None when the device says nothing
    - ``test_mode``: the device says that this click is a rehearsal
    - ``reported_ms``: the device's own UTC clock in ms since 1970, or None when it has none
    - ``certificate_id``: which certificate it connects with, or None
    - ``auth``: see ``sign``; empty when the device has no key

    Raises WireError (``type`` or ``range``) for a value that cannot be.
    """

    def __init__(
        self,
        device_id: str,
        boot_id: int,
        counter: int,
        click_type: str,
        *,
        remaining_life_bp: int | None = None,
        test_mode: bool = False,
        reported_ms: int | None = None,
        certificate_id: str | None = None,
        auth: str = "",
    ) -> None:
        self.device_id = check_device_id(device_id)
        self.boot_id = check_integer("bootId", boot_id, U32_MAX)
        self.counter = check_integer("counter", counter, U32_MAX)
        self.click_type = check_click_type(click_type)
        self.remaining_life_bp = (
            None
            if remaining_life_bp is None
            else check_integer("remainingLife in hundredths", remaining_life_bp, LIFE_MAX_BP)
        )
        self.test_mode = check_flag("testMode", test_mode)
        self.reported_ms = (
            None
            if reported_ms is None
            else check_integer("reportedTime in ms", reported_ms, MAX_REPORTED_MS)
        )
        self.certificate_id = None if certificate_id is None else _check_certificate(certificate_id)
        self.auth = _check_auth(auth)

    @property
    def remaining_life(self) -> float | None:
        """Remaining life in percent, 0..100, or None."""
        return None if self.remaining_life_bp is None else self.remaining_life_bp / 100

    def _fields(self) -> tuple[object, ...]:
        return (
            self.device_id,
            self.boot_id,
            self.counter,
            self.click_type,
            self.remaining_life_bp,
            self.test_mode,
            self.reported_ms,
            self.certificate_id,
            self.auth,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ButtonClick) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"ButtonClick{self._fields()!r}"


def check_device_id(value: object) -> str:
    """The device id itself, or WireError."""
    if not isinstance(value, str):
        raise WireError("type", f"device id is {value!r}, not text")
    if not 1 <= len(value) <= MAX_DEVICE_ID_CHARS:
        raise WireError(
            "range",
            f"device id has {len(value)} characters; it must have 1 to {MAX_DEVICE_ID_CHARS}",
        )
    if wrong := _other_than(_DEVICE_ID_CHARS, value):
        raise WireError("range", f"device id has the character {wrong!r}; use A-Z a-z 0-9 _ and -")
    return value


def check_integer(name: str, value: object, largest: int) -> int:
    """The integer itself when it is one (a flag is none) and within 0..largest, or WireError."""
    # MicroPython says that True is no int, CPython says it is: both are asked.
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireError("type", f"{name} is {value!r}, not a whole number")
    if not 0 <= value <= largest:
        raise WireError("range", f"{name} is {value}; it must be 0 to {largest}")
    return value


def check_flag(name: str, value: object) -> bool:
    """The flag itself, or WireError."""
    if value is True:
        return True
    if value is False:
        return False
    raise WireError("type", f"{name} is {value!r}, neither true nor false")


def check_click_type(value: object) -> str:
    """The click type itself, or WireError."""
    if not isinstance(value, str):
        raise WireError("type", f"clickType is {value!r}, not text")
    if value not in CLICK_TYPES:
        raise WireError("range", f"clickType is {value!r}; it must be SINGLE, DOUBLE or LONG")
    return value


def _check_certificate(value: object) -> str:
    if not isinstance(value, str):
        raise WireError("type", f"certificateId is {value!r}, not text")
    if not 1 <= len(value) <= MAX_CERTIFICATE_ID_CHARS:
        raise WireError(
            "range",
            f"certificateId has {len(value)} characters; it must have 1 to"
            f" {MAX_CERTIFICATE_ID_CHARS}",
        )
    for character in value:
        if not " " < character <= "~" or character in '"\\':
            raise WireError("range", f"certificateId has the character {character!r}")
    return value


def _check_auth(value: object) -> str:
    if not isinstance(value, str):
        raise WireError("type", f"auth is {value!r}, not text")
    if value == "":
        return value
    if len(value) != AUTH_CHARS:
        raise WireError(
            "range", f"auth has {len(value)} characters; it must be empty or have {AUTH_CHARS}"
        )
    if wrong := _other_than("0123456789abcdef", value):
        raise WireError("range", f"auth has the character {wrong!r}; use lower-case hex")
    return value


def _other_than(allowed: str, text: str) -> str:
    """The first character of a text that is none of these; empty when all are."""
    return text.lstrip(allowed)[:1]
