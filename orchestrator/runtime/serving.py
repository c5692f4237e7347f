"""A claim service on a port, with its broker and its sources: what starts first, what ends last."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestrator.runtime.service import Service, beside, open_service
from orchestrator.settings import Profile, Settings

if TYPE_CHECKING:
    from orchestrator.api.server import ApiServer

# A broker on the same machine answers at once; one far away or busy within seconds. Whoever starts
# the service is waiting.
_READING_WITHIN_S: Final = 10.0
_EMBEDDED: Final = "embedded"
NO_BROKER: Final = "none"


class AddressError(ValueError):
    """An address on the command line that cannot be understood."""


class ServerEndedError(RuntimeError):
    """The HTTP server ended, and nobody had asked it to."""


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """Where to serve HTTP; port 0 is any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> HttpAddress:
        """Understand ``HOST:PORT``, ``:PORT`` or ``[IPV6]:PORT``. Raises AddressError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
            raise AddressError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:8080.")
        return cls(host or "127.0.0.1", int(port))


@dataclass(frozen=True, slots=True)
class BrokerChoice:
    """Which broker: our own on a port, one at a URL, or none."""

    embedded_port: int | None = None
    """Port of the embedded broker, 0 for any that is free; None when it is not wanted."""
    url: str | None = None

    @classmethod
    def parse(cls, text: str, profile: Profile) -> BrokerChoice:
        """Understand ``embedded[:PORT]``, a URL, or ``none``. Raises AddressError."""
        if text == NO_BROKER:
            return cls()
        name, _, port = text.partition(":")
        if name == _EMBEDDED:
            if profile == "production":
                raise AddressError(
                    "The embedded broker loses clicks while the service restarts, so the"
                    " production profile does not take it. Name your own broker:"
                    " --mqtt mqtt://HOST:1883/"
                )
            if port and not (port.isascii() and port.isdigit() and int(port) <= 65_535):
                raise AddressError(f"{text!r} is not embedded or embedded:PORT.")
            return cls(embedded_port=int(port or 0))
        if name in {"mqtt", "mqtts"}:
            return cls(url=text)
        raise AddressError(f"{text!r} is not embedded, embedded:PORT, mqtt://HOST:PORT/ or none.")


@dataclass(frozen=True, slots=True)
class Running:
    """What is being served, and where."""

    service: Service
    http: str
    mqtt: str
    """URL of the broker without user and password; ``none`` without one."""

    @property
    def ready_line(self) -> str:
        """What ``serve`` prints, once."""
        return f"ready http={self.http} mqtt={self.mqtt}"


@asynccontextmanager
async def serving(
    settings: Settings,
    folder: Path | None,
    *,
    http: HttpAddress,
    broker: BrokerChoice,
    sources: Sequence[str] = (),
    virtual_time: bool = False,
) -> AsyncIterator[Running]:
    """Serve while the body runs: entered when HTTP answers and every source hears.

    Raises StoreError, BindError, BrokerPortError or SourceError, each with its next step. Ends
    in the other order: no new requests, open streams closed, what was heard committed, the
    broker, the store.
    """
    from orchestrator.api.app import ApiApp  # noqa: PLC0415 - loads the web server
    from orchestrator.api.server import ApiServer  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            open_service(settings, folder, virtual_time=virtual_time)
        )
        mqtt = broker.url
        if broker.embedded_port is not None:
            mqtt = await _start_broker(stack, settings, broker.embedded_port)
        heard = [await service.ingest.open(spec) for spec in sources]
        if mqtt:
            # The embedded broker keeps no session, so there is none to go on with.
            kept = broker.embedded_port is None
            heard.insert(0, await service.ingest.open(mqtt, session=kept))
        if settings.callback_hosts:
            await stack.enter_async_context(_posting(service))
        app = ApiApp(
            service.claims,
            service.access,
            service.hub,
            settings,
            frames=service.ingest.receive_frames,
            faults=service.faults,
            sources=lambda: _situations(service),
        )
        server = ApiServer(app, http.host, http.port)
        stack.push_async_callback(server.stop)
        # The port first: it is the commoner mistake, and quick to tell.
        host, port = await server.start()
        await stack.enter_async_context(service.listening(heard))
        # Entered later, left earlier: requests end before the sources do.
        stack.push_async_callback(server.stop)
        await service.ingest.wait_reading(_READING_WITHIN_S)
        await stack.enter_async_context(beside(_until_ended(server), "http"))
        shown = f"[{host}]" if ":" in host else host
        yield Running(
            service=service,
            http=f"http://{shown}:{port}",
            mqtt=heard[0].spec if mqtt else NO_BROKER,
        )


async def _until_ended(server: ApiServer) -> None:
    await server.wait()
    raise ServerEndedError(
        "The HTTP server ended by itself, so nobody can reach the claims. Start the service again."
    )


async def _start_broker(stack: AsyncExitStack, settings: Settings, port: int) -> str:
    from orchestrator.broker import EmbeddedBroker  # noqa: PLC0415 - loads the broker

    embedded = EmbeddedBroker(profile=settings.profile)
    stack.push_async_callback(embedded.stop)
    bound = await embedded.start(port)
    return f"mqtt://127.0.0.1:{bound}/"


@asynccontextmanager
async def _posting(service: Service) -> AsyncIterator[None]:
    """Callbacks to owners, as soon as their click is committed."""
    from orchestrator.callbacks import (  # noqa: PLC0415 - loads the HTTP client
        CallbackPoster,
        callback_client,
    )

    async with callback_client(service.settings.callback_hosts) as client:
        poster = CallbackPoster(service.store, service.clock, service.settings, client)
        service.outbox.ring = poster.wake
        async with beside(poster.run(), "callbacks"):
            yield


def _situations(service: Service) -> list[Mapping[str, Any]]:
    """Each source and where it stands, for ``/healthz``."""
    return [
        {
            "source": one.spec,
            "state": one.situation.state,
            "sinceMs": one.situation.since_ms,
            "reason": one.situation.reason,
        }
        for one in service.ingest.supervisors
    ]


class Stop:
    """SIGTERM or Ctrl-C, from now on: ends ``wait``, or whatever the task is doing before that.

    Made by the task that serves. A second signal does not wait for the first one's effect.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether a signal came. A CancelledError is its effect then, and no failure."""
        self._waiting = asyncio.Event()
        self._task = asyncio.current_task()
        self._ready = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)

    async def wait(self) -> None:
        """Return when somebody wants us to end."""
        self._ready = True
        await self._waiting.wait()

    def _stop(self) -> None:
        if self._task is not None and (self.asked or not self._ready):
            self._task.cancel()
        self.asked = True
        self._waiting.set()
