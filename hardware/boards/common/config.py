"""What config.json says of this button: read once at the start, wrong values refused by name."""

import json
from binascii import unhexlify

FORMAT = 1


class ConfigError(Exception):
    """config.json cannot be used. The message names the entry and what to do."""


class Config:
    """The entries of config.json, checked.

    - ``device_id``, ``namespace``, ``test_mode``, ``rated_clicks``: what the button says of itself
    - ``key``: the HMAC key, empty without one; ``ble_key``: the BTHome bind key, empty without one
    - ``button_pin``; ``battery_pin`` or None, with ``battery_ratio``, cell voltage to pin voltage
    - ``serial``, ``ble``, ``deep_sleep``: what is switched on
    - ``wifi``: (ssid, password) or None; ``mqtt``: (host, port, username, password) or None
    - ``keep_ms``: how long a click waits for the broker before it is too old to be sent
    """

    def __init__(self, said: dict) -> None:
        if said.get("format") != FORMAT:
            raise ConfigError("config.json is of another version; lay the files out again")
        self.device_id = _entry(said, "device_id", str)
        self.namespace = _entry(said, "namespace", str)
        self.key = _hex(said, "key")
        self.ble_key = _hex(said, "ble_key")
        self.test_mode = _entry(said, "test_mode", bool)
        self.rated_clicks = _entry(said, "rated_clicks", int)
        self.button_pin = _entry(said, "button_pin", int)
        self.battery_pin = _entry(said, "battery_pin", int, optional=True)
        self.battery_ratio = _entry(said, "battery_ratio", (int, float))
        self.serial = _entry(said, "serial", bool)
        self.ble = _entry(said, "ble", bool)
        self.deep_sleep = _entry(said, "deep_sleep", bool)
        self.keep_ms = _entry(said, "keep_ms", int)
        self.wifi = _group(said, "wifi", (("ssid", str), ("password", str)))
        self.mqtt = _group(
            said, "mqtt", (("host", str), ("port", int), ("username", str), ("password", str))
        )
        if self.mqtt and not self.wifi:
            raise ConfigError("config.json has mqtt and no wifi to reach it by")


def read_config(path: str = "config.json") -> Config:
    """The configuration. Raises ConfigError; no message shows a key or a password."""
    try:
        with open(path) as file:
            said = json.load(file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error}); copy it to the board") from None
    except ValueError:
        raise ConfigError(f"{path} is not JSON; lay the files out again") from None
    if not isinstance(said, dict):
        raise ConfigError(f"{path} holds no JSON object; lay the files out again")
    return Config(said)


def _entry(said: dict, name: str, kind: object, optional: bool = False) -> object:
    value = said.get(name)
    if value is None and optional:
        return None
    # CPython says that True is an int, MicroPython says it is none; neither passes here.
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ConfigError(f"{name} in config.json is missing or of the wrong type")
    return value


def _hex(said: dict, name: str) -> bytes:
    try:
        return unhexlify(_entry(said, name, str))
    except ValueError:
        raise ConfigError(f"{name} in config.json is not hex digits") from None


def _group(said: dict, name: str, entries: tuple) -> tuple | None:
    group = said.get(name)
    if group is None:
        return None
    if not isinstance(group, dict):
        raise ConfigError(f"{name} in config.json is neither null nor an object")
    return tuple([_entry(group, entry, kind) for entry, kind in entries])
