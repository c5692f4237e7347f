"""How long a click is advertised, and the bytes around its BTHome service data."""

from time import ticks_add, ticks_diff

# A receiver that listens a tenth of the time (ESPHome: 30 ms of every 320) still hears one of
# thirty repetitions. Receivers exist that take a repetition after more than 4 s for a new click.
ADVERTISE_MS = 3_000

# Type bytes of the Bluetooth assigned numbers: flags, complete local name, service data of a
# 16-bit UUID. The flags say: general discoverable, no classic Bluetooth.
_FLAGS = b"\x02\x01\x06"
_NAME = 0x09
_SERVICE_DATA = 0x16
_BTHOME_UUID = b"\xd2\xfc"

MAX_ADVERTISEMENT_BYTES = 31


class Advertiser:
    """The radio: silent but for a while after each click, which replaces the one before."""

    def __init__(self, ble: "BLE", device_id: str, interval_us: int) -> None:
        self._ble = ble
        self._name = b"CC-" + device_id[-4:].encode()
        self._interval_us = interval_us
        self._until_ms = None
        ble.active(True)

    def address(self) -> bytes:
        """The address in the order in which it is printed."""
        return bytes(self._ble.config("mac")[1])

    def advertise(self, service_data: bytes, now_ms: int) -> None:
        """Say a click to whoever listens; nobody can connect."""
        self._ble.gap_advertise(
            self._interval_us, advertisement(service_data, self._name), connectable=False
        )
        self._until_ms = ticks_add(now_ms, ADVERTISE_MS)

    def idle(self) -> bool:
        """Nothing is being advertised."""
        return self._until_ms is None

    def poll(self, now_ms: int) -> None:
        """Fall silent when it was long enough."""
        if self._until_ms is not None and ticks_diff(now_ms, self._until_ms) >= 0:
            self._until_ms = None
            self._ble.gap_advertise(None)

    def close(self) -> None:
        """Switch the radio off."""
        self._ble.active(False)


def advertisement(service_data: bytes, name: bytes) -> bytes:
    """Flags, BTHome service data and, as far as there is room for it, the name."""
    said = _FLAGS + _structure(_SERVICE_DATA, _BTHOME_UUID + service_data)
    named = said + _structure(_NAME, name)
    return named if len(named) <= MAX_ADVERTISEMENT_BYTES else said


def _structure(kind: int, data: bytes) -> bytes:
    return bytes([len(data) + 1, kind]) + data
