"""Posts what the outbox holds to the URLs of owners: at least once, and to allowed hosts only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Final, NoReturn

import httpx

from orchestrator import __version__
from orchestrator.claims.patience import patiently
from orchestrator.domain.errors import ClickclaimError
from orchestrator.ports import Clock, Store
from orchestrator.settings import Settings
from orchestrator.tls import nobody_trusted, trusted
from orchestrator.units import Delivery, PutDelivery, RemoveDelivery

# The same for every try of one delivery: a receiver that has seen it may drop the copy.
EVENT_ID_HEADER: Final = "x-clickclaim-event-id"
IDEMPOTENCY_HEADER: Final = "idempotency-key"

# A receiver that restarts is back within seconds, one that is being mended within a day: the
# pauses grow from 2 s threefold to an hour, and 24 tries take some 18 hours.
FIRST_PAUSE_MS: Final = 2_000
PAUSE_FACTOR: Final = 3
LONGEST_PAUSE_MS: Final = 3_600_000
MOST_TRIES: Final = 24

# As the receiver of a click ought to answer at once, and do its work after.
TIMEOUT_S: Final = 10.0
# Enough to be quick, few enough to be no load test of somebody's web server.
MOST_AT_ONCE: Final = 16
# How often the outbox is looked at when nobody says that there is something new.
LOOK_EVERY_MS: Final = 1_000

_log = logging.getLogger(__name__)


class CallbackError(Exception):
    """One try failed; the message says how."""


class NotAllowedError(CallbackError):
    """The URL's host is not on the allow-list, so there will be no try at all."""


def callback_client(allowed_hosts: Collection[str]) -> httpx.AsyncClient:
    """A client that goes where it is told and nowhere else: no redirect, no proxy of the
    environment's, no password from a netrc file. Raises AuthoritiesError."""
    return httpx.AsyncClient(
        verify=trusted() if allowed_hosts else nobody_trusted(),
        follow_redirects=False,
        trust_env=False,
        timeout=TIMEOUT_S,
    )


def pause_ms(tries: int) -> int:
    """How long to wait after so many failed tries."""
    return int(min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * PAUSE_FACTOR ** min(tries - 1, 32)))


def check_url(text: str, allowed_hosts: tuple[str, ...]) -> httpx.URL:
    """The URL as the client will use it, if its host was allowed.

    The client's own reading of the URL is compared, not another parser's: where two of them
    disagree about the host, an attacker chooses. Hosts are equal or they are not; there are no
    subdomains, and no addresses for names.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise NotAllowedError(f"not a URL: {error}") from None
    if "\\" in text or (url.port is not None and url.port > 65_535):
        raise NotAllowedError("not a URL that every reader understands alike")
    if url.scheme not in {"http", "https"}:
        raise NotAllowedError(f"{url.scheme or 'no scheme'} is neither http nor https")
    if url.host not in allowed_hosts:
        raise NotAllowedError(f"host {url.host or '(none)'} is not in callback_hosts")
    return url


class CallbackPoster:
    """Empties the outbox. One for each data folder; ``run`` does it until it is cancelled.

    The deliveries of one device are posted one after the other, those of several at once. One
    that fails is tried again, later each time, and given up after the last try with a line in
    the log. What was posted is not posted again because the store cannot note it just now.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, client: httpx.AsyncClient
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._client = client
        self._busy: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._failing = False

    def wake(self) -> None:
        """There may be something new in the outbox: look at once."""
        self._news.set()

    async def run(self) -> NoReturn:
        """Post what is due, until cancelled; what is under way is tried again by the next run."""
        try:
            while True:
                self._news.clear()
                try:
                    await self.post_due()
                    self._failing = False
                except ClickclaimError as error:
                    if not self._failing:
                        _log.error("the outbox cannot be read: %s", error)
                    self._failing = True
                await self._wait()
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def post_due(self) -> None:
        """Start to post whatever is due and whose device is not being told something already."""
        for delivery in await self._store.deliveries(self._clock.now_ms()):
            device = (delivery.namespace, delivery.device_id)
            if device in self._busy or len(self._busy) >= MOST_AT_ONCE:
                continue
            name = f"callback {delivery.delivery_id}"
            self._busy[device] = asyncio.create_task(self._handle(delivery, device), name=name)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._busy:
            await asyncio.wait(self._busy.values())

    async def _wait(self) -> None:
        later = asyncio.ensure_future(self._clock.sleep_until(self._clock.now_ms() + LOOK_EVERY_MS))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({later, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            later.cancel()
            news.cancel()

    async def _handle(self, delivery: Delivery, device: tuple[str, str]) -> None:
        try:
            outcome = await self._outcome(delivery)
            await patiently(
                self._clock,
                lambda: self._store.unit([outcome]),
                f"Callback {delivery.delivery_id} was tried; the device's next one waits for that.",
            )
        finally:
            del self._busy[device]
            self._news.set()

    async def _outcome(self, delivery: Delivery) -> PutDelivery | RemoveDelivery:
        tries = delivery.tries + 1
        try:
            await self._post(delivery)
        except NotAllowedError as error:
            _log.error("callback %s is not posted: %s", _shown(delivery), error)
        except CallbackError as error:
            if tries < MOST_TRIES:
                _log.info("callback %s: %s; try %d", _shown(delivery), error, tries)
                due_ms = self._clock.now_ms() + pause_ms(tries)
                return PutDelivery(
                    replace(delivery, tries=tries, due_ms=due_ms, last_error=str(error))
                )
            _log.error(
                "callback %s failed for good after %d tries: %s", _shown(delivery), tries, error
            )
        return RemoveDelivery(delivery.delivery_id)

    async def _post(self, delivery: Delivery) -> None:
        url = check_url(delivery.url, self._settings.callback_hosts)
        headers = {
            "content-type": "application/json",
            "user-agent": f"clickclaim/{__version__}",
            EVENT_ID_HEADER: delivery.delivery_id,
            IDEMPOTENCY_HEADER: delivery.delivery_id,
        }
        try:
            # Streamed, so that an answer of any length is never read.
            async with self._client.stream(
                "POST", url, content=delivery.payload, headers=headers, follow_redirects=False
            ) as response:
                status = response.status_code
        # The resolver and the TLS library have errors of their own, and so may whatever comes:
        # one receiver's URL must not end the posting to the others.
        except Exception as error:
            raise CallbackError(f"{type(error).__name__}: {error}") from error
        if 300 <= status < 400:
            raise CallbackError(f"answered {status}, a redirect, which is never followed")
        if not 200 <= status < 300:
            raise CallbackError(f"answered {status}")


def _shown(delivery: Delivery) -> str:
    """Which one, for the log: without user, password and query, which may be secret."""
    try:
        url = httpx.URL(delivery.url)
        where = f"{url.scheme}://{url.host}{url.path}"
    except (httpx.InvalidURL, ValueError):
        where = "(not a URL)"
    return f"{delivery.delivery_id} of {delivery.device_id} to {where[:200]}"
