"""One request to the service: signed, sent again when the reply was lost, or known to be away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

from orchestrator.ports import ServiceAwayError
from orchestrator.remote.pool import ConnectionPool
from orchestrator.remote.refusals import refusal_of, strange
from orchestrator.remote.signing import Credentials, SigV4Signer
from orchestrator.tls import BUNDLE, trusted, why_untrusted

# Ours answers in milliseconds; a stretched network or a busy disk gets seconds.
ANSWER_WITHIN_S: Final = 10.0
CONNECT_WITHIN_S: Final = 5.0
# The service sends something every 15 s; three of them missing means that the link is dead.
STREAM_SILENCE_S: Final = 45.0

# Nothing is known of what became of such a request; the same invocation id makes asking safe.
_UNKNOWN: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a request is sent, and the growing pause between."""

    tries: int = 4
    first_ms: int = 100
    factor: int = 3

    def delay_ms(self, failures: int) -> int:
        """The pause after so many failures, 1 or more."""
        delay: int = self.first_ms * self.factor ** (failures - 1)
        return delay


class Link:
    """A connection pool to one service. Requests give JSON, or raise what the answer means."""

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None,
        transport: httpx.AsyncBaseTransport | None,
        retry: Retry,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._retry = retry
        self._sleep = sleep
        self._client = httpx.AsyncClient(
            transport=transport or _pool_for(base_url),
            auth=None if credentials is None else SigV4Signer(credentials),
            timeout=httpx.Timeout(ANSWER_WITHIN_S, connect=CONNECT_WITHIN_S),
            # A proxy that the environment names is for the internet, not for the station's service.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """The answer with 2xx. Refusals are raised as themselves; ServiceAwayError when none of
        the tries brought an answer that says what became of the request.
        """
        failures = 0
        while True:
            request = self._client.build_request(
                method, self._base_url + path, params=query, headers=headers, json=body
            )
            problem = ""
            try:
                response = await self._client.send(request)
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
                if untrusted := why_untrusted(error):
                    raise self._stranger(untrusted) from error
            else:
                if response.is_success:
                    return response
                if response.status_code not in _UNKNOWN:
                    raise refusal_of(response)
                problem = f"it answered {response.status_code}"
            failures += 1
            if failures >= self._retry.tries:
                raise self._away(f"{problem}, {failures} times")
            await self._sleep(self._retry.delay_ms(failures) / 1000)

    async def json(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        """The answer's JSON object."""
        return object_in(await self.ask(method, path, **asked))

    def stream(self, path: str) -> Any:
        """A response that goes on, as an async context manager."""
        return self._client.stream(
            "GET",
            self._base_url + path,
            headers={"accept": "text/event-stream"},
            timeout=httpx.Timeout(STREAM_SILENCE_S, connect=CONNECT_WITHIN_S),
        )

    def _stranger(self, why: str) -> ServiceAwayError:
        return ServiceAwayError(
            f"The certificate of the claim service at {self._base_url} cannot be trusted: {why}."
            f" Set {BUNDLE} to a PEM file with the authority that signed it, and use the host as"
            " the certificate names it."
        )

    def _away(self, problem: str) -> ServiceAwayError:
        return ServiceAwayError(
            f"The claim service at {self._base_url} does not answer: {problem}."
            " Check the address, and that `clickclaim serve` runs there."
        )

    def away(self, error: httpx.HTTPError) -> ServiceAwayError:
        """What a broken stream means."""
        if untrusted := why_untrusted(error):
            return self._stranger(untrusted)
        return self._away(str(error) or type(error).__name__)


def _pool_for(base_url: str) -> ConnectionPool:
    """Raises AuthoritiesError."""
    return ConnectionPool(trusted() if httpx.URL(base_url).scheme == "https" else None)


def object_in(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer, or StrangeAnswerError."""
    try:
        given = response.json()
    except ValueError:
        raise strange(response) from None
    if not isinstance(given, dict):
        raise strange(response)
    return given


def segment(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")
