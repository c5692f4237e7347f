"""How a device that is added again goes on counting where the removed one ended.

Otherwise a swap decided before the removal, and a finalize that names its epoch, could fit the new
device by chance. A store keeps the note in ``meta``: one short row for each id that is not in use.
"""

from __future__ import annotations

from orchestrator.domain.changes import changed
from orchestrator.domain.devices import UNCLAIMED, Device


def note_name(namespace: str, device_id: str) -> str:
    """Where the note of this device is."""
    return f"removed {namespace} {device_id}"


def note_of(device: Device) -> str:
    """What to keep of a device that is removed."""
    return f"{device.version} {device.claim.epoch}"


def going_on(device: Device, note: str | None) -> Device:
    """A device that was never stored, with the epoch at which the removed one ended."""
    if note is None:
        return device
    _, epoch = _read(note)
    return changed(device, claim=changed(device.claim, epoch=max(epoch, device.claim.epoch)))


def added(device: Device, note: str | None) -> Device | None:
    """The device as it is stored: of the first version, or of the one that follows its note.

    None when a claim has begun on it in an epoch that the removed one has had already: whoever
    began it did not know the note, and their attempt would have another epoch than the device.
    """
    if note is None:
        return changed(device, version=1)
    version, epoch = _read(note)
    if device.claim.state != UNCLAIMED and device.claim.epoch <= epoch:
        return None
    return changed(going_on(device, note), version=version + 1)


def _read(note: str) -> tuple[int, int]:
    version, epoch = map(int, note.split(" "))
    return version, epoch
