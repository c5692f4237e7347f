"""A test's own corner of the shared service: namespace, account, and what is asked of it."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import httpx

from orchestrator.domain.attempts import OUTCOMES
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.ids import parse_device_id
from orchestrator.pytest_plugin.button import SimulatedButton, Unrecorded
from orchestrator.pytest_plugin.client import AwsClients
from orchestrator.pytest_plugin.clock import NamespaceClock
from orchestrator.pytest_plugin.faults import ClaimFaults
from orchestrator.pytest_plugin.sharing import ServiceGoneError
from orchestrator.pytest_plugin.story import StoryError, Told, story_text
from orchestrator.pytest_plugin.threads import in_thread
from orchestrator.remote.signing import Credentials, SigV4Signer

_REGION: Final = "us-west-2"
_OUTCOMES: Final = (*OUTCOMES, "OPEN", "NONE")
_ANSWER_WITHIN_S: Final = 10.0
# More stories than these hide what went wrong.
_MOST_STORIES: Final = 3


class Visitor:
    """One process's connections to the shared service."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.aws = AwsClients(url, folder / "models")
        self._folder = folder
        # Plain HTTP to this machine: certificates that the environment names are not looked for.
        self._transport = httpx.HTTPTransport(trust_env=False)
        self._nobody = self.http(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def http(self, credentials: Credentials | None) -> httpx.Client:
        """A client for one account, over the connections that all share."""
        return httpx.Client(
            transport=_Lent(self._transport),
            base_url=self.url,
            auth=None if credentials is None else SigV4Signer(credentials),
            timeout=_ANSWER_WITHIN_S,
            trust_env=False,
        )

    def new_namespace(self) -> ClaimServiceUnderTest:
        """A service with a namespace of its own, and one account in it."""
        return ClaimServiceUnderTest(self, self.new_key())

    def new_key(self, **where: str) -> dict[str, str]:
        """The key of a new account, in a new namespace unless one is named."""
        try:
            answer = self._nobody.post("/v1/keys", json=where).raise_for_status()
        except httpx.ConnectError:
            raise ServiceGoneError(self.url, self._folder) from None
        key: dict[str, str] = answer.json()
        return key


class ClaimServiceUnderTest:
    """A claim service as one account sees it. Nobody else's tests are in its namespace."""

    def __init__(self, visitor: Visitor, key: Mapping[str, str]) -> None:
        self._visitor = visitor
        self._buttons: dict[str, SimulatedButton] = {}
        self._asked: dict[str, None] = {}
        self.url = visitor.url
        """Where it answers."""
        self.region = _REGION
        self.namespace = key["namespace"]
        self.account = key["account"]
        self.access_key = key["accessKeyId"]
        self.secret = key["secretAccessKey"]
        self.http = visitor.http(Credentials(access_key=self.access_key, secret=self.secret))
        """The whole HTTP API: an httpx client that signs what it sends."""
        self.clock = NamespaceClock(self.http)
        self.faults = ClaimFaults(self.http)

    def __repr__(self) -> str:
        return f"<claim service {self.url}, namespace {self.namespace}, account {self.account}>"

    @property
    def environ(self) -> dict[str, str]:
        """What a program under test needs to be this account's client, ``clickclaim`` or AWS's."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_IOT1CLICK_DEVICES": self.url,
            "AWS_ENDPOINT_URL_IOT_1CLICK_DEVICES_SERVICE": self.url,
            # Where this is true, clients would call the owner's own hosts with these credentials.
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_DATA_PATH": str(self._visitor.aws.models()),
            "CLICKCLAIM_SERVICE": self.url,
            # A proxy that the environment names is for the internet.
            **dict.fromkeys(("NO_PROXY", "no_proxy"), _without_proxy()),
        }

    def client(self, **config: Any) -> Any:
        """A botocore client for ``iot1click-devices``; ``config`` goes to botocore's Config."""
        return self._visitor.aws.client(
            access_key=self.access_key, secret=self.secret, region=self.region, config=config
        )

    def another_account(self) -> ClaimServiceUnderTest:
        """The same namespace with its clock, faults and buttons, as a new account sees it."""
        other = ClaimServiceUnderTest(
            self._visitor, self._visitor.new_key(namespace=self.namespace)
        )
        other._buttons, other._asked = self._buttons, self._asked
        return other

    def button(self, device_id: str, *, key: bytes = b"") -> SimulatedButton:
        """The button of this id, the same one each time; with a key it signs what it says."""
        __tracebackhide__ = True
        if device_id not in self._buttons:
            self._buttons[device_id] = SimulatedButton(
                device_id, self.http, namespace=self.namespace, key=key
            )
        button = self._buttons[device_id]
        if key and key != button.key:
            has = "another key" if button.key else "no key"
            raise ValueError(
                f"{device_id} has {has} here; name its key where it is first asked for"
            )
        return button

    def claim_code(self, *device_ids: str) -> str:
        """A code that claims a box of these devices at once; it registers them."""
        __tracebackhide__ = True
        for device_id in device_ids:
            _checked_id(device_id)
        made = _taken(self.http.post("/v1/claim-codes", json={"deviceIds": device_ids}))
        self._asked |= dict.fromkeys(device_ids)
        return str(made["claimCode"])

    async def claimed(self, device_id: str, click_type: str = "SINGLE") -> SimulatedButton:
        """Claim a device with a click of its button; the button."""
        __tracebackhide__ = True
        return await in_thread(self.claimed_sync, device_id, click_type)

    def claimed_sync(self, device_id: str, click_type: str = "SINGLE") -> SimulatedButton:
        """As ``claimed``, in a plain test."""
        __tracebackhide__ = True
        button = self.button(device_id)
        refused = self._put(device_id, "initiate")
        if refused:
            raise StoryError(f"{device_id} cannot be claimed: {refused}", self.story(device_id))
        missed = _missed(button, click_type)
        refused = self._put(device_id, "finalize")
        if not self._owned(device_id):
            raise StoryError(
                f"{device_id} is not claimed by account {self.account}: {missed or refused}",
                self.story(device_id),
            )
        return button

    def record(self, device_id: str) -> dict[str, Any] | None:
        """The latest attempt to claim a device, as ``/v1/records`` gives it."""
        __tracebackhide__ = True
        # Asked where no fault strikes, as everything that a test asks about itself.
        attempts: list[dict[str, Any]] = self._why(device_id).get("attempts", [])
        return attempts[-1] if attempts else None

    def outcome(self, device_id: str) -> str:
        """How the latest attempt ended, ``OPEN``, or ``NONE``; tells its story in an assert."""
        __tracebackhide__ = True
        record = self.record(device_id)
        outcome = "NONE" if record is None else record["outcome"] or "OPEN"
        return Told(outcome, self.story(device_id))

    def disposition(self, device_id: str) -> str:
        """What became of the latest click, or ``NONE``; tells its story in an assert."""
        __tracebackhide__ = True
        told = self._why(device_id).get("clicks") or [
            # Until somebody initiates, the button alone knows.
            {"disposition": one.receipt.disposition}
            for one in self._unrecorded(device_id)
            if one.receipt.disposition
        ]
        return Told(told[-1]["disposition"] if told else "NONE", self.story(device_id))

    def assert_claimed(self, device_id: str) -> None:
        """This test's account owns the device; else an error with the whole story."""
        __tracebackhide__ = True  # the line of the test is what failed
        if not self._owned(device_id):
            raise StoryError(
                f"{device_id} is not claimed by account {self.account}", self.story(device_id)
            )

    def assert_outcome(self, device_id: str, outcome: str) -> None:
        """The latest attempt ended so; else an error with the whole story."""
        __tracebackhide__ = True
        if outcome not in _OUTCOMES:
            raise ValueError(f"no attempt is {outcome!r}; outcomes are {', '.join(_OUTCOMES)}")
        found = self.outcome(device_id)
        if found != outcome:
            raise StoryError(
                f"the attempt to claim {device_id} is {found}, not {outcome}",
                self.story(device_id),
            )

    def story(self, device_id: str) -> str:
        """What happened to a device, in order, each moment with its reason."""
        __tracebackhide__ = True
        why, besides = self._why(device_id), self._unrecorded(device_id)
        return story_text(device_id, why, besides, self.faults.planned())

    def stories(self) -> list[str]:
        """The stories of the devices that this test touched last; none when nobody can tell."""
        with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
            devices = dict.fromkeys([*self._attempted(), *self._buttons, *self._asked])
            return [self.story(one) for one in list(devices)[:_MOST_STORIES]]
        return []

    def _attempted(self) -> list[str]:
        """The devices of the latest attempts; none where a fault would strike the question."""
        if self.faults.may_strike("ListRecords"):
            return []
        records = self.http.get("/v1/records").json()["records"]
        return [one["deviceId"] for one in records]

    def _owned(self, device_id: str) -> bool:
        __tracebackhide__ = True
        why = self._why(device_id)
        return (why.get("state"), why.get("owner")) == ("CLAIMED", self.account)

    def _unrecorded(self, device_id: str) -> list[Unrecorded]:
        button = self._buttons.get(device_id)
        return [] if button is None else button.unrecorded

    def _put(self, device_id: str, step: str) -> str:
        """Take this step of a claim, as an SDK's first try; what was answered if it failed."""
        try:
            answer = self.http.put(
                f"/devices/{device_id}/{step}-claim",
                headers={"amz-sdk-invocation-id": str(uuid.uuid4())},
            )
        except httpx.TransportError as error:
            return f"no answer came to {step}: {error}"
        return _said(answer) if answer.is_error else ""

    def _why(self, device_id: str) -> dict[str, Any]:
        __tracebackhide__ = True
        self._asked[_checked_id(device_id)] = None
        answer = self.http.get(f"/v1/why/{device_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        return _taken(answer)


def _missed(button: SimulatedButton, click_type: str) -> str:
    """Click; why that cannot claim the device, if it cannot."""
    __tracebackhide__ = True
    try:
        receipt = button.click_sync(click_type)
    except httpx.TransportError as error:
        return f"no answer came to its click: {error}"
    except httpx.HTTPStatusError as error:
        return f"its click: {_said(error.response)}"
    if receipt.disposition is None:
        return f"its click was {receipt.reason}"
    return "" if receipt.disposition == "MATCHED" else f"its click is {receipt.disposition}"


def _checked_id(device_id: str) -> str:
    __tracebackhide__ = True
    if not isinstance(device_id, str):
        raise TypeError(f"a device id is a text, and {device_id!r} is not")
    try:
        return parse_device_id(device_id)
    except InvalidRequestError as error:
        raise ValueError(str(error)) from None


def _taken(answer: httpx.Response) -> dict[str, Any]:
    """What was asked for; what cannot be asked is the caller's mistake, in the service's words."""
    __tracebackhide__ = True
    if answer.is_client_error:
        raise ValueError(_said(answer))
    told: dict[str, Any] = answer.raise_for_status().json()
    return told


def _said(answer: httpx.Response) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(answer.json()["message"])
    return f"status {answer.status_code}"


def _without_proxy() -> str:
    """The hosts that are reached without a proxy: those of now, and this machine."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return ",".join(dict.fromkeys([*filter(None, named.split(",")), "127.0.0.1"]))


class _Lent(httpx.BaseTransport):
    """Somebody else's transport: closing this one closes nothing."""

    def __init__(self, owned: httpx.BaseTransport) -> None:
        self._owned = owned

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._owned.handle_request(request)
