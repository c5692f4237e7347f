"""Which spec string opens which source; a driver is loaded when a spec asks for it."""

from __future__ import annotations

import importlib
from typing import Any, Final, Protocol, cast

from hardware.source import Source, SourceSpecError

# scheme -> "module:function". Each function takes (spec, *, now_ms, **options).
# `sim:` is missing on purpose: a simulated world is wired where worlds are known.
_SOURCES: Final = {
    "ble": "hardware.sources.ble:open_ble",
    "memory": "hardware.sources.memory:open_memory",
    "mqtt": "hardware.sources.mqtt:open_mqtt",
    "mqtts": "hardware.sources.mqtt:open_mqtt",
    "replay": "hardware.sources.replay:open_replay",
    "serial": "hardware.sources.serial:open_serial",
}

SCHEMES: Final = tuple(_SOURCES)


class Clock(Protocol):
    """Says what time it is."""

    def now_ms(self) -> int:
        """UTC in milliseconds."""


def open_source(spec: str, *, clock: Clock, **options: Any) -> Source:
    """The source a spec string names, not yet hearing: ``Source.open`` begins that.

    Options go to the source as they are: ``on_notice`` and ``comports`` to ``serial:``,
    ``backend`` to ``ble:``, and so on; each module says which it knows.

    Raises:
        SourceSpecError: nobody knows the scheme, or the source cannot read the rest.
    """
    scheme, colon, _ = spec.partition(":")
    target = _SOURCES.get(scheme) if colon else None
    if target is None:
        raise SourceSpecError(
            spec,
            "no source of that name",
            "write one of " + ", ".join(f"{known}:" for known in SCHEMES),
        )
    module, _, function = target.partition(":")
    factory = getattr(importlib.import_module(module), function)
    return cast("Source", factory(spec, now_ms=clock.now_ms, **options))
