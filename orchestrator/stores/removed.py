"""How a device that is added again goes on counting where the removed one ended.

Otherwise a swap decided before the removal, and a finalize that names its epoch, could fit the new
device by chance. The note stands in ``meta``: one short row for each id that is not in use.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.devices import Device
from orchestrator.stores.rows import Row, device_row


def note_name(namespace: str, device_id: str) -> str:
    """Where the note of this device is."""
    return f"removed {namespace} {device_id}"


def note_of(device: Device) -> str:
    """What to keep of a device that is removed."""
    return f"{device.version} {device.claim.epoch}"


def added_row(device: Device, note: str | None) -> Row:
    """The row of a device that is added: the first version, or what follows its note."""
    if note is None:
        return device_row(device, version=1)
    version, epoch = map(int, note.split(" "))
    claim = replace(device.claim, epoch=max(epoch, device.claim.epoch))
    return device_row(replace(device, claim=claim), version=version + 1)
