"""What is heard and what it means: a raw frame, the click a decoder reads in it, or why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Transport = Literal["mqtt", "serial", "ble-advertisement", "ble-notify"]

# Every word a decoder may use for what it saw. The first three are the claim API's clicks; the
# others exist in the field and are reported as they are (see BTHome's object 0x3A, zigbee2mqtt).
CLICK_TYPES: Final = (
    "SINGLE",
    "DOUBLE",
    "LONG",
    "TRIPLE",
    "QUADRUPLE",
    "QUINTUPLE",
    "MANY",
    "HOLD",
    "DOWN",
    "UP",
    "RELEASE",
    "EMERGENCY",
    "NONE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """Bytes of one message as a source heard them, with what the link itself said about them."""

    transport: Transport
    source: str
    """Spec string of the source that heard it, without secrets: ``ble:``, ``mqtt://host:1883/``."""
    heard_ms: int
    """UTC milliseconds, stamped when the bytes were read."""
    payload: bytes
    address: str | None = None
    """Who sent it, as the link says: Bluetooth address ``A4:C1:38:8D:18:B2`` (upper case), or the
    USB serial number of the port (its device path when it has none); None on MQTT."""
    channel: str | None = None
    """MQTT topic; UUID of the service data; UUID of the notifying characteristic; None on serial.
    UUIDs are lower case and 128 bits long."""
    name: str | None = None
    """Local name in the advertisement, or the product name of the USB device."""
    rssi_dbm: int | None = None
    service_uuids: tuple[str, ...] = ()
    """What else the peer advertises or offers: needed where two families share one UUID."""
    manufacturer_data: tuple[tuple[int, bytes], ...] = ()
    """(company id, bytes) pairs of the same advertisement."""
    retained: bool = False
    """MQTT retain flag on delivery: the broker kept this copy, nobody pressed now."""
    queued: bool = False
    """The broker may have held it while we were away: it was heard before the source's marker."""
    last_heard_before_ms: int | None = None
    """For a queued frame: when the previous connection last heard anything (UTC ms)."""
    direct: bool = False
    """Heard by the station's own driver: a local serial port or a Bluetooth radio. False for
    whatever a broker, a replay or a network URL such as ``socket://`` carried."""
    link_lost: bool = False
    """No message at all: the connection to ``address`` ended, so a level it had last reported
    means nothing any more. The payload is empty."""
    simulated: bool = False
    """From a replay or a simulated button. Never counts in ``production``."""
    acknowledge_token: Any = field(default=None, compare=False, repr=False)
    """The source's own handle for ``Source.acknowledge``; never captured, never forwarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """What a decoder read in a frame. One press may give many of these (see ``repeats``)."""

    frame: RawFrame
    family: str
    """Name of the module in ``hardware.families`` that read it."""
    address: str
    """The button, as the button itself gives it: MAC, serial number, topic level, device id."""
    click_type: str
    """One of ``CLICK_TYPES``."""
    button: str | int | None = None
    """Which button of several, as the family names it."""
    namespace: str | None = None
    """Said by our own MQTT topic only."""
    press_id: str | None = None
    """Equal for all frames of one press, different for the next one of the same boot; None when
    the family says nothing that could tell them apart."""
    freshness: tuple[int, ...] | None = None
    """Grows with each new press or frame of this button; compared as a tuple. Only to be trusted
    when ``authenticated``."""
    authenticated: bool = False
    """A device key opened this frame or verified its signature."""
    battery_percent: float | None = None
    battery_mv: int | None = None
    remaining_life: float | None = None
    """0..100, when the device itself reports the 1-Click quantity."""
    reported_ms: int | None = None
    """The device's own idea of the time (UTC ms). Never used to decide anything."""
    certificate_id: str | None = None
    test_mode: bool = False
    counter: dict[str, Any] | None = None
    """Every number the frame carries that orders presses, under the family's own names."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Anything else worth showing in ``watch`` and ``decode``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A frame in which no click was read, and why."""

    frame: RawFrame
    reason: str
    """A sentence for a person: what is the matter, and the next step where there is one."""
    valid: bool = False
    """The frame itself was well formed and, where it can be checked, genuine."""
    family: str | None = None
    address: str | None = None
    click_type: str | None = None
    """``NONE`` when the frame says outright that nothing was pressed."""
    authenticated: bool = False
    freshness: tuple[int, ...] | None = None
    """An authenticated frame without a click still moves the high-water mark."""
    battery_percent: float | None = None
    battery_mv: int | None = None
    counter: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
