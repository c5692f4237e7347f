"""Which source a spec string means here, simulated buttons included, and what it may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hardware.source import Source, SourceSpecError
from hardware.sources import SCHEMES, open_source
from orchestrator.ports import Clock
from orchestrator.runtime.simulated import SimulatedSource, SimulatedSpec

# Sources that tell a person what no error says: a wrong baud rate, a message that was too long.
_TELLING: Final = ("mqtt", "mqtts", "serial")


def open_ear(
    spec: str,
    *,
    clock: Clock,
    on_notice: Callable[[str], None] | None = None,
    simulate: tuple[str, str] | None = None,
) -> Source:
    """The source that a spec names, not yet hearing. Raises SourceSpecError.

    ``simulate`` is the namespace and id of the button that a ``sim:`` is; without it there is
    nobody who would press it.
    """
    scheme, colon, _ = spec.partition(":")
    if scheme == "sim" and colon:
        wanted = SimulatedSpec.parse(spec)
        if simulate is None:
            raise SourceSpecError(
                spec,
                "a simulated button is pressed by `claim` only",
                "press one from outside: clickclaim press DEVICE --mqtt URL",
            )
        namespace, device_id = simulate
        return SimulatedSource(wanted, device_id, namespace, now_ms=clock.now_ms)
    if scheme not in SCHEMES or not colon:
        known = ", ".join(f"{name}:" for name in sorted({*SCHEMES, "sim"} - {"memory"}))
        raise SourceSpecError(spec, "no source of that name", f"write one of {known}")
    options: dict[str, Any] = {}
    if scheme in _TELLING and on_notice is not None:
        options["on_notice"] = on_notice
    return open_source(spec, clock=clock, **options)
