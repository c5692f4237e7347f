"""A button whose contact the host times, as these tests press it."""

from __future__ import annotations

from hardware.click import RawFrame

ADDRESS = "C4:00:00:00:00:01"


def level(now_ms: int, *, closed: bool) -> RawFrame:
    """What a Nordic LED Button Service notifies: a contact, whose click the host times."""
    return RawFrame(
        transport="ble-notify",
        source="ble:",
        heard_ms=now_ms,
        payload=b"\x01" if closed else b"\x00",
        address=ADDRESS,
        channel="00001524-1212-efde-1523-785feabcd123",
        direct=True,
    )
