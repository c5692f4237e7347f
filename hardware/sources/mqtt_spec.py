"""What an ``mqtt:`` or ``mqtts:`` spec string asks for: which broker, as whom, which topics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from aiomqtt import Wildcard

from firmware_sim.core.wire.mqtt import EVENTS_FILTER
from hardware.source import SourceSpecError

Version = Literal["3.1.1", "5"]

# Where the other families publish, as their own manuals give it (see the decoders of the same
# name in hardware.families). A Tasmota FullTopic may put prefix and topic either way round.
FAMILY_TOPICS: Final = {
    "shelly": ("shellies/+/input_event/+", "+/events/rpc"),
    "tasmota": ("stat/+/RESULT", "+/stat/RESULT"),
    "zigbee2mqtt": ("zigbee2mqtt/+", "zigbee2mqtt/+/action"),
    "aws_iot_button": ("iotbutton/+",),
    "theengs": ("home/+/BTtoMQTT/+",),
}

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_TLS_OPTIONS: Final = ("ca", "cert", "key")
_OPTIONS: Final = ("topic", "topics", "version", *_TLS_OPTIONS)
_EXAMPLE: Final = "write mqtt://[USER:PASSWORD@]HOST[:PORT]/[?topic=FILTER]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSpec:
    """A spec string, understood."""

    shown: str
    """The spec without user and password: for logs, frames and error messages."""
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    topics: tuple[str, ...] = (EVENTS_FILTER,)
    version: Version = "3.1.1"
    tls: bool = False
    ca: str | None = None
    """File with the certificates to trust instead of the system's."""
    cert: str | None = None
    """File with our own certificate, for a broker that asks for one."""
    key: str | None = None
    """File with the key of ``cert``; None when it is in the same file."""

    @classmethod
    def parse(cls, spec: str) -> MqttSpec:
        """Understand a spec string.

        Raises:
            SourceSpecError: it cannot be understood; the message shows no password.
        """
        # A filter may end in '#', which must not be taken for the fragment of a URL.
        url = urlsplit(spec, allow_fragments=False)
        host, port = _where(url)
        shown = f"{url.scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
        options = _options(url, shown)
        topics = _topics(options, shown)
        tls = url.scheme == "mqtts"
        given = {name: options[name][-1] for name in _TLS_OPTIONS if name in options}
        if given and not tls:
            problem = f"{', '.join(given)} means nothing without TLS"
            raise SourceSpecError(shown, problem, "write mqtts://")
        if "key" in given and "cert" not in given:
            raise SourceSpecError(shown, "key= without cert=", "give both files, or neither")
        return cls(
            shown=shown + _shown_topics(options),
            host=host,
            port=port,
            user=None if url.username is None else unquote(url.username),
            password=None if url.password is None else unquote(url.password),
            topics=topics,
            version=_version(options, shown),
            tls=tls,
            **given,
        )


def _where(url: SplitResult) -> tuple[str, int]:
    shown = f"{url.scheme}://"
    try:
        host, port = url.hostname, url.port
    except ValueError as error:
        raise SourceSpecError(shown, f"{error}", _EXAMPLE) from None
    if url.scheme not in _PORTS or not host:
        raise SourceSpecError(shown, "names no broker", _EXAMPLE)
    if url.path not in {"", "/"}:
        raise SourceSpecError(
            f"{shown}{host}", f"{url.path!r} is no part of it", "topics go into ?topic=FILTER"
        )
    return host, port or _PORTS[url.scheme]


def _options(url: SplitResult, shown: str) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    # '+' is a wildcard here and never a space.
    for name, value in parse_qsl(url.query.replace("+", "%2B"), keep_blank_values=True):
        if name not in _OPTIONS:
            raise SourceSpecError(
                shown, f"no option is called {name!r}", "known are " + ", ".join(_OPTIONS)
            )
        if not value:
            raise SourceSpecError(shown, f"{name}= is empty", "give it a value or leave it out")
        options.setdefault(name, []).append(value)
    return options


def _topics(options: dict[str, list[str]], shown: str) -> tuple[str, ...]:
    topics = list(options.get("topic", (EVENTS_FILTER,)))
    for group in options.get("topics", ()):
        if group == "families":
            topics += [topic for each in FAMILY_TOPICS.values() for topic in each]
        elif group in FAMILY_TOPICS:
            topics += FAMILY_TOPICS[group]
        else:
            known = ", ".join(("families", *FAMILY_TOPICS))
            raise SourceSpecError(shown, f"topics={group} is not known", f"write one of {known}")
    for topic in topics:
        try:
            Wildcard(topic)
        except (ValueError, TypeError):
            raise SourceSpecError(
                shown,
                f"{topic[:200]!r} is not a topic filter",
                "'+' stands for one whole level, '#' for all the rest at the end",
            ) from None
    return tuple(dict.fromkeys(topics))


def _shown_topics(options: dict[str, list[str]]) -> str:
    pairs = [f"{name}={value}" for name in ("topic", "topics") for value in options.get(name, ())]
    return "?" + "&".join(pairs) if pairs else ""


def _version(options: dict[str, list[str]], shown: str) -> Version:
    match options.get("version", ["3.1.1"])[-1]:
        case "5":
            return "5"
        case "3.1.1":
            return "3.1.1"
        case other:
            raise SourceSpecError(
                shown, f"MQTT version {other[:20]!r} is not spoken here", "write 3.1.1 or 5"
            )
