"""How each value becomes a row and comes back: columns in order, JSON where a column holds JSON.

Both stores keep these rows, so a value that does not survive JSON fails in memory too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from orchestrator.domain.attempts import Attempt, Mark
from orchestrator.domain.changes import made
from orchestrator.domain.devices import Claim, Device, Initiates
from orchestrator.domain.events import DeviceEvent, Evidence, UnknownDevice

T = TypeVar("T")

Row = tuple[Any, ...]
# What names a device's or an attempt's row: (namespace, device id), or the attempt id.
Key = tuple[str, str] | str


class Kept(tuple[Any, ...]):  # noqa: SLOT001 - a tuple can have none but empty ones
    """A row, and what was made of it when it was first read: most rows are read again."""

    made: Any = None
    """What was made of it; None when it was not read yet."""

    def value(self, decode: Callable[[Row], T]) -> T:
        """What ``decode`` makes of this row, made once."""
        if self.made is None:
            self.made = decode(self)
        value: T = self.made
        return value


_encode = msgspec.json.Encoder().encode
_decode_map = msgspec.json.Decoder(dict[str, Any]).decode
_decode_initiates = msgspec.json.Decoder(dict[str, Initiates]).decode
_decode_timeline = msgspec.json.Decoder(tuple[Mark, ...]).decode


def _json(mapping: Mapping[str, Any]) -> str:
    # Most mappings of most devices are empty, and a swap writes four of them.
    return _encode(mapping).decode() if mapping else "{}"


def _mapping(text: str) -> dict[str, Any]:
    return {} if text == "{}" else _decode_map(text)


# The key first: an UPDATE takes the rest, then the key. Namespace, device id and what opened an
# attempt never change, so a swap leaves them out.
DEVICE_KEY: Final = ("namespace", "device_id")
DEVICE_REST: Final = (
    "version",
    "kind",
    "registered_ms",
    "state",
    "owner",
    "epoch",
    "initiated_ms",
    "deadline_ms",
    "attempt_id",
    "click_event_id",
    "enabled",
    "claim_code",
    "rated_clicks",
    "clicks",
    "reported_life",
    "last_event_id",
    "last_attempt_deadline_ms",
    "tags",
    "attributes",
    "callbacks",
    "initiates",
    "repeats",
)
DEVICE_COLUMNS: Final = DEVICE_KEY + DEVICE_REST


def device_rest(device: Device, version: int) -> Row:
    """What of a device may change, with this version."""
    claim = device.claim
    return (
        version,
        device.kind,
        device.registered_ms,
        claim.state,
        claim.owner,
        claim.epoch,
        claim.initiated_ms,
        claim.deadline_ms,
        claim.attempt_id,
        claim.click_event_id,
        device.enabled,
        device.claim_code,
        device.rated_clicks,
        device.clicks,
        device.reported_life,
        device.last_event_id,
        device.last_attempt_deadline_ms,
        _json(device.tags),
        _json(device.attributes),
        _json(device.callbacks),
        _json(device.initiates),
        None if device.repeats is None else _json(device.repeats),
    )


def device_row(device: Device, version: int) -> Row:
    """A whole device, with this version."""
    return (device.namespace, device.device_id, *device_rest(device, version))


def to_device(row: Row) -> Device:
    """The device of a row."""
    (
        namespace,
        device_id,
        version,
        kind,
        registered_ms,
        state,
        owner,
        epoch,
        initiated_ms,
        deadline_ms,
        attempt_id,
        click_event_id,
        enabled,
        claim_code,
        rated_clicks,
        clicks,
        reported_life,
        last_event_id,
        last_attempt_deadline_ms,
        tags,
        attributes,
        callbacks,
        initiates,
        repeats,
    ) = row
    return made(
        Device,
        namespace=namespace,
        device_id=device_id,
        version=version,
        kind=kind,
        registered_ms=registered_ms,
        claim=made(
            Claim,
            state=state,
            owner=owner,
            epoch=epoch,
            initiated_ms=initiated_ms,
            deadline_ms=deadline_ms,
            attempt_id=attempt_id,
            click_event_id=click_event_id,
        ),
        enabled=bool(enabled),
        claim_code=claim_code,
        rated_clicks=rated_clicks,
        clicks=clicks,
        reported_life=reported_life,
        last_event_id=last_event_id,
        last_attempt_deadline_ms=last_attempt_deadline_ms,
        tags=_mapping(tags),
        attributes=_mapping(attributes),
        callbacks=_mapping(callbacks),
        initiates={} if initiates == "{}" else _decode_initiates(initiates),
        repeats=None if repeats is None else _mapping(repeats),
    )


ATTEMPT_KEY: Final = (
    "attempt_id",
    "namespace",
    "device_id",
    "account",
    "opened_ms",
    "via",
    "invocation",
)
ATTEMPT_REST: Final = (
    "epoch",
    "deadline_ms",
    "outcome",
    "reason",
    "ended_ms",
    "released_ms",
    "simulated",
    "marks",
    "timeline",
)
ATTEMPT_COLUMNS: Final = ATTEMPT_KEY + ATTEMPT_REST


attempt_key: Final = attrgetter(*ATTEMPT_KEY)


def attempt_rest(attempt: Attempt) -> Row:
    """What of an attempt may change."""
    timeline = attempt.timeline
    return (
        attempt.epoch,
        attempt.deadline_ms,
        attempt.outcome,
        attempt.reason,
        attempt.ended_ms,
        attempt.released_ms,
        attempt.simulated,
        len(timeline),
        _encode(timeline).decode(),
    )


def attempt_row(attempt: Attempt) -> Row:
    """A whole attempt."""
    return (*attempt_key(attempt), *attempt_rest(attempt))


def to_attempt(row: Row) -> Attempt:
    """The attempt of a row."""
    (
        attempt_id,
        namespace,
        device_id,
        account,
        opened_ms,
        via,
        invocation,
        epoch,
        deadline_ms,
        outcome,
        reason,
        ended_ms,
        released_ms,
        simulated,
        _marks,
        timeline,
    ) = row
    return made(
        Attempt,
        attempt_id=attempt_id,
        namespace=namespace,
        device_id=device_id,
        account=account,
        epoch=epoch,
        opened_ms=opened_ms,
        deadline_ms=deadline_ms,
        via=via,
        invocation=invocation,
        outcome=outcome,
        reason=reason,
        ended_ms=ended_ms,
        released_ms=released_ms,
        simulated=bool(simulated),
        timeline=_decode_timeline(timeline),
    )


EVENT_COLUMNS: Final = (
    "event_id",
    "namespace",
    "device_id",
    "click_type",
    "received_ms",
    "disposition",
    "reason",
    "heard_by",
    "authenticated",
    "simulated",
    "source",
    "family",
    "press_id",
    "epoch",
    "attempt_id",
    "remaining_life",
    "reported_ms",
    "certificate_id",
    "test_mode",
    "repeats",
    "last_repeat_ms",
)

event_row: Final = attrgetter(
    *(
        f"evidence.{name}" if name in {"heard_by", "authenticated", "simulated"} else name
        for name in EVENT_COLUMNS
    )
)


def to_event(row: Row) -> DeviceEvent:
    """The event of a row; its ``seq`` comes last."""
    return made(
        DeviceEvent,
        event_id=row[0],
        namespace=row[1],
        device_id=row[2],
        click_type=row[3],
        received_ms=row[4],
        disposition=row[5],
        reason=row[6],
        evidence=Evidence(heard_by=row[7], authenticated=bool(row[8]), simulated=bool(row[9])),
        source=row[10],
        family=row[11],
        press_id=row[12],
        epoch=row[13],
        attempt_id=row[14],
        remaining_life=row[15],
        reported_ms=row[16],
        certificate_id=row[17],
        test_mode=bool(row[18]),
        repeats=row[19],
        last_repeat_ms=row[20],
        seq=row[21],
    )


UNKNOWN_COLUMNS: Final = (
    "namespace",
    "address",
    "family",
    "click_type",
    "source",
    "first_heard_ms",
    "last_heard_ms",
    "count",
    "extra",
)


def unknown_row(device: UnknownDevice, count: int) -> Row:
    """An unknown device, heard so often."""
    return (
        device.namespace,
        device.address,
        device.family,
        device.click_type,
        device.source,
        device.first_heard_ms,
        device.last_heard_ms,
        count,
        _json(device.extra),
    )


def to_unknown(row: Row) -> UnknownDevice:
    """The unknown device of a row."""
    *plain, extra = row
    return UnknownDevice(**dict(zip(UNKNOWN_COLUMNS, plain, strict=False)), extra=_mapping(extra))
