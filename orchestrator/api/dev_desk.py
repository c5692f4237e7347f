"""Who may play with time, faults and keys over the API, and what that does to one namespace."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from orchestrator.api.additions import ADDITIONS
from orchestrator.api.development import MOST_FAULTS
from orchestrator.api.edge import nearest
from orchestrator.api.errors import CONFLICT, FORBIDDEN, DoorError
from orchestrator.api.handlers import NO_CONTENT, Answer, Values, json_answer
from orchestrator.api.operations import OPERATIONS
from orchestrator.claims.access import AccessKeys
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.claims.service import ClaimService
from orchestrator.claims.views import attempt_json
from orchestrator.domain.errors import InvalidRequestError, UnknownDeviceError
from orchestrator.domain.events import DeviceEvent
from orchestrator.domain.ids import Caller, parse_device_id
from orchestrator.domain.times import utc_text
from orchestrator.faults import ANY, LINK_KINDS, LINKS, Fault, FaultTable
from orchestrator.units import AttemptQuery, EventQuery

# What fits a screen or two when a test failed.
_LATEST: Final = 25


class DevDesk:
    """The operations of ``development.py``. Without a fault table the profile is not dev."""

    def __init__(
        self, service: ClaimService, access: AccessKeys, faults: FaultTable | None
    ) -> None:
        self._service = service
        self._access = access
        self._faults = faults
        self._registry = DeviceRegistry(service.store, service.clock, service.settings)
        self._work: Final[Mapping[str, Callable[[Caller, Values], Awaitable[Answer]]]] = {
            "AddFaults": self._add_faults,
            "AdvanceClock": self._advance,
            "CreateClaimCode": self._create_claim_code,
            "CreateKey": self._create_key,
            "DeleteFaults": self._delete_faults,
            "ExplainDevice": self._explain,
            "GetClock": self._clock,
            "GetFaults": self._get_faults,
            "PutFaults": self._put_faults,
        }

    def answers(self, operation: str) -> bool:
        """Whether this operation is one of its own; such are struck by no fault."""
        return operation in self._work

    def _faults_in(self, values: Values) -> list[Fault]:
        """The faults that are asked for; InvalidRequestError for one that could strike nothing."""
        rows = (*OPERATIONS, *ADDITIONS)
        struck = [row.name for row in rows if row.signed and not self.answers(row.name)]
        return [
            _fault(given, f"faults[{place}]", struck)
            for place, given in enumerate(values["faults"])
        ]

    async def answer(self, operation: str, caller: Caller, values: Values) -> Answer:
        """Do it, in profile dev; elsewhere 403."""
        if self._faults is None:
            raise DoorError(
                FORBIDDEN,
                f"{operation} is for tests, and this service has another profile than dev."
                " Run one with: clickclaim serve --profile dev",
            )
        return await self._work[operation](caller, values)

    async def _create_key(self, _caller: Caller, values: Values) -> Answer:
        namespace = values["namespace"] or f"test-{secrets.token_hex(8)}"
        key = await self._access.create(namespace, label=values["label"] or "")
        return json_answer(
            {
                "accessKeyId": key.access_key,
                "secretAccessKey": key.secret,
                "namespace": key.namespace,
                "account": key.account,
            }
        )

    async def _create_claim_code(self, caller: Caller, values: Values) -> Answer:
        namespace, device_ids = caller.namespace, values["deviceIds"]
        await self._registry.add(namespace, device_ids)
        code = await self._registry.create_claim_code(namespace, device_ids)
        return json_answer({"claimCode": code})

    async def _clock(self, caller: Caller, _values: Values) -> Answer:
        now_ms = self._service.now_ms(caller.namespace)
        virtual = self._service.clocks is not None
        return json_answer({"nowMs": now_ms, "virtual": virtual, "now": utc_text(now_ms)})

    async def _advance(self, caller: Caller, values: Values) -> Answer:
        if self._service.clocks is None:
            raise DoorError(
                CONFLICT,
                "This service goes by real time, which cannot be advanced."
                " Run one with: clickclaim serve --clock virtual",
            )
        await self._service.advance(caller.namespace, values["ms"])
        return await self._clock(caller, values)

    async def _put_faults(self, caller: Caller, values: Values) -> Answer:
        faults = self._faults_in(values)
        self._table.clear(caller.namespace)
        self._table.add(caller.namespace, faults, seed=values["seed"] or 0)
        return await self._get_faults(caller, values)

    async def _add_faults(self, caller: Caller, values: Values) -> Answer:
        faults = self._faults_in(values)
        if len(faults) + len(self._table.planned(caller.namespace)) > MOST_FAULTS:
            raise InvalidRequestError(f"A plan holds at most {MOST_FAULTS} faults.")
        self._table.add(caller.namespace, faults, seed=values["seed"] or 0)
        return await self._get_faults(caller, values)

    async def _get_faults(self, caller: Caller, _values: Values) -> Answer:
        planned = self._table.planned(caller.namespace)
        return json_answer({"faults": [_fault_json(fault, struck) for fault, struck in planned]})

    async def _delete_faults(self, caller: Caller, _values: Values) -> Answer:
        self._table.clear(caller.namespace)
        return NO_CONTENT

    async def _explain(self, caller: Caller, values: Values) -> Answer:
        store, namespace = self._service.store, caller.namespace
        device_id = parse_device_id(values["deviceId"])
        device = await store.device(namespace, device_id)
        if device is None:
            raise UnknownDeviceError(
                f"No device {device_id} is registered in namespace {namespace}."
                " Initiate a claim of it first."
            )
        attempts = await store.attempts(
            AttemptQuery(namespace=namespace, device_id=device_id, limit=_LATEST)
        )
        events = await store.events(
            EventQuery(namespace=namespace, device_id=device_id, limit=_LATEST, newest_first=True)
        )
        return json_answer(
            {
                "deviceId": device_id,
                "state": device.claim.state,
                "owner": device.claim.owner,
                "nowMs": self._service.now_ms(namespace),
                "attempts": [attempt_json(one) for one in reversed(attempts)],
                "clicks": [_click_json(one) for one in reversed(events)],
            }
        )

    @property
    def _table(self) -> FaultTable:
        assert self._faults is not None, "answer() looked"
        return self._faults


def _fault(given: Any, where: str, operations: Collection[str]) -> Fault:
    """One fault of a plan, or InvalidRequestError that names it."""
    if (given.operation is None) == (given.link is None):
        raise InvalidRequestError(f"{where} needs operation or link, and not both.")
    if given.operation not in {None, ANY, *operations}:
        raise InvalidRequestError(
            f"{where}: no fault strikes an operation {given.operation};"
            f" {nearest(given.operation, [*operations, ANY])}"
        )
    if given.link is not None and not _begins_a_link(given.link):
        raise InvalidRequestError(
            f"{where}: no source's spec begins with {given.link}; {nearest(given.link, LINKS)}"
        )
    if given.link is not None and given.kind not in LINK_KINDS:
        raise InvalidRequestError(
            f"{where}: a link knows {', '.join(LINK_KINDS)}; {given.kind} strikes an operation."
        )
    if (given.kind == "latency") != (given.latencyMs is not None):
        raise InvalidRequestError(f"{where}: latencyMs goes with kind latency, and only there.")
    named = (given.error is not None) + (given.status is not None)
    if named != (given.kind == "error"):
        raise InvalidRequestError(
            f"{where}: either error or status goes with kind error, and only there."
        )
    return Fault(
        kind=given.kind,
        operation=given.operation,
        link=given.link,
        latency_ms=given.latencyMs or 0,
        error=given.error,
        status=given.status,
        probability=1.0 if given.probability is None else given.probability,
        count=given.count,
    )


def _begins_a_link(link: str) -> bool:
    return link == ANY or any(one.startswith(link) or link.startswith(one) for one in LINKS)


def _fault_json(fault: Fault, struck: int) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "operation": fault.operation,
        "link": fault.link,
        "latencyMs": fault.latency_ms or None,
        "error": fault.error,
        "status": fault.status,
        "probability": fault.probability,
        "count": fault.count,
        "struck": struck,
    }


def _click_json(event: DeviceEvent) -> dict[str, Any]:
    return {
        "atMs": event.received_ms,
        "clickType": event.click_type,
        "disposition": event.disposition,
        "reason": event.reason,
        "source": event.source,
        "epoch": event.epoch,
        "repeats": event.repeats,
    }
