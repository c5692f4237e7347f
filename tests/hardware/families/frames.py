"""Frames as sources would hear them, and a key book made of a dictionary."""

from __future__ import annotations

from collections.abc import Mapping

from hardware.click import RawFrame
from hardware.keys import DeviceKey

BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"
MIBEACON = "0000fe95-0000-1000-8000-00805f9b34fb"
LBS = "00001524-1212-efde-1523-785feabcd123"
MICROBIT_A = "e95dda90-251d-470a-a062-fa1922dfa9a8"
FFE1 = "0000ffe1-0000-1000-8000-00805f9b34fb"
MAC = "A4:C1:38:8D:18:B2"


class Keys:
    """The keys of each address."""

    def __init__(self, keys: Mapping[str, tuple[DeviceKey, ...]]) -> None:
        self._keys = keys
        self.asked: list[tuple[str | None, str]] = []

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:
        self.asked.append((namespace, address))
        return self._keys.get(address, ())


def advertisement(payload: bytes, *, at_ms: int = 0, uuid: str = BTHOME, **more) -> RawFrame:
    return RawFrame(
        **{
            "transport": "ble-advertisement",
            "source": "ble:",
            "heard_ms": at_ms,
            "payload": payload,
            "address": MAC,
            "channel": uuid,
            "direct": True,
            **more,
        }
    )


def notification(payload: bytes, *, at_ms: int = 0, uuid: str = LBS, **more) -> RawFrame:
    return RawFrame(
        **{
            "transport": "ble-notify",
            "source": "ble:",
            "heard_ms": at_ms,
            "payload": payload,
            "address": MAC,
            "channel": uuid,
            **more,
        }
    )


def message(topic: str | None, payload: str | bytes, *, at_ms: int = 0, **more) -> RawFrame:
    return RawFrame(
        **{
            "transport": "mqtt",
            "source": "mqtt://host:1883/",
            "heard_ms": at_ms,
            "payload": payload if isinstance(payload, bytes) else payload.encode(),
            "channel": topic,
            **more,
        }
    )


def line(text: bytes, *, at_ms: int = 0, port: str = "E661-1", **more) -> RawFrame:
    return RawFrame(
        transport="serial",
        source="serial:/dev/ttyACM0",
        heard_ms=at_ms,
        payload=text,
        address=port,
        direct=True,
        **more,
    )
