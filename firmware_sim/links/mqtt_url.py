"""What ``mqtt://user:password@host:1883/`` and ``mqtts://…?ca=FILE`` mean."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from firmware_sim.links.errors import LinkError

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FILES = ("ca", "cert", "key")
_EXAMPLE = "write it as mqtt://user:password@host:1883/ or mqtts://host/?ca=FILE"


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """A broker and how to enter."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def shown(self) -> str:
        """The URL without user and password, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}/"

    def ssl_context(self) -> ssl.SSLContext | None:
        """What to check and show; None without TLS. Raises LinkError for a file of no use."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(
                file for file in (self.ca_file, self.cert_file, self.key_file) if file
            )
            raise LinkError(
                self.shown,
                f"needs certificates, and {files} cannot be used ({error})",
                "give PEM files that can be read",
            ) from error
        return context


def parse_mqtt_url(url: str) -> MqttAddress:
    """The address in a URL. Raises LinkError, never showing the password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise LinkError("the broker's URL", f"is not one ({error})", _EXAMPLE) from None
    if parts.scheme not in _PORTS or not host:
        shown = f"{parts.scheme}://{host or ''}" if parts.scheme else "without a scheme"
        raise LinkError("the broker's URL", f"is {shown}", _EXAMPLE)
    unknown = sorted(options.keys() - set(_FILES))
    if unknown:
        raise LinkError(
            "the broker's URL", f"has the option {unknown[0]!r}", f"there are {', '.join(_FILES)}"
        )
    files = {name: values[-1] for name, values in options.items()}
    return MqttAddress(
        host=host,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        ca_file=files.get("ca"),
        cert_file=files.get("cert"),
        key_file=files.get("key"),
    )
