"""What a broker says of itself under $SYS: who made it, and how many messages it threw away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

VERSION_TOPIC: Final = "$SYS/broker/version"
DROPPED_TOPIC: Final = "$SYS/broker/publish/messages/dropped"

# What is retained comes at once; Mosquitto's counters change every sys_interval, 10 s by default.
_ANSWER_WITHIN_S: Final = 1.5
NEW_COUNT_WITHIN_S: Final = 11.0


@dataclass(frozen=True, slots=True)
class BrokerSays:
    """None where the broker says nothing, or not to us."""

    version: str | None = None
    dropped: int | None = None

    @property
    def is_mosquitto(self) -> bool:
        """Whether it drops what is too much without telling anybody."""
        return (self.version or "").lower().startswith("mosquitto")


async def ask_broker(
    url: str, *, final_count: bool = False, within_s: float = _ANSWER_WITHIN_S
) -> BrokerSays:
    """Read what the broker says of itself; of a broker that says nothing, nothing.

    With ``final_count``, listen for all of ``within_s``: what is known at once may be old.
    """
    import aiomqtt  # noqa: PLC0415 - a driver

    from firmware_sim.links.mqtt_url import parse_mqtt_url  # noqa: PLC0415

    address = parse_mqtt_url(url)
    said: dict[str, str] = {}
    try:
        async with (
            asyncio.timeout(within_s),
            aiomqtt.Client(
                address.host, address.port, username=address.username, password=address.password
            ) as client,
        ):
            await client.subscribe([(VERSION_TOPIC, 0), (DROPPED_TOPIC, 0)])
            async for message in client.messages:
                said[str(message.topic)] = bytes(message.payload).decode("utf-8", "replace")
                if len(said) == 2 and not final_count:
                    break
    except (TimeoutError, aiomqtt.MqttError):
        pass
    return BrokerSays(said.get(VERSION_TOPIC), _number(said.get(DROPPED_TOPIC)))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
