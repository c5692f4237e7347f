"""Raw frames as ``POST /v1/frames`` takes them."""

from __future__ import annotations

import base64
from typing import Any, Final

# The service takes 64 KiB in a body; a frame's payload is at most 16 KiB, as base64 a third more.
MOST_BODY_BYTES: Final = 60_000
MOST_FRAMES: Final = 256


def frame_json(frame: Any) -> dict[str, Any]:
    """A ``hardware.click.RawFrame`` on the wire; what it does not say is left out."""
    given = {
        "transport": frame.transport,
        "source": frame.source,
        "heardMs": frame.heard_ms,
        "payload": _text(frame.payload),
        "address": frame.address,
        "channel": frame.channel,
        "name": frame.name,
        "rssiDbm": frame.rssi_dbm,
        "serviceUuids": list(frame.service_uuids),
        "manufacturerData": [
            {"companyId": company, "data": _text(data)} for company, data in frame.manufacturer_data
        ],
        "retained": frame.retained,
        "queued": frame.queued,
        "lastHeardBeforeMs": frame.last_heard_before_ms,
        "direct": frame.direct,
        "linkLost": frame.link_lost,
        "simulated": frame.simulated,
    }
    return {
        name: value
        for name, value in given.items()
        if name in {"transport", "source", "heardMs", "payload"} or value not in (None, False, [])
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
