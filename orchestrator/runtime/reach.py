"""Which claim service a command talks to: one at a URL, or one of its own for this one claim."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orchestrator.clocks import WallClock
from orchestrator.domain.ids import DEFAULT_NAMESPACE
from orchestrator.ports import ClaimApi, Clock
from orchestrator.settings import (
    CLAIM_WINDOW_MAX_S,
    CLAIM_WINDOW_MIN_S,
    Profile,
    for_profile,
)

EMBEDDED: Final = "embedded"
SECRET_VARIABLE: Final = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable
_REGION_VARIABLES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


class ServiceUrlError(ValueError):
    """What was given is no address of a claim service."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A claim service, and the clock to work with it."""

    api: ClaimApi
    clock: Clock
    namespace: str
    embedded: bool


@asynccontextmanager
async def reach(
    service: str,
    *,
    access_key: str | None = None,
    data: Path,
    profile: Profile = "dev",
    window_s: int | None = None,
) -> AsyncIterator[Reached]:
    """The service that ``service`` names: a URL, or ``embedded`` on the folder ``data``.

    ``window_s`` is for the embedded one, as near as its bounds allow. Raises ServiceUrlError, and
    StoreError when the folder cannot be used; a URL is not tried before the first question.
    """
    if service == EMBEDDED:
        from orchestrator.runtime.service import open_service  # noqa: PLC0415

        settings = for_profile(profile)
        if window_s is not None:
            bounded = max(CLAIM_WINDOW_MIN_S, min(CLAIM_WINDOW_MAX_S, window_s))
            settings = replace(settings, claim_window_s=bounded)
        # Listening, though to nothing of its own: contacts that only say closed or open are timed
        # there, whoever hears them.
        async with open_service(settings, data) as opened, opened.listening(()):
            caller = opened.access.trusted(access_key) if access_key else opened.access.anonymous()
            yield Reached(opened.api(caller), opened.clock, caller.namespace, embedded=True)
        return
    _check_url(service)
    from orchestrator.remote import Credentials, RemoteClaims  # noqa: PLC0415

    secret = os.environ.get(SECRET_VARIABLE)
    credentials = None
    if access_key and secret:
        region = next(filter(None, map(os.environ.get, _REGION_VARIABLES)), None)
        named = {} if region is None else {"region": region}
        credentials = Credentials(access_key=access_key, secret=secret, **named)
    clock = WallClock()
    async with RemoteClaims(service, credentials=credentials, clock=clock) as api:
        yield Reached(api, clock, DEFAULT_NAMESPACE, embedded=False)


def _check_url(service: str) -> None:
    try:
        url = urlsplit(service)
        good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        raise ServiceUrlError(
            f"{service!r} is no address of a claim service; write http://HOST:PORT, or embedded."
        )
