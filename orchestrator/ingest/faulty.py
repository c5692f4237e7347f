"""A frame on a link that misbehaves on purpose: lost, late, or heard twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hardware.click import Click, RawFrame
from hardware.decode import Identity
from orchestrator.faults import FaultTable
from orchestrator.ingest.hearing import Ear, Reader
from orchestrator.ingest.reports import Report


async def read_faulty(
    faults: FaultTable,
    reader: Reader,
    ear: Ear,
    what: RawFrame | Click,
    identity: Identity | None,
    *,
    sleep: Callable[[float], Awaitable[None]],
) -> list[Report]:
    """As ``reader.read``, with what is planned for this link. A lost frame counts as handled."""
    frame = what.frame if isinstance(what, Click) else what
    namespace = ear.namespace
    if identity is not None and ear.takes_topics:
        namespace = identity.namespace or namespace
    struck = faults.on_link(namespace, frame.source)
    for fault in struck:
        if fault.kind == "latency":
            await sleep(fault.latency_ms / 1000)
    if any(fault.kind == "drop" for fault in struck):
        why = "lost on the way: a fault of /v1/faults"
        return [Report(frame=frame, namespace=namespace, reason=why)]
    reports = await reader.read(ear, what, identity)
    for fault in struck:
        if fault.kind == "duplicate":
            await reader.read(ear, what, identity)
    return reports
