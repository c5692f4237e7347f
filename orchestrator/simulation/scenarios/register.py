"""What the service knows of the buttons when the day begins: their ids, keys and last clicks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from hardware.repeats import Press as HeardPress
from hardware.repeats import State, judge
from orchestrator.claims.registry import DeviceRegistry
from orchestrator.domain.changes import changed
from orchestrator.ports import Store
from orchestrator.settings import for_profile
from orchestrator.simulation.nodes import ServiceNode
from orchestrator.simulation.scenarios.buttons import NAMESPACE, HeldButton
from orchestrator.simulation.scene import Scene
from orchestrator.simulation.truth import Press
from orchestrator.units import Op, PutKey, StoredKey, SwapDevice

_AT_ONCE: Final = 500


def key_of(device_id: str) -> bytes:
    """The key of a button that has one."""
    return hashlib.sha256(f"{NAMESPACE} {device_id}".encode()).digest()


async def register(scene: Scene, node: ServiceNode, buttons: Sequence[HeldButton]) -> None:
    """Make the buttons known to the service."""
    assert node.store is not None
    registry = DeviceRegistry(node.store, node.clock, for_profile("dev"))
    for first in range(0, len(buttons), _AT_ONCE):
        some = buttons[first : first + _AT_ONCE]
        await registry.add(NAMESPACE, [one.device_id for one in some])
        ops: list[Op] = [_put_key(one) for one in some if one.make.key]
        used = [one for one in some if one.make.clicks_before]
        ops += [await _heard_before(scene, node, node.store, one) for one in used]
        if ops:
            await node.store.unit(ops)


def _put_key(button: HeldButton) -> PutKey:
    return PutKey(
        StoredKey(
            namespace=NAMESPACE,
            device_id=button.device_id,
            kind="hmac",
            secret=key_of(button.device_id),
            simulated=False,
        )
    )


async def _heard_before(
    scene: Scene, node: ServiceNode, store: Store, button: HeldButton
) -> SwapDevice:
    """The last click of yesterday: what the service remembers of a button that was used."""
    device = await store.device(NAMESPACE, button.device_id)
    assert device is not None
    number, now_ms = (1, button.make.clicks_before), node.clock.now_ms()
    press_id = ".".join(map(str, number))
    last = HeardPress("native", "SINGLE", press_id, number, authenticated=button.make.key)
    known = judge(State(), last, now_ms).state.to_json()
    key = ((NAMESPACE, button.device_id), press_id)
    scene.presses[key] = Press(key[0], now_ms, simulated=False)
    node.truth.recorded.add(key)
    return SwapDevice(device, changed(device, repeats=known, clicks=number[1]))
