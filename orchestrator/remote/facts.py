"""Server-sent events, read back into facts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from orchestrator.ports import Fact


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a stream."""

    name: str
    data: str


async def server_events(lines: AsyncIterator[str]) -> AsyncIterator[ServerEvent]:
    """The events in these lines: fields until an empty line; comments mean nothing."""
    name, data = "", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield ServerEvent(name or "message", "\n".join(data))
            name, data = "", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)


def fact_in(event: ServerEvent) -> Fact:
    """The fact that an event carries."""
    given: Mapping[str, Any] = msgspec.json.decode(event.data)
    return Fact(
        kind=given["kind"],
        at_ms=given["atMs"],
        namespace=given["namespace"],
        device_id=given["deviceId"],
        account=given["account"],
        attempt_id=given["attemptId"],
        data=given["data"],
    )
