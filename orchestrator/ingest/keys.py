"""Which device an address is, and which keys it has, as the store says at this moment."""

from __future__ import annotations

from typing import NamedTuple

from hardware.keys import DeviceKey
from orchestrator.domain.addresses import canonical_address
from orchestrator.ingest.translate import own_device_id
from orchestrator.ports import Store

# A name longer than this is nobody's alias (see ``devices alias``), and is not asked for.
_LONGEST_ADDRESS = 256


class Known(NamedTuple):
    """An address, as far as the store knows it."""

    namespace: str
    address: str
    device_id: str | None


class KeyBook:
    """``hardware.keys.KeyBook`` over a store.

    A decoder asks without waiting and a store answers later; so whoever decodes calls ``fetch``
    for the frame first and decodes without waiting in between. Nothing is kept longer: another
    process may change a key or an alias at any time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: tuple[DeviceKey, ...] = ()

    async def find(self, namespace: str, family: str, address: str) -> Known:
        """The device that an address means: by alias, else by itself."""
        device_id = None
        if len(address) <= _LONGEST_ADDRESS:
            for spelling in dict.fromkeys((address, canonical_address(address))):
                device_id = device_id or await self._store.alias(namespace, spelling)
        return Known(namespace, address, device_id or own_device_id(family, address))

    async def fetch(self, known: Known) -> tuple[DeviceKey, ...]:
        """The device's keys now; none when the address means no device."""
        if known.device_id is None:
            return ()
        stored = await self._store.keys(known.namespace, known.device_id)
        return tuple(DeviceKey(key.kind, key.secret, simulated=key.simulated) for key in stored)

    def hold(self, keys: tuple[DeviceKey, ...]) -> None:
        """Answer with these from now on, until the next call."""
        self._keys = keys

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:  # noqa: ARG002
        """The keys that were held out for the frame being decoded."""
        return self._keys
