"""The operator's side: which devices exist, their keys, aliases and claim codes."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from orchestrator.claims.claiming import released
from orchestrator.claims.context import Context, Plan
from orchestrator.claims.device_keys import KEY_KINDS, KeyKind, check_length
from orchestrator.claims.manifest import ManifestError, ManifestRow, read_manifest
from orchestrator.domain import claims
from orchestrator.domain.addresses import canonical_address
from orchestrator.domain.devices import CLAIM_INITIATED, UNCLAIMED, Claim, Device
from orchestrator.domain.errors import InvalidRequestError, UnknownDeviceError
from orchestrator.domain.ids import parse_device_id, parse_namespace
from orchestrator.ports import Clock, Store
from orchestrator.settings import Settings
from orchestrator.units import (
    AddClaimCode,
    AddDevice,
    ClaimCode,
    ForgetUnknown,
    Op,
    PutAlias,
    PutKey,
    RemoveAlias,
    RemoveDevice,
    StoredKey,
    SwapDevice,
)

# 25 of 32 letters each: 125 random bits, and nothing that looks like something else.
_CODE_ALPHABET: Final = string.ascii_uppercase.replace("I", "").replace("O", "") + "23456789"
_CODE_LENGTH: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What a manifest brought."""

    added: int
    known: int
    keys: int
    aliases: int
    claim_codes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStory:
    """All that is known of one device, without its secrets."""

    device: Device
    aliases: tuple[str, ...]
    key_kinds: tuple[str, ...]


class DeviceRegistry:
    """Registers devices and what belongs to them, in one namespace at a time."""

    def __init__(self, store: Store, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._context = Context(store, clock, settings, None, lambda: secrets.token_hex(12))

    async def add(
        self, namespace: str, device_ids: Sequence[str], *, kind: str = "button"
    ) -> list[str]:
        """Register devices; those that were not registered before. All or, on a bad id, none."""
        parse_namespace(namespace)
        for device_id in device_ids:
            parse_device_id(device_id)

        async def decide() -> Plan[list[str]]:
            new = [
                one
                for one in dict.fromkeys(device_ids)
                if await self._store.device(namespace, one) is None
            ]
            ops: list[Op] = [AddDevice(self._new_device(namespace, one, kind)) for one in new]
            return Plan(new, [*ops, *(ForgetUnknown(namespace, one) for one in new)])

        return await self._context.change(decide)

    async def import_manifest(self, namespace: str, path: Path) -> ImportReport:
        """Register every row of a CSV file in one unit; ManifestError names a bad row."""
        parse_namespace(namespace)
        rows = read_manifest(path)
        return await self._context.change(lambda: self._import(namespace, path, rows))

    async def devices(self, namespace: str, *, after: str = "", limit: int = 1000) -> list[Device]:
        """Devices in order of device id."""
        return await self._store.devices(namespace, after=after, limit=limit)

    async def show(self, namespace: str, device_id: str) -> DeviceStory:
        """One device with its aliases and the kinds of its keys."""
        device = await self._known(namespace, device_id)
        aliases = await self._store.aliases(namespace, device_id)
        keys = await self._store.keys(namespace, device_id)
        return DeviceStory(
            device=device,
            aliases=tuple(address for address, _ in aliases),
            key_kinds=tuple(key.kind for key in keys),
        )

    async def alias(self, namespace: str, address: str, device_id: str) -> None:
        """Let an address (MAC, USB serial number, topic name) mean this device.

        A Bluetooth address is the same in every spelling.
        """
        await self._known(namespace, device_id)
        address = canonical_address(address)
        if not address or len(address) > 256:
            raise InvalidRequestError("The address to alias is empty or over 256 characters.")
        await self._store.unit(
            [PutAlias(namespace, address, device_id), ForgetUnknown(namespace, address)]
        )

    async def unalias(self, namespace: str, address: str) -> None:
        """Let an address mean itself again."""
        address = canonical_address(address)
        if await self._store.alias(namespace, address) is None:
            raise InvalidRequestError(
                f"{address!r} is no alias. `clickclaim devices show DEVICE` lists those there are."
            )
        await self._store.unit([RemoveAlias(namespace, address)])

    async def set_key(
        self,
        namespace: str,
        device_id: str,
        kind: KeyKind,
        secret: bytes,
        *,
        simulated: bool = False,
    ) -> None:
        """Keep the device's key of this kind, replacing the one before."""
        await self._known(namespace, device_id)
        if kind not in KEY_KINDS:
            raise InvalidRequestError(f"Key kind {kind!r} is not one of {', '.join(KEY_KINDS)}.")
        check_length(kind, secret)
        await self._store.unit(
            [
                PutKey(
                    StoredKey(
                        namespace=namespace,
                        device_id=device_id,
                        kind=kind,
                        secret=secret,
                        simulated=simulated,
                    )
                )
            ]
        )

    async def reset_counter(self, namespace: str, device_id: str) -> None:
        """Forget the highest counter seen: after a battery or a board was replaced."""
        await self._change_device(namespace, device_id, lambda one: replace(one, repeats=None))

    async def release(self, namespace: str, device_id: str) -> str:
        """End whatever claim a device has, by the operator's word; the state it had."""

        async def decide() -> Plan[str]:
            device = await self._known(namespace, device_id)
            now_ms = self._clock.now_ms()
            if device.claim.owner is None:
                return Plan(UNCLAIMED)
            state = device.claim.state
            step = claims.unclaim(
                device.claim,
                device_id=device_id,
                account=device.claim.owner,
                if_epoch=None,
                if_state=None,
                now_ms=min(now_ms, (device.claim.deadline_ms or now_ms + 1) - 1),
                reason="released by the operator",
            )
            plan = await released(self._context, device, step, now_ms)
            return Plan(state, plan.ops, plan.facts)

        return await self._context.change(decide)

    async def remove(self, namespace: str, device_id: str) -> None:
        """Take an unclaimed device out of the registry, with its keys and aliases."""

        async def decide() -> Plan[None]:
            device = await self._known(namespace, device_id)
            if device.claim.state != UNCLAIMED:
                verb = "being claimed" if device.claim.state == CLAIM_INITIATED else "claimed"
                raise InvalidRequestError(
                    f"Device {device_id} is {verb}; release it first:"
                    f" clickclaim devices release {device_id}"
                )
            return Plan(None, [RemoveDevice(device)])

        await self._context.change(decide)

    async def create_claim_code(self, namespace: str, device_ids: Sequence[str]) -> str:
        """A new code that claims these devices together."""
        ids = tuple(dict.fromkeys(device_ids))
        if not ids:
            raise InvalidRequestError("A claim code needs at least one device id.")
        code = "C-" + "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LENGTH))

        async def decide() -> Plan[str]:
            ops: list[Op] = [self._code(namespace, code, ids)]
            for device_id in ids:
                device = await self._known(namespace, device_id)
                if device.claim_code is not None:
                    raise InvalidRequestError(
                        f"Device {device_id} belongs to a claim code already."
                        " `clickclaim claim-codes list` shows it."
                    )
                ops.append(SwapDevice(device, replace(device, claim_code=code)))
            return Plan(code, ops)

        return await self._context.change(decide)

    async def claim_codes(self, namespace: str) -> Sequence[ClaimCode]:
        """All claim codes, oldest first."""
        return await self._store.claim_codes(namespace)

    # --- private ---------------------------------------------------------------------------------

    async def _known(self, namespace: str, device_id: str) -> Device:
        device = await self._store.device(namespace, parse_device_id(device_id))
        if device is None:
            raise UnknownDeviceError(
                f"Device {device_id} is not registered in namespace {namespace}."
                f" Register it: clickclaim devices add {device_id}"
            )
        return device

    async def _change_device(
        self, namespace: str, device_id: str, change: Callable[[Device], Device]
    ) -> None:
        async def decide() -> Plan[None]:
            device = await self._known(namespace, device_id)
            return Plan(None, [SwapDevice(device, change(device))])

        await self._context.change(decide)

    def _new_device(self, namespace: str, device_id: str, kind: str = "button") -> Device:
        return Device(
            namespace=namespace,
            device_id=device_id,
            kind=kind,
            registered_ms=self._clock.now_ms(),
            claim=Claim(),
        )

    def _code(self, namespace: str, code: str, device_ids: tuple[str, ...]) -> AddClaimCode:
        return AddClaimCode(
            ClaimCode(
                namespace=namespace,
                code=code,
                created_ms=self._clock.now_ms(),
                device_ids=device_ids,
            )
        )

    async def _import(
        self, namespace: str, path: Path, rows: Sequence[ManifestRow]
    ) -> Plan[ImportReport]:
        ops: list[Op] = []
        boxes: dict[str, list[str]] = {}
        added = 0
        for row in rows:
            device = await self._store.device(namespace, row.device_id)
            if row.claim_code is not None and await self._is_new_in_box(
                namespace, path, row, device
            ):
                boxes.setdefault(row.claim_code, []).append(row.device_id)
            added += device is None
            ops += self._import_row(namespace, row, device)
        for code, ids in boxes.items():
            ops.append(self._code(namespace, code, tuple(ids)))
        report = ImportReport(
            added=added,
            known=len(rows) - added,
            keys=sum(row.key is not None for row in rows),
            aliases=sum(row.alias is not None for row in rows),
            claim_codes=len(boxes),
        )
        return Plan(report, ops)

    async def _is_new_in_box(
        self, namespace: str, path: Path, row: ManifestRow, device: Device | None
    ) -> bool:
        """Whether the row's code is new. A manifest may be imported again; a box cannot grow."""
        code = row.claim_code or ""
        known = await self._store.claim_code(namespace, code)
        if known is not None and row.device_id in known.device_ids:
            return False
        if known is not None:
            raise ManifestError(
                path, row.line, "claimCode", f"{code} exists, without {row.device_id}."
            )
        if device is not None and device.claim_code is not None:
            raise ManifestError(
                path, row.line, "claimCode", f"{row.device_id} belongs to another code already."
            )
        return True

    def _import_row(self, namespace: str, row: ManifestRow, device: Device | None) -> list[Op]:
        before = device or self._new_device(namespace, row.device_id, row.kind)
        after = replace(
            before,
            claim_code=row.claim_code or before.claim_code,
            rated_clicks=row.rated_clicks or before.rated_clicks,
        )
        ops: list[Op] = []
        if device is None:
            ops += [AddDevice(after), ForgetUnknown(namespace, row.device_id)]
        elif after != device:
            ops.append(SwapDevice(device, after))
        if row.key is not None and row.key_kind is not None:
            ops.append(
                PutKey(
                    StoredKey(
                        namespace=namespace,
                        device_id=row.device_id,
                        kind=row.key_kind,
                        secret=row.key,
                    )
                )
            )
        if row.alias is not None:
            ops.append(PutAlias(namespace, canonical_address(row.alias), row.device_id))
        return ops
