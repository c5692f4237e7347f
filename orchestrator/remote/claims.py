"""ports.ClaimApi over HTTP: each method is one request, safe to send again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
import msgspec

from orchestrator.claims.views import attempt_from_json
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import UnknownDeviceError
from orchestrator.domain.ids import parse_device_id
from orchestrator.domain.times import utc_text
from orchestrator.ports import Clock, Fact, FrameReceipt, Initiated, ServiceAwayError
from orchestrator.remote.facts import fact_in, server_events
from orchestrator.remote.frames import MOST_BODY_BYTES, MOST_FRAMES, frame_json
from orchestrator.remote.link import Link, Retry, object_in, segment
from orchestrator.remote.refusals import refusal_of, strange
from orchestrator.remote.signing import Credentials
from orchestrator.units import AttemptQuery

# What the service gives at once at most.
_PAGE: Final = 250
# Percent-encoded, a character takes up to 12 bytes; the header takes 2048.
_MOST_REASON: Final = 160


class RemoteClaims:
    """The claim service at ``base_url``, with the rights of one access key.

    Without credentials requests go out unsigned, which profiles ``dev`` and ``demo`` take.
    ``transport`` is what carries requests; a test hands one in that needs no port. ``clock`` is
    the one by which frames were heard: the service is told what it says, and needs not trust it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        retry: Retry | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._link = Link(
            base_url,
            credentials=credentials,
            transport=transport,
            retry=retry or Retry(),
            sleep=sleep,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections. The object is not used after."""
        await self._link.close()

    async def initiate(self, device_id: str, *, invocation: str) -> Initiated:
        """InitiateDeviceClaim."""
        response = await self._link.ask(
            "PUT",
            f"/devices/{parse_device_id(device_id)}/initiate-claim",
            headers={"amz-sdk-invocation-id": invocation},
        )
        try:
            return Initiated(
                state=object_in(response)["state"],
                epoch=int(response.headers["x-clickclaim-epoch"]),
                attempt_id=response.headers["x-clickclaim-attempt"],
                deadline_ms=int(response.headers["x-clickclaim-deadline-ms"]),
                window_ms=int(response.headers["x-clickclaim-window-ms"]),
            )
        except (KeyError, ValueError):
            raise strange(response) from None

    async def finalize(
        self,
        device_id: str,
        *,
        tags: Mapping[str, str] | None,
        if_epoch: int,
        invocation: str,
    ) -> str:
        """FinalizeDeviceClaim."""
        response = await self._link.ask(
            "PUT",
            f"/devices/{parse_device_id(device_id)}/finalize-claim",
            headers={
                "amz-sdk-invocation-id": invocation,
                "x-clickclaim-if-epoch": str(if_epoch),
            },
            body=None if tags is None else {"tags": dict(tags)},
        )
        return _state_in(response)

    async def unclaim(
        self,
        device_id: str,
        *,
        if_epoch: int | None,
        if_state: str | None,
        reason: str = "",
        invocation: str,
    ) -> str:
        """UnclaimDevice, under conditions."""
        headers = {"amz-sdk-invocation-id": invocation}
        if if_epoch is not None:
            headers["x-clickclaim-if-epoch"] = str(if_epoch)
        if if_state is not None:
            headers["x-clickclaim-if-state"] = if_state
        if reason:
            headers["x-clickclaim-reason"] = quote(reason[:_MOST_REASON], safe="")
        response = await self._link.ask(
            "PUT", f"/devices/{parse_device_id(device_id)}/unclaim", headers=headers
        )
        return _state_in(response)

    async def attempt(self, attempt_id: str) -> Attempt | None:
        """One attempt of this account."""
        try:
            return attempt_from_json(
                await self._link.json("GET", f"/v1/records/{segment(attempt_id)}")
            )
        except UnknownDeviceError:
            return None

    async def attempts(self, query: AttemptQuery) -> list[Attempt]:
        """Attempts of this account, newest first, as many pages as the limit asks for."""
        found: list[Attempt] = []
        asked = _query(query)
        while len(found) < query.limit:
            asked["maxResults"] = str(min(_PAGE, query.limit - len(found)))
            page = await self._link.json("GET", "/v1/records", query=asked)
            found.extend(attempt_from_json(record) for record in page["records"])
            if "nextToken" not in page:
                break
            asked["nextToken"] = page["nextToken"]
        return found

    async def owned_devices(self) -> list[str]:
        """ListDevices: the ids of this account's devices."""
        listed = await self._pages("/devices", "devices", {})
        return [str(one["deviceId"]) for one in listed]

    async def click_count(self, device_id: str, from_ms: int, to_ms: int) -> int:
        """ListDeviceEvents: how many clicks of this account's device there are."""
        span = {"fromTimeStamp": utc_text(from_ms), "toTimeStamp": utc_text(to_ms)}
        path = f"/devices/{parse_device_id(device_id)}/events"
        return len(await self._pages(path, "events", span))

    async def facts(self) -> AsyncIterator[Fact]:
        """Facts of this account from now on; ServiceAwayError when the link is lost."""
        try:
            async with self._link.stream("/v1/stream") as response:
                if not response.is_success:
                    await response.aread()
                    raise refusal_of(response)
                async for event in server_events(response.aiter_lines()):
                    if event.name == "reset":
                        raise ServiceAwayError("Facts were missed. Read the attempt again.")
                    yield fact_in(event)
        except httpx.HTTPError as error:
            raise self._link.away(error) from error

    async def _pages(self, path: str, name: str, query: Mapping[str, str]) -> list[Any]:
        """All pages of a list."""
        found: list[Any] = []
        asked = {**query, "maxResults": str(_PAGE)}
        while True:
            page = await self._link.json("GET", path, query=asked)
            found.extend(page[name])
            if "nextToken" not in page:
                return found
            asked["nextToken"] = page["nextToken"]

    async def send_frames(self, frames: Sequence[Any], *, invocation: str) -> list[FrameReceipt]:
        """Hand over raw frames, in as many requests as their size asks for.

        Handed over again with the same id, because a reply was lost, they are taken once.
        """
        receipts: list[FrameReceipt] = []
        for number, batch in enumerate(_batches([frame_json(frame) for frame in frames])):
            headers = {"amz-sdk-invocation-id": f"{invocation}.{number}"}
            body: dict[str, Any] = {"frames": batch}
            if self._clock is not None:
                body["sentMs"] = self._clock.now_ms()
            answer = await self._link.json("POST", "/v1/frames", body=body, headers=headers)
            receipts.extend(
                FrameReceipt(
                    disposition=receipt["disposition"],
                    device_id=receipt["deviceId"],
                    reason=receipt["reason"],
                )
                for receipt in answer["receipts"]
            )
        return receipts


def _state_in(response: httpx.Response) -> str:
    state = object_in(response).get("state")
    if not isinstance(state, str):
        raise strange(response)
    return state


def _query(query: AttemptQuery) -> dict[str, str]:
    given = {
        "device": query.device_id,
        "outcome": query.outcome,
        "invocation": query.invocation,
        "open": "true" if query.open_only else None,
        "before": None if query.before is None else "{},{}".format(*query.before),
    }
    return {name: value for name, value in given.items() if value is not None}


def _batches(frames: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for frame in frames:
        length = len(msgspec.json.encode(frame)) + 1
        if batch and (size + length > MOST_BODY_BYTES or len(batch) >= MOST_FRAMES):
            yield batch
            batch, size = [], 0
        batch.append(frame)
        size += length
    if batch:
        yield batch
