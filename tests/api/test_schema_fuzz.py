"""Whatever fits the OpenAPI document, and much that does not: no 500, no undocumented answer."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from schemathesis.generation import GenerationMode

from tests.api.world import DEVICE, World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
FEW = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

pytestmark = pytest.mark.slow


class Fuzzed:
    """A service that stays the same for all examples; its streams end as soon as they begin."""

    def __init__(self) -> None:
        self.world = World()
        self.world.app.close()
        config = schemathesis.Config()
        config.projects.default.generation.update(modes=list(GenerationMode))
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", self.world.app, config=config)

    def claim_again(self) -> str:
        """The device is claimed by whoever calls unsigned; its attempt's id."""
        return asyncio.run(self._claim_again())

    async def _claim_again(self) -> str:
        device = await self.world.store.device("default", DEVICE)
        if device is None or device.claim.state != "CLAIMED":
            self.world.clock.move(11 * 60_000)
            await self.world.claim(DEVICE)
            device = await self.world.store.device("default", DEVICE)
        return device.claim.attempt_id


FUZZED = Fuzzed()
schema = FUZZED.schema


# A plan of faults would make every later answer one that is planned: it has tests of its own.
@schema.exclude(operation_id=["PutFaults", "AddFaults"]).parametrize()
@FEW
def test_any_request_gets_a_documented_answer(case):
    case.call_and_validate(checks=CHECKS)


@schema.include(path_regex=r"\{").parametrize()
@FEW
def test_any_request_about_what_is_there_gets_a_documented_answer(case):
    own = {
        "deviceId": DEVICE,
        "resource-arn": quote(FUZZED.world.arn(), safe=""),
        "attemptId": FUZZED.claim_again(),
        "claimCode": "C-123EXAMPLE",
    }
    for name in case.path_parameters:
        case.path_parameters[name] = own[name]
    case.call_and_validate(checks=CHECKS)
