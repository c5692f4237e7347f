"""A radio that tells what it is told to broadcast."""

from bench import tell

ADDRESS = bytes([0x28, 0xCD, 0xC1, 0x0A, 0x0B, 0x0C])


class BLE:
    def __init__(self):
        self._active = False

    def active(self, on):
        self._active = on
        tell("ble", "on" if on else "off")

    def config(self, name):
        assert self._active
        assert name == "mac"
        return 0, memoryview(ADDRESS)

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        assert self._active
        if interval_us is None:
            tell("advertise", "")
            return
        assert not connectable
        assert resp_data is None
        assert len(adv_data) <= 31
        text = "".join([f"{byte:02x}" for byte in adv_data])
        tell("advertise", f"{interval_us} {text}")
