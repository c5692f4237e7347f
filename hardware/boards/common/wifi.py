"""Whether the Wi-Fi is there, and when joining it is tried again. Never waits."""

from time import ticks_diff

# An access point answers in a few seconds; DHCP may take as many again.
RETRY_MS = 15_000


class Wifi:
    """Joins one network and joins it again whenever it was lost."""

    def __init__(self, wlan: "WLAN", ssid: str, password: str, remark: "Remark") -> None:
        self._wlan = wlan
        self._ssid = ssid
        self._password = password
        self._remark = remark
        self._joined = False
        self._tried_ms = None

    def poll(self, now_ms: int) -> bool:
        """Whether it is there now."""
        joined = self._wlan.isconnected()
        if joined != self._joined:
            self._joined = joined
            self._tried_ms = now_ms
            self._remark(f"wifi: {'joined' if joined else 'lost'} {self._ssid!r}")
        if not joined and self._due(now_ms):
            self._join(now_ms)
        return joined

    def off(self) -> None:
        """Switch the radio off: a chip that goes to sleep must not leave it on."""
        try:
            self._wlan.disconnect()
        except OSError:
            pass  # it was not connected
        self._wlan.active(False)

    def _due(self, now_ms: int) -> bool:
        return self._tried_ms is None or ticks_diff(now_ms, self._tried_ms) >= RETRY_MS

    def _join(self, now_ms: int) -> None:
        again = self._tried_ms is not None
        self._tried_ms = now_ms
        try:
            if again:
                # The number is the firmware's own: network.STAT_... says what it means.
                self._remark(f"wifi: no {self._ssid!r} yet, status {self._wlan.status()}")
                self._wlan.disconnect()
            self._wlan.active(True)
            self._wlan.connect(self._ssid, self._password or None)
        except OSError as error:
            self._remark(f"wifi: {error}")
