"""Every refusal of the rules has a name and a status on the wire."""

from __future__ import annotations

import pytest

from orchestrator.api.errors import (
    MODELLED,
    REFUSALS,
    STATUS,
    TOO_LARGE,
    DoorError,
    refusal_of,
)
from orchestrator.api.operations import OPERATIONS
from orchestrator.domain import errors as domain

BY_NAME = {row.name: row for row in OPERATIONS}


def leaves(kind: type) -> set[type]:
    below = kind.__subclasses__()
    return set().union(*map(leaves, below)) if below else {kind}


def test_every_leaf_of_the_refusals_has_a_name_and_the_name_a_status():
    ours = {leaf for leaf in leaves(domain.RefusedError) if leaf.__module__ == domain.__name__}
    assert set(REFUSALS) == ours
    assert set(REFUSALS.values()) <= set(STATUS)


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (domain.InvalidRequestError("no"), 400, "InvalidRequestException"),
        (domain.ClaimCodeRefusedError(), 403, "ForbiddenException"),
        (domain.UnknownDeviceError(), 404, "ResourceNotFoundException"),
        (domain.TakenError("A"), 409, "ResourceConflictException"),
        (domain.TooManyInitiatesError("wait"), 409, "ResourceConflictException"),
        (domain.NoClaimOpenError("A"), 412, "PreconditionFailedException"),
        (domain.PressNotSeenError("A"), 412, "PreconditionFailedException"),
        (domain.StaleEpochError("A", "epoch 1", "epoch 2"), 412, "PreconditionFailedException"),
        (domain.PageTokenError(), 416, "RangeNotSatisfiableException"),
        (DoorError(TOO_LARGE, "much"), 413, "RequestTooLargeException"),
    ],
)
def test_a_refusal_is_answered_with_its_status_name_and_message(error, status, name):
    refusal = refusal_of(error, tuple(MODELLED), "id")
    assert (refusal.status, refusal.name, refusal.message) == (status, name, str(error))


def test_a_fault_of_ours_says_the_request_id_and_nothing_of_its_cause():
    refusal = refusal_of(domain.StoreFullError("/srv/secret is full"), tuple(MODELLED), "req-7")
    assert (refusal.status, refusal.name) == (500, "InternalFailureException")
    assert "req-7" in refusal.message
    assert "secret" not in refusal.message


def test_an_operation_that_models_no_400_answers_404_to_a_name_that_cannot_be_one():
    row = BY_NAME["ListTagsForResource"]
    refusal = refusal_of(domain.InvalidRequestError("no ARN"), row.errors, "id")
    assert (refusal.status, refusal.name) == (404, "ResourceNotFoundException")
