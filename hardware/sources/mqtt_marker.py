"""What an MQTT connection publishes to itself, and what it proves when it comes back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(slots=True)
class Marker:
    """What we publish to ourselves: proof that everything published before it has been heard."""

    topic: str
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    sent_ms: dict[int, int] = field(default_factory=dict)
    """When each marker that has not come back was published, by its number."""
    count: int = 0

    def next(self, now_ms: int) -> str:
        """The payload of the next marker."""
        self.count += 1
        self.sent_ms[self.count] = now_ms
        return f"{self.nonce}:{self.count}"

    def heard(self, payload: bytes) -> int | None:
        """When the marker with this payload was published; None when it is not one of ours."""
        nonce, _, number = payload.decode(errors="replace").partition(":")
        if nonce != self.nonce or not number.isdecimal():
            return None
        count = int(number)
        sent_ms = self.sent_ms.get(count)
        # Whoever is older than one that came back will not come back any more.
        self.sent_ms = {n: ms for n, ms in self.sent_ms.items() if n > count}
        return sent_ms
