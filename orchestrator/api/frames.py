"""``/v1/frames``: raw frames that a station heard, one receipt for each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from hardware.click import RawFrame
from orchestrator.api.handlers import Answer, Values, json_answer
from orchestrator.api.members import INVOCATION
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import Caller
from orchestrator.ports import FrameReceipt

ReceiveFrames = Callable[[Caller, list[RawFrame], str | None], Awaitable[list[FrameReceipt]]]


async def send_frames(
    receive: ReceiveFrames, caller: Caller, values: Values, *, now_ms: int
) -> Answer:
    """Hand the frames over, their times told by our clock; what the receipts say is durable."""
    sent_ms = values["sentMs"]
    behind_ms = 0 if sent_ms is None else now_ms - sent_ms
    frames = [_frame(given, behind_ms) for given in values["frames"]]
    receipts = await receive(caller, frames, values[INVOCATION.name])
    return json_answer(
        {
            "receipts": [
                {
                    "disposition": receipt.disposition,
                    "deviceId": receipt.device_id,
                    "reason": receipt.reason,
                }
                for receipt in receipts
            ]
        }
    )


def _frame(given: Any, behind_ms: int) -> RawFrame:
    before_ms = given.lastHeardBeforeMs
    return RawFrame(
        transport=given.transport,
        source=given.source,
        heard_ms=max(0, given.heardMs + behind_ms),
        payload=_bytes(given.payload),
        address=given.address,
        channel=given.channel,
        name=given.name,
        rssi_dbm=given.rssiDbm,
        service_uuids=tuple(given.serviceUuids or ()),
        manufacturer_data=tuple(
            (entry.companyId, _bytes(entry.data)) for entry in given.manufacturerData or ()
        ),
        retained=bool(given.retained),
        queued=bool(given.queued),
        last_heard_before_ms=None if before_ms is None else max(0, before_ms + behind_ms),
        direct=bool(given.direct),
        link_lost=bool(given.linkLost),
        simulated=bool(given.simulated),
    )


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequestError(
            f"{text[:32]!a} is not base64. Payloads and manufacturer data are bytes in base64."
        ) from None
