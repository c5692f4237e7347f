"""A Wi-Fi that takes a second to join and drops everybody when it goes away."""

from bench import bench, tell, wifi_there

STA_IF = 0
JOIN_MS = 1_000


class WLAN:
    def __init__(self, interface):
        self._active = False
        self._joined_from_ms = None

    def active(self, on):
        self._active = on
        tell("wlan", "on" if on else "off")

    def connect(self, ssid, password):
        assert self._active
        tell("join", f"{ssid} {password}")
        self._joined_from_ms = bench.now_ms + JOIN_MS if wifi_there() else None

    def disconnect(self):
        self._joined_from_ms = None

    def isconnected(self):
        if not wifi_there():
            self._joined_from_ms = None
        return self._joined_from_ms is not None and bench.now_ms >= self._joined_from_ms

    def status(self):
        return 201
