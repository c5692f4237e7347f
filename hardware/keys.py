"""Which device key a decoder may use: the caller answers, so that keys stay with their owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

KeyKind = Literal["hmac", "bthome", "mibeacon"]


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """One secret of one button."""

    kind: KeyKind
    secret: bytes = field(repr=False)
    simulated: bool = False
    """A test key: a frame it opens is marked simulated, however it was heard."""


class KeyBook(Protocol):
    """Finds the keys of a button by what the button calls itself."""

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:
        """The keys of this address; empty when there are none. Never raises."""


class NoKeys:
    """A key book with nothing in it."""

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:  # noqa: ARG002
        """Nothing, whoever asks."""
        return ()
