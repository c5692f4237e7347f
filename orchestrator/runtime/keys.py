"""The device keys of a data folder, for commands that decode by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.keys import DeviceKey
from orchestrator.ports import Store

_PAGE = 1000


@dataclass(slots=True)
class FolderKeys:
    """``hardware.keys.KeyBook`` of what was read once."""

    by_address: dict[str, tuple[DeviceKey, ...]] = field(default_factory=dict, repr=False)

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:  # noqa: ARG002
        """The keys of the device that this address means."""
        return self.by_address.get(address, ())


async def all_keys(store: Store, namespace: str) -> FolderKeys:
    """Every key of the namespace, by device id and by alias."""
    book, after = FolderKeys(), ""
    while page := await store.devices(namespace, after=after, limit=_PAGE):
        for device in page:
            keys = await store.keys(namespace, device.device_id)
            if keys:
                book.by_address[device.device_id] = tuple(
                    DeviceKey(key.kind, key.secret, key.simulated) for key in keys
                )
        after = page[-1].device_id
    for address, device_id in await store.aliases(namespace):
        if device_id in book.by_address:
            book.by_address[address] = book.by_address[device_id]
    return book
